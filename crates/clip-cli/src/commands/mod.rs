//! One module a command.

pub(crate) mod classify;
pub(crate) mod completions;
pub(crate) mod embed;
pub(crate) mod index;
pub(crate) mod info;
pub(crate) mod models;
pub(crate) mod search;

use clip::Overflow;

/// What `--truncate` asks for.
fn overflow(truncate: bool) -> Overflow {
    if truncate { Overflow::Truncate } else { Overflow::Error }
}
