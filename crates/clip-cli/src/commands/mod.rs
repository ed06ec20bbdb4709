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

use crate::{output, report};

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

/// Says it where classes have numbers and no names: "a picture of a 3" tells a model nothing.
fn warn_of_numbers(names: &[String]) {
    let is_number = |name: &&String| {
        name.starts_with(|c: char| c.is_ascii_digit() || c == '-') && name.parse::<f64>().is_ok()
    };
    let numbers = names.iter().filter(is_number).count();
    if numbers > 0 {
        report::warning(format_args!(
            "{numbers} of the {} are numbers, and texts say those: put names in their place, or list them in classnames.txt beside the data, a line for each class from 0 on",
            output::count(names.len(), "name")
        ));
    }
}
