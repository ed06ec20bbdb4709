//! Where the program keeps things: the platform's data folder, never beside the pictures.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clip::Checkpoint;
use clip_retrieval::{Error, Library, Store};
use directories::ProjectDirs;

use crate::args::LibraryArgs;
use crate::commands::reindex;
use crate::model::Model;
use crate::{cluster, shelf};

fn data_folder() -> Option<PathBuf> {
    ProjectDirs::from("", "", "clip").map(|dirs| dirs.data_dir().to_owned())
}

/// The user's own folder of models, where `models add` writes.
pub(crate) fn own_models() -> Option<PathBuf> {
    data_folder().map(|folder| folder.join("models"))
}

/// Folders in which a model is looked up by name: that of the repository, where `convert-weights`
/// writes, and the user's own.
pub(crate) fn model_folders() -> Vec<PathBuf> {
    std::iter::once(PathBuf::from("weights")).chain(own_models()).collect()
}

/// Where a library is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Folder(PathBuf),
    /// At that address.
    Cluster(String),
}

/// Where the library is that the options ask for.
pub(crate) fn library(args: &LibraryArgs, checkpoint: &Checkpoint) -> Result<Place> {
    match args.index.as_deref().and_then(cluster::address) {
        Some(address) => Ok(Place::Cluster(address.to_owned())),
        None => folder(args, checkpoint).map(Place::Folder),
    }
}

/// The folder of the library that the options ask for. The default is one for each model, so that
/// changing the model never meets another model's vectors.
fn folder(args: &LibraryArgs, checkpoint: &Checkpoint) -> Result<PathBuf> {
    if let Some(path) = &args.index {
        return Ok(path.clone());
    }
    let data = data_folder().context(
        "this platform names no data folder: say where the library is with --index FOLDER",
    )?;
    let fingerprint = checkpoint.fingerprint();
    let short = fingerprint.get(..8).unwrap_or(&fingerprint);
    // A checkpoint of somebody else's may say that it is called `../..`.
    let name = &checkpoint.card().name;
    let name = if clip_weights::check_name(name).is_ok() { name } else { "model" };
    Ok(data.join(format!("{name}-{short}.clipindex")))
}

/// Opens the library that the options ask for; none is made. Nothing is encoded for it, so one that is
/// named may be any model's.
pub(crate) fn open_store(args: &LibraryArgs, model: Option<&Path>) -> Result<Box<dyn Store>> {
    match args.index.as_deref().and_then(cluster::address) {
        Some(address) => cluster::open(address),
        None => Ok(Box::new(open_library(args, model)?)),
    }
}

/// As [`open_store`], for what a library in a folder alone can do.
pub(crate) fn open_library(args: &LibraryArgs, model: Option<&Path>) -> Result<Library> {
    let opened = match &args.index {
        Some(path) if cluster::address(path).is_some() => bail!(
            "{} is a cluster, and this is done for a library in a folder alone: `clip-cli export` brings one into a file",
            path.display()
        ),
        Some(path) => {
            reindex::put_back(path)?;
            Library::open(path)
        }
        None => {
            let checkpoint = Model::find(model)?.checkpoint()?;
            let (fingerprint, name) = (checkpoint.fingerprint(), &checkpoint.card().name);
            Library::open_for(folder(args, &checkpoint)?, &fingerprint, name)
        }
    };
    match opened {
        Ok(library) => {
            shelf::warn(&library);
            Ok(library)
        }
        Err(Error::NoLibrary { path }) => bail!(
            "there is no library {}: make one first, as in `clip-cli index ~/Pictures`",
            path.display()
        ),
        Err(error) => Err(error.into()),
    }
}
