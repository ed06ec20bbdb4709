//! Files that a command writes for a person to open.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// A file to be written, checked before the work that fills it.
#[derive(Debug)]
pub(crate) struct Target {
    path: PathBuf,
    force: bool,
}

impl Target {
    /// Refuses a name without the `ending` by which programs know the format, a folder that is not
    /// there, and a file that is, unless `force` says to overwrite it.
    pub(crate) fn new(path: PathBuf, ending: &str, force: bool) -> Result<Self> {
        let shown = path.display();
        if path.is_dir() {
            bail!("{shown} is a folder: name a file in it with --output FILE");
        }
        if path.extension().is_none_or(|found| !found.eq_ignore_ascii_case(ending)) {
            bail!("{shown} does not end in .{ending}: programs would not know how to open it");
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            bail!("there is no folder {} to write into: make it first", folder.display());
        }
        if !force && path.exists() {
            bail!("{}", exists(&path));
        }
        Ok(Self { path, force })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the file.
    pub(crate) fn write(&self, content: &[u8]) -> Result<()> {
        let file = match self.force {
            true => File::create(&self.path),
            false => OpenOptions::new().write(true).create_new(true).open(&self.path),
        };
        match file.and_then(|mut file| file.write_all(content)) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                bail!("{}", exists(&self.path))
            }
            done => done.with_context(|| format!("cannot write {}", self.path.display())),
        }
    }
}

fn exists(path: &Path) -> String {
    let path = path.display();
    format!("{path} is there already: overwrite it with --force, or name another file")
}
