//! Where collections are: never beside the images.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clip::Checkpoint;
use directories::ProjectDirs;

use crate::{Error, Result};

/// Where a collection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A collection of a cluster, by its address.
    Cluster(String),
}

impl Location {
    /// Where a model's collection is unless somebody says otherwise: in the platform's data folder,
    /// one for each model, so that changing the model never meets another model's vectors.
    ///
    /// # Errors
    ///
    /// [`Error::NoDataFolder`] where the platform has none.
    pub fn default_for(checkpoint: &Checkpoint) -> Result<Self> {
        let data = data_folder().ok_or(Error::NoDataFolder)?;
        let fingerprint = checkpoint.fingerprint();
        let short = fingerprint.get(..8).unwrap_or(&fingerprint);
        // A checkpoint of somebody else's may say that it is called `../..`.
        let name = &checkpoint.card().name;
        let name = if clip_weights::check_name(name).is_ok() { name } else { "model" };
        Ok(Self::Folder(data.join(format!("{name}-{short}.clipindex"))))
    }

    /// Whether it is in a cluster.
    pub fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// The folder, if it is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Cluster(_) => None,
        }
    }

    /// The folder or the address, as a user would name it.
    pub fn as_path(&self) -> &Path {
        match self {
            Self::Folder(folder) => folder,
            Self::Cluster(address) => Path::new(address),
        }
    }
}

impl From<&Path> for Location {
    /// `milvus://` and `milvus+tls://` begin an address, anything else is a folder.
    fn from(path: &Path) -> Self {
        let is_address = |path: &&str| {
            ["milvus://", "milvus+tls://"].iter().any(|start| path.starts_with(start))
        };
        match path.to_str().filter(is_address) {
            Some(address) => Self::Cluster(address.to_owned()),
            None => Self::Folder(path.to_owned()),
        }
    }
}

impl FromStr for Location {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Path::new(text).into())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_path().display().fmt(f)
    }
}

/// The platform's folder for the data of this program.
pub(crate) fn data_folder() -> Option<PathBuf> {
    ProjectDirs::from("", "", "clip").map(|dirs| dirs.data_dir().to_owned())
}
