//! Files that are written for a person to open.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// A file to be written, checked before the work that fills it.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    replace: bool,
}

impl NewFile {
    /// Refuses a name without the `ending` by which programs know the format, a folder that is not
    /// there, and a file that is, unless it is to be replaced.
    ///
    /// # Errors
    ///
    /// [`Error::OutputIsFolder`], [`Error::OutputEnding`], [`Error::NoOutputFolder`],
    /// [`Error::OutputExists`].
    pub fn new(path: PathBuf, ending: &str, replace: bool) -> Result<Self> {
        if path.is_dir() {
            return Err(Error::OutputIsFolder { path });
        }
        if path.extension().is_none_or(|found| !found.eq_ignore_ascii_case(ending)) {
            return Err(Error::OutputEnding { path, ending: ending.to_owned() });
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            return Err(Error::NoOutputFolder { folder: folder.to_owned() });
        }
        if !replace && path.exists() {
            return Err(Error::OutputExists { path });
        }
        Ok(Self { path, replace })
    }

    /// Its name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes it.
    ///
    /// # Errors
    ///
    /// [`Error::OutputExists`] where another program wrote one meanwhile, [`Error::Io`].
    pub fn write(&self, content: &[u8]) -> Result<()> {
        let file = match self.replace {
            true => File::create(&self.path),
            false => OpenOptions::new().write(true).create_new(true).open(&self.path),
        };
        file.and_then(|mut file| file.write_all(content)).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Error::OutputExists { path: self.path.clone() },
            _ => Error::io("write", &self.path)(error),
        })
    }
}
