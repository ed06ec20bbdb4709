//! Which family a source is of, by its files and the names of its tensors.

use std::path::{Path, PathBuf};

use clip_checkpoint::{Activation, Checkpoint};

use crate::hf::license;
use crate::model::Model;
use crate::path::folder_name;
use crate::weights::Weights;
use crate::{Error, Result, efficientnet, hf, open_clip, openai, sentence_transformers};

/// Reads everything but the values of the tensors. Their names tell the family; `activation` is
/// used where the source does not say.
pub(crate) fn open(path: &Path, activation: Option<Activation>) -> Result<Model> {
    if let Some(part) = sentence_transformers_part(path)? {
        // The part is called by its number: the name and the card are those of the whole.
        let model = open(&part, activation)?;
        let (name, license) = (folder_name(path), license::read(path));
        return Ok(Model {
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
