//! What every family of sources comes down to.

use clip_checkpoint::{ModelConfig, PreprocessConfig, TokenizerConfig};

use crate::Family;
use crate::recipe::Row;
use crate::weights::Weights;

/// What a source says about its model.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) layout: &'static Layout,
    pub(crate) name: String,
    /// What the card calls the source.
    pub(crate) origin: String,
    pub(crate) config: ModelConfig,
    pub(crate) preprocess: PreprocessConfig,
    pub(crate) tokenizer: TokenizerConfig,
    /// What `tokenizer` calls a stored vocabulary.
    pub(crate) vocabulary: Option<Vec<u8>>,
    pub(crate) license: Option<String>,
    pub(crate) weights: Weights,
}

/// What a family calls its tensors.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) family: Family,
    /// Rows by the part of the model that they are of; families share some.
    pub(crate) tables: &'static [&'static [Row]],
    /// What calls for tensors of those names and shapes, for messages.
    pub(crate) authority: &'static str,
    /// Whether a tensor that the table does not name can be left out.
    pub(crate) is_harmless: fn(&str) -> bool,
}
