//! Letters with marks, which Unicode writes in two ways: `ü` as one character or as `u` and a mark.
//!
//! macOS names files in the second, keyboards and other systems write the first, and people mean the
//! same. So names and tags are compared in the composed form, NFC (Unicode Standard Annex 15).

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The composed form.
pub(crate) fn composed(text: &str) -> Cow<'_, str> {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => text.into(),
        IsNormalized::No | IsNormalized::Maybe => text.nfc().collect::<String>().into(),
    }
}

/// Tags as they are stored: composed, in order, each once.
#[cfg(any(feature = "milvus", feature = "sqlite"))]
pub(crate) fn composed_tags(tags: &[String]) -> Vec<String> {
    let mut tags: Vec<String> = tags.iter().map(|tag| composed(tag).into_owned()).collect();
    tags.sort();
    tags.dedup();
    tags
}

/// The forms in which a tag may have been stored: composed, and in libraries of earlier versions as it
/// was written.
#[cfg(any(feature = "milvus", feature = "sqlite"))]
pub(crate) fn forms(tag: &str) -> Vec<String> {
    let mut forms = vec![composed(tag).into_owned(), tag.nfd().collect(), tag.to_owned()];
    forms.sort();
    forms.dedup();
    forms
}
