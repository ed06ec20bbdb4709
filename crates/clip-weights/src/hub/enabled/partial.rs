//! A file on its way: `NAME.part` until it is whole, and `NAME.etag` beside it, which says of which
//! file its bytes are.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::hashing::sha256_of;
use crate::{Error, Progress, Result};

/// A download that is not whole yet. Another program cannot add to it meanwhile.
#[derive(Debug)]
pub(super) struct Partial<'a> {
    target: &'a Path,
    path: PathBuf,
    tag: PathBuf,
    file: File,
    length: u64,
}

impl<'a> Partial<'a> {
    /// Opens what an earlier run left, or an empty file; `None` where another program has it open.
    pub(super) fn open(target: &'a Path) -> Result<Option<Self>> {
        let (path, tag) = (beside(target, ".part"), beside(target, ".etag"));
        let stored = |reason| not_stored(&path, reason);
        fs::create_dir_all(target.parent().unwrap_or(target)).map_err(stored)?;
        let options =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = options.map_err(stored)?;
        // File systems without locks are as good as one program alone.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Ok(None);
        }
        let length = file.seek(SeekFrom::End(0)).map_err(stored)?;
        Ok(Some(Self { target, path, tag, file, length }))
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The server's name for the bytes that are there.
    pub(super) fn tag(&self) -> Option<String> {
        fs::read_to_string(&self.tag).ok().filter(|_| self.length > 0)
    }

    /// Throws away what is there, and notes what comes next.
    pub(super) fn begin(&mut self, tag: Option<&str>) -> Result<()> {
        let cleared = self.file.set_len(0).and_then(|()| self.file.rewind());
        let cleared = cleared.and_then(|()| match tag {
            Some(tag) => fs::write(&self.tag, tag),
            None => remove(&self.tag),
        });
        self.length = 0;
        cleared.map_err(|reason| not_stored(&self.path, reason))
    }

    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|reason| not_stored(&self.path, reason))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn sha256(&mut self, task: &str, progress: &mut dyn Progress) -> Result<String> {
        let io = |source| Error::Io { path: self.path.clone(), source };
        self.file.rewind().map_err(io)?;
        progress.start(task, self.length);
        let sha256 = sha256_of(&mut self.file, progress).map_err(io)?;
        progress.finish();
        Ok(sha256)
    }

    /// Gives the file its name.
    pub(super) fn finish(self) -> Result<()> {
        let named = self.file.sync_all().and_then(|()| fs::rename(&self.path, self.target));
        named.and_then(|()| remove(&self.tag)).map_err(|reason| not_stored(self.target, reason))
    }

    pub(super) fn discard(self) -> Result<()> {
        let removed = remove(&self.path).and_then(|()| remove(&self.tag));
        removed.map_err(|reason| not_stored(&self.path, reason))
    }
}

fn beside(target: &Path, ending: &str) -> PathBuf {
    let mut path = target.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn not_stored(path: &Path, reason: io::Error) -> Error {
    Error::NotStored { path: path.to_owned(), reason }
}
