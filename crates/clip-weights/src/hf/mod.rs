//! Models in the layout of Hugging Face transformers.

mod config;
pub(crate) mod json;
mod license;
mod preprocessor;
mod table;
mod tokenizer;
mod vocabulary;

use std::path::{Path, PathBuf};

use clip_checkpoint::{ModelConfig, PreprocessConfig, TokenizerConfig};

use crate::weights::{Weights, file_name};
use crate::{Error, Result};

pub(crate) use table::TABLE;

/// What a folder says about its model.
#[derive(Debug)]
pub(crate) struct Model {
    /// Name of the folder.
    pub(crate) name: String,
    pub(crate) config: ModelConfig,
    pub(crate) preprocess: PreprocessConfig,
    pub(crate) tokenizer: TokenizerConfig,
    pub(crate) license: Option<String>,
    pub(crate) weights: Weights,
}

impl Model {
    /// Reads everything but the values of the tensors.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let weights = locate(path)?;
        let folder = match weights.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let (config, tokens) = config::read(folder)?;
        Ok(Self {
            name: folder.canonicalize().map_or_else(|_| file_name(folder), |path| file_name(&path)),
            tokenizer: tokenizer::read(folder, config.text.vocab_size, tokens)?,
            preprocess: preprocessor::read(folder)?,
            license: license::read(folder),
            weights: Weights::open(&weights)?,
            config,
        })
    }
}

/// Buffers that older versions of transformers stored beside the weights: `0, 1, 2, ..`.
pub(crate) fn is_harmless(name: &str) -> bool {
    name.ends_with(".position_ids")
}

/// The weights file, or the index of the shards, that `path` speaks of.
fn locate(path: &Path) -> Result<PathBuf> {
    const SINGLE: &str = "model.safetensors";
    const INDEX: &str = "model.safetensors.index.json";
    /// What `torch.save` wrote before safetensors.
    const PICKLED: [&str; 2] = ["pytorch_model.bin", "pytorch_model.bin.index.json"];

    if path.is_dir() {
        let present = |name: &&str| path.join(name).is_file();
        if let Some(name) = [SINGLE, INDEX].iter().find(|name| present(name)) {
            return Ok(path.join(name));
        }
        return match PICKLED.iter().find(|name| present(name)) {
            Some(name) => Ok(path.join(name)),
            None => Err(Error::MissingFile { folder: path.to_owned(), file: SINGLE.to_owned() }),
        };
    }
    if !path.exists() {
        return Err(Error::NoSource { path: path.to_owned() });
    }
    if clip_checkpoint::Checkpoint::open(path).is_ok() {
        return Err(Error::AlreadyCanonical { path: path.to_owned() });
    }
    Ok(path.to_owned())
}
