//! One writer at a time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::Result;
use crate::file::{folder_of, io_error};

/// Keeps other programs that ask for it from a library until it is dropped. Readers need none: they
/// see the old file or the new one.
///
/// The lock is on a file of its own, `INDEX.lock`, because the library's file is replaced when it is
/// written. The system gives it back when a program ends, however it ends; the empty file stays.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until no other program holds the lock of the library at `path`, and takes it. Folders
    /// that are missing are made.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) where the lock file cannot be made or locked.
    pub fn acquire(path: impl AsRef<Path>) -> Result<Self> {
        let path = lock_path(path.as_ref());
        let io = io_error("lock", &path);
        fs::create_dir_all(folder_of(&path)).map_err(&io)?;
        let file = File::create(&path).map_err(&io)?;
        file.lock().map_err(&io)?;
        Ok(Self { _file: file })
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}
