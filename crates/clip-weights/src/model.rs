//! What every family of sources comes down to.

use std::path::{Path, PathBuf};

use clip_checkpoint::{Activation, Checkpoint, ModelConfig, PreprocessConfig, TokenizerConfig};

use crate::hf::license;
use crate::recipe::Row;
use crate::weights::{Weights, folder_name};
use crate::{Error, Family, Result, efficientnet, hf, open_clip, openai, sentence_transformers};

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

impl Model {
    /// Reads everything but the values of the tensors. Their names tell the family; `activation` is
    /// used where the source does not say.
    pub(crate) fn open(path: &Path, activation: Option<Activation>) -> Result<Self> {
        if let Some(part) = sentence_transformers_part(path)? {
            // The part is called by its number: the name and the card are those of the whole.
            let model = Self::open(&part, activation)?;
            let (name, license) = (folder_name(path), license::read(path));
            return Ok(Self {
                origin: name.clone(),
                name,
                license: model.license.or(license),
                ..model
            });
        }
        let path = locate(path)?;
        let mut weights = Weights::open(&path)?;
        weights.select_model(&[&open_clip::LANDMARKS, &hf::LANDMARKS])?;
        if open_clip::claims(&path, &weights) {
            open_clip::model(&path, weights)
        } else if openai::claims(&weights) {
            openai::model(&path, weights, activation)
        } else if hf::claims(&path, &weights) {
            hf::model(&path, weights)
        } else if efficientnet::claims(&weights) {
            Err(Error::Classifier { files: weights.file_names() })
        } else {
            let names = weights.names().map(str::to_owned).collect();
            Err(Error::UnknownLayout { files: weights.file_names(), names })
        }
    }
}

/// Where in a folder of sentence-transformers the model is; none of what is a model's folder itself.
fn sentence_transformers_part(path: &Path) -> Result<Option<PathBuf>> {
    if hf::is_configured(path) || open_clip::is_configured(path) {
        return Ok(None);
    }
    sentence_transformers::model_folder(path)
}

/// The weights file, or the index of the shards, that `path` speaks of.
fn locate(path: &Path) -> Result<PathBuf> {
    if path.is_dir() {
        // Many folders on the hub hold the same model twice; transformers' files say more about it.
        let is_hf = hf::is_configured(path) && hf::locate(path).is_ok();
        let is_open_clip = open_clip::is_configured(path) && !is_hf;
        return if is_open_clip { open_clip::locate(path) } else { hf::locate(path) };
    }
    if !path.exists() {
        return Err(Error::NoSource { path: path.to_owned() });
    }
    if Checkpoint::open(path).is_ok() {
        return Err(Error::AlreadyCanonical { path: path.to_owned() });
    }
    Ok(path.to_owned())
}
