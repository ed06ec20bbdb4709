//! Neighbors that nobody would write: the sign of mojibake.

use std::sync::LazyLock;

use regex::Regex;

use super::patterns::alternatives;

static UNLIKELY: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&alternatives("unlikely")).expect("the pattern is valid"));

/// Whether a text looks like mojibake (ftfy's `is_bad`).
pub(super) fn is_bad(text: &str) -> bool {
    UNLIKELY.is_match(text)
}
