//! Tokens that a text can spell out.

use std::collections::BTreeMap;

use super::added::Added;
use super::settings::Settings;
use super::{Library, Source, settings, unsupported};
use crate::Result;

/// The tokens that a text can spell out, by their ids: those that the files add, and those that have
/// a meaning.
pub(super) fn read(source: &Source, settings: &Settings, library: Library) -> Result<Vec<Added>> {
    // OpenCLIP takes the punctuation out of a text before.
    let can_be_spelled = |content: &str| {
        library == Library::Transformers || !content.contains(|c: char| c.is_ascii_punctuation())
    };
    let (file, added) = match &settings.added {
        Some(added) => (settings::FILE, added),
        None => (source.file, &source.added),
    };
    let mut spelled = BTreeMap::new();
    for token in added.iter().filter(|token| can_be_spelled(&token.content)) {
        let (field, id) = (format!("the added token {:?}", token.content), token.id);
        if let Some(condition) = token.condition(&source.model) {
            return Err(unsupported(file, &field, condition, "one that is found as it is written"));
        }
        if source.tokens.get(id as usize).is_some_and(|text| *text != token.content) {
            return Err(unsupported(file, &field, id, "the id that the vocabulary has for it"));
        }
        spelled.insert(id, token.clone());
    }
    for name in settings.named().filter(|name| can_be_spelled(&name.content)) {
        let added = added.iter().find(|token| token.content == name.content);
        match added.map(|token| token.id).or_else(|| source.id(&name.content)) {
            Some(id) => {
                spelled.entry(id).or_insert_with(|| Added::plain(id, &name.content));
            }
            None if name.is_default() => {}
            None => return Err(name.unsupported(&format!("a token of {}", source.file))),
        }
    }
    Ok(spelled.into_values().collect())
}
