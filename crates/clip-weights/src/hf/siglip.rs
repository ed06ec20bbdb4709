//! SigLIP, and SigLIP 2 with pictures of one size, which is the same model with another vocabulary.

mod config;

use std::path::Path;

use super::{license, preprocessor, table};
use crate::json::Fields;
use crate::model::{Layout, Model};
use crate::path::folder_name;
use crate::subwords::{self, Library};
use crate::weights::Weights;
use crate::{Family, Result};

static LAYOUT: Layout = Layout {
    family: Family::HuggingFace,
    tables: table::SIGLIP,
    authority: "config.json",
    is_harmless: super::is_harmless,
};

/// Reads the files beside the weights.
pub(super) fn model(folder: &Path, top: &Fields, weights: Weights) -> Result<Model> {
    let config = config::read(top)?;
    let name = folder_name(folder);
    let vocab_size = config.text.vocab_size;
    let (tokenizer, vocabulary) = subwords::read(folder, Library::Transformers, vocab_size)?;
    Ok(Model {
        layout: &LAYOUT,
        origin: name.clone(),
        name,
        tokenizer,
        vocabulary: Some(vocabulary),
        preprocess: preprocessor::read(folder, &preprocessor::SIGLIP)?,
        license: license::read(folder),
        config,
        weights,
    })
}
