//! A token beside the vocabulary.

use serde::Deserialize;
use serde_json::Value;

use super::Model;

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
    pub(super) fn condition(&self, model: &Model) -> Option<&'static str> {
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
