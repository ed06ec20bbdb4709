//! One writer at a time.

use std::fs::File;
use std::path::Path;

use crate::Result;
use crate::error::io_error;

/// Keeps other writers from a library until it is dropped. The system gives it back when a program
/// ends, however it ends; the empty file stays. Readers need none: they see what was committed.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until no other program holds the lock, and takes it.
    pub(super) fn acquire(path: &Path) -> Result<Self> {
        let io = io_error("lock", path);
        let file = File::create(path).map_err(&io)?;
        file.lock().map_err(&io)?;
        Ok(Self { _file: file })
    }
}
