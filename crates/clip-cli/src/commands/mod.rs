//! One module a command.

pub(crate) mod classify;
pub(crate) mod completions;
pub(crate) mod dupes;
pub(crate) mod embed;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod index;
pub(crate) mod info;
pub(crate) mod library;
pub(crate) mod map;
pub(crate) mod models;
pub(crate) mod reindex;
pub(crate) mod search;
pub(crate) mod similar;
pub(crate) mod tags;
pub(crate) mod train;

use clip::{Overflow, TextError};

/// What `--truncate` asks for.
fn overflow(truncate: bool) -> Overflow {
    if truncate { Overflow::Truncate } else { Overflow::Error }
}

/// Names the option that helps against a text that is too long.
fn name_truncate(error: clip::Error) -> anyhow::Error {
    match error {
        clip::Error::Text(TextError::TooLong { .. }) => {
            anyhow::Error::new(error).context("too long (--truncate cuts it)")
        }
        error => error.into(),
    }
}

/// As [`name_truncate`], of what the engine says.
fn name_truncate_in(error: clip_search::Error) -> anyhow::Error {
    match error {
        clip_search::Error::Clip(error) => name_truncate(error),
        error => error.into(),
    }
}
