//! Which model answers, and where models lie.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clip::{Checkpoint, Embedder, Overflow};

use crate::args::ModelArgs;
use crate::places;

/// Name of the model compiled into the program.
pub(crate) const EMBEDDED: &str = "clip-tiny";

/// How to get a large model.
pub(crate) const ADVICE: &str = "this is the small built-in model: it knows few things. OpenAI's weights know far more: \
     `clip-cli models pull clip-vit-base-patch32`, then search with \
     `--model clip-vit-base-patch32`";

/// A model on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Model {
    /// Compiled into the program.
    Embedded,
    /// A canonical checkpoint file.
    File(PathBuf),
}

impl Model {
    /// The model that `--model` names: a file, or a name looked up in the folders of models.
    pub(crate) fn find(name: Option<&Path>) -> Result<Self> {
        let Some(name) = name else {
            return Ok(Self::Embedded);
        };
        if name.is_file() {
            return Ok(Self::File(name.to_owned()));
        }
        if name.is_dir() {
            bail!(
                "{0} is a folder, a model is one file: convert it with `clip-cli models add {0}`",
                name.display()
            );
        }
        if name.as_os_str() == EMBEDDED && cfg!(feature = "embedded-model") {
            return Ok(Self::Embedded);
        }
        let mut file = name.as_os_str().to_owned();
        file.push(".safetensors");
        let candidates = places::model_folders().into_iter().map(|folder| folder.join(&file));
        if let Some(found) = candidates.into_iter().find(|candidate| candidate.is_file()) {
            return Ok(Self::File(found));
        }
        bail!(
            "there is no model {0}: give a checkpoint file or a name that `clip-cli models` lists, or convert one with `clip-cli models add {0}`",
            name.display()
        )
    }

    /// All models on this machine: the built-in one, then the files by name.
    pub(crate) fn all() -> Vec<Self> {
        let embedded = cfg!(feature = "embedded-model").then_some(Self::Embedded);
        let mut files: Vec<PathBuf> = places::model_folders()
            .iter()
            .filter_map(|folder| folder.read_dir().ok())
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == "safetensors"))
            .collect();
        files.sort();
        // The repository keeps the built-in model as a file too.
        if embedded.is_some() {
            let file = format!("{EMBEDDED}.safetensors");
            files.retain(|path| path.file_name().is_none_or(|name| *name != *file));
        }
        embedded.into_iter().chain(files.into_iter().map(Self::File)).collect()
    }

    /// Opens the checkpoint without reading its weights.
    pub(crate) fn checkpoint(&self) -> Result<Checkpoint> {
        Ok(match self {
            Self::Embedded => embedded()?,
            Self::File(path) => Checkpoint::open(path)?,
        })
    }
}

#[cfg(feature = "embedded-model")]
fn embedded() -> Result<Checkpoint> {
    Ok(clip::embedded_checkpoint()?)
}

#[cfg(not(feature = "embedded-model"))]
fn embedded() -> Result<Checkpoint> {
    bail!("this program was built without a model: name one with `--model FILE`")
}

/// The embedder that the options ask for.
pub(crate) fn embedder(args: &ModelArgs, overflow: Overflow) -> Result<Embedder> {
    let checkpoint = Model::find(args.model.as_deref())?.checkpoint()?;
    let device = args.device.open()?;
    Ok(Embedder::new(checkpoint, &device)?
        .with_batch_size(args.batch_size.into())
        .with_overflow(overflow))
}
