//! What a build without downloads says.

use std::path::{Path, PathBuf};

use crate::{Error, HubOptions, Progress, Result};

pub(crate) fn download(
    id: &str,
    _: Option<&str>,
    _: &HubOptions,
    _: &mut dyn Progress,
) -> Result<(PathBuf, String)> {
    Err(Error::HubDisabled { id: id.to_owned() })
}

pub(crate) fn verify(_: &str, _: &Path, _: &str) -> Result<()> {
    Ok(())
}
