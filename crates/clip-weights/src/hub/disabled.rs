//! What a build without downloads says.

use std::path::{Path, PathBuf};

use crate::{Error, HubOptions, Progress, Result, Source};

pub(crate) fn download(
    id: &str,
    _: Option<&str>,
    options: &HubOptions,
    progress: &mut dyn Progress,
) -> Result<(PathBuf, String)> {
    download_file(id, options, progress)
}

pub(crate) fn download_file(
    id: &str,
    _: &HubOptions,
    _: &mut dyn Progress,
) -> Result<(PathBuf, String)> {
    Err(Error::HubDisabled { id: id.to_owned() })
}

pub(crate) fn verify(_: &Source, _: &str, _: &Path, _: &str) -> Result<()> {
    Ok(())
}
