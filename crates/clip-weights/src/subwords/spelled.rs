//! Tokens that a text can spell out.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::settings::Settings;
use super::{Library, Model, Source, settings, unsupported};
use crate::Result;

/// A token as both `tokenizer.json` and `tokenizer_config.json` list it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Added {
    #[serde(skip)]
    pub(super) id: u32,
    pub(super) content: String,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    normalized: bool,
    special: bool,
}

impl Added {
    pub(super) fn read(id: u32, token: &Value) -> Option<Self> {
        let added = Self::deserialize(token).ok()?;
        Some(Self { id, ..added }).filter(|added| !added.content.is_empty())
    }

    /// A token that is found as it is written.
    pub(super) fn plain(id: u32, content: &str) -> Self {
        Self { id, content: content.to_owned(), special: true, ..Self::default() }
    }

    pub(super) fn is_special(&self) -> bool {
        self.special
    }

    /// What would have to be done to find it, other than to look for it as it is written. Pieces
    /// leave no space beside a token anyway, and SentencePiece's class never looks in what is
    /// normalized.
    fn condition(&self, model: &Model) -> Option<&'static str> {
        let is_merges = matches!(model, Model::Merges(_));
        let conditions = [
            ("single_word", self.single_word),
            ("lstrip", is_merges && self.lstrip),
            ("rstrip", is_merges && self.rstrip),
            ("normalized", self.normalized && (is_merges || !self.special)),
        ];
        conditions.into_iter().find(|(_, is_set)| *is_set).map(|(name, _)| name)
    }
}

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
