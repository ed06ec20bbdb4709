//! Models in the layout of Hugging Face transformers.

mod config;
pub(crate) mod json;
mod license;
mod preprocessor;
mod table;
mod tokenizer;
mod vocabulary;

use std::path::{Path, PathBuf};

use crate::model::{Layout, Model};
use crate::weights::{Weights, file_name};
use crate::{Error, Family, Result};

static LAYOUT: Layout = Layout {
    family: Family::HuggingFace,
    table: table::TABLE,
    authority: "config.json",
    is_harmless,
};

/// Whether there is a configuration beside the weights, or the tensors have names that want one.
pub(crate) fn claims(path: &Path, weights: &Weights) -> bool {
    let is_ours = |name: &str| name.starts_with("vision_model.") || name.starts_with("text_model.");
    folder(path).join(config::FILE).is_file() || weights.names().any(is_ours)
}

/// Reads the files beside the weights.
pub(crate) fn model(path: &Path, weights: Weights) -> Result<Model> {
    let folder = folder(path);
    let (config, tokens) = config::read(folder)?;
    let name = folder.canonicalize().map_or_else(|_| file_name(folder), |path| file_name(&path));
    Ok(Model {
        layout: &LAYOUT,
        origin: name.clone(),
        name,
        tokenizer: tokenizer::read(folder, config.text.vocab_size, tokens)?,
        preprocess: preprocessor::read(folder)?,
        license: license::read(folder),
        config,
        weights,
    })
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The weights of a folder.
pub(crate) fn locate(folder: &Path) -> Result<PathBuf> {
    /// The second of each pair is the index of shards. `torch.save` wrote the last two.
    const NAMES: [&str; 4] = [
        "model.safetensors",
        "model.safetensors.index.json",
        "pytorch_model.bin",
        "pytorch_model.bin.index.json",
    ];
    let missing = || Error::MissingFile { folder: folder.into(), file: NAMES[0].into() };
    let paths = NAMES.iter().map(|name| folder.join(name));
    paths.into_iter().find(|path| path.is_file()).ok_or_else(missing)
}

/// Buffers that older versions of transformers stored beside the weights: `0, 1, 2, ..`.
fn is_harmless(name: &str) -> bool {
    name.ends_with(".position_ids")
}
