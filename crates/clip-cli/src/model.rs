//! Which model answers, and where models lie.

use std::path::{Component, Path, PathBuf};

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
    /// The model that `--model` names: a file of that path, else the built-in model, else a file of
    /// that name in the folders of models, in their order.
    pub(crate) fn find(name: Option<&Path>) -> Result<Self> {
        let Some(name) = name else {
            return Ok(Self::Embedded);
        };
        if name.is_file() {
            return Ok(Self::File(name.to_owned()));
        }
        if name.as_os_str() == EMBEDDED && cfg!(feature = "embedded-model") {
            return Ok(Self::Embedded);
        }
        if let Some(found) = places::model_folders().iter().find_map(|folder| named(folder, name)) {
            return Ok(Self::File(found));
        }
        if name.is_dir() {
            bail!(
                "{0} is a folder, a model is one file: convert it with `clip-cli models add {0}`",
                name.display()
            );
        }
        bail!(
            "there is no model {0}: give a checkpoint file or a name that `clip-cli models` lists, or convert one with `clip-cli models add {0}`",
            name.display()
        )
    }

    /// All models on this machine, with what `--model` calls each: the built-in one, then the files of
    /// each folder. One whose name means another before it is called by its path.
    pub(crate) fn all() -> Vec<(String, Self)> {
        let mut all = Vec::new();
        if cfg!(feature = "embedded-model") {
            all.push((EMBEDDED.to_owned(), Self::Embedded));
        }
        let own = places::own_models();
        for folder in places::model_folders() {
            for (name, path) in files(&folder, DEPTH) {
                let is_taken = all.iter().any(|(taken, _)| *taken == name);
                // The repository keeps the built-in model as a file too.
                if is_taken && name == EMBEDDED && Some(&folder) != own.as_ref() {
                    continue;
                }
                let name = if is_taken { path.display().to_string() } else { name };
                all.push((name, Self::File(path)));
            }
        }
        all
    }

    /// Opens the checkpoint without reading its weights.
    pub(crate) fn checkpoint(&self) -> Result<Checkpoint> {
        Ok(match self {
            Self::Embedded => embedded()?,
            Self::File(path) => Checkpoint::open(path)?,
        })
    }
}

/// Folders in each other that a name can lead through: `models add` once made `owner/name`.
const DEPTH: usize = 1;

const ENDING: &str = "safetensors";

/// The file that the name means in a folder of models. A name does not lead out of it.
fn named(folder: &Path, name: &Path) -> Option<PathBuf> {
    let parts = name.components();
    if !(1..=DEPTH + 1).contains(&parts.clone().count())
        || !parts.clone().all(|part| matches!(part, Component::Normal(_)))
    {
        return None;
    }
    let mut file = folder.join(parts.collect::<PathBuf>()).into_os_string();
    file.push(".");
    file.push(ENDING);
    Some(PathBuf::from(file)).filter(|file| file.is_file())
}

/// The files that names mean in a folder, by name.
fn files(folder: &Path, depth: usize) -> Vec<(String, PathBuf)> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.path()) {
        let Some(stem) = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()) else {
            continue;
        };
        if path.is_file() && path.extension().is_some_and(|ending| ending == ENDING) {
            files.push((stem, path));
        } else if depth > 0 && path.is_dir() {
            let outer = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let inner = self::files(&path, depth - 1).into_iter();
            files.extend(inner.map(|(name, path)| (format!("{outer}/{name}"), path)));
        }
    }
    files.sort();
    files
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
