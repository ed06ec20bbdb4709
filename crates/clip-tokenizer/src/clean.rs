//! What the references do to a text before it is cut into words.

use std::borrow::Cow;

use unicode_normalization_alignments::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::{entities, repair};

/// OpenAI's `basic_clean`, `whitespace_clean` and `lower`
/// (<https://github.com/openai/CLIP/blob/main/clip/simple_tokenizer.py>), and OpenCLIP's. The two
/// disagree on U+001C to U+001F, which are white space to Python's `split`; the repair has taken
/// those out.
pub(crate) fn openai(text: &str) -> String {
    let text = repair::repair(text);
    let text = entities::unescape(&entities::unescape(&text)).into_owned();
    collapse(&text).to_lowercase()
}

/// The normalizer of transformers' `CLIPTokenizer`: NFC, `\s+` to one space, lower case of each
/// character by itself.
pub(crate) fn hf(text: &str) -> String {
    nfc(text).chars().flat_map(char::to_lowercase).collect()
}

/// Canonical composition, with the tables of the `tokenizers` crate.
pub(crate) fn nfc(text: &str) -> Cow<'_, str> {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        _ => Cow::Owned(text.nfc().map(|(c, _)| c).collect()),
    }
}

/// Strips white space, and leaves one space where there was some.
fn collapse(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
