//! Where the program keeps things: the platform's data folder, never beside the pictures.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clip::Checkpoint;
use directories::ProjectDirs;

use crate::args::LibraryArgs;

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

/// The library file that the options ask for. The default is one file for each model, so that
/// changing the model never meets another model's vectors.
pub(crate) fn library(args: &LibraryArgs, checkpoint: &Checkpoint) -> Result<PathBuf> {
    if let Some(path) = &args.index {
        return Ok(path.clone());
    }
    let folder = data_folder().context(
        "this platform names no data folder: say where the library is with --index FILE",
    )?;
    let fingerprint = checkpoint.fingerprint();
    let short = fingerprint.get(..8).unwrap_or(&fingerprint);
    Ok(folder.join(format!("{}-{short}.clipindex", checkpoint.card().name)))
}
