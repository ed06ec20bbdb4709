//! The SHA-256 of every weights file, on a thread of its own: the tensors are converted meanwhile.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::thread::{Scope, ScopedJoinHandle};

use clip_checkpoint::SourceFile;
use sha2::{Digest, Sha256};

use crate::hex::hex;
use crate::path::file_name;
use crate::{Error, Progress, Result};

/// Hashes that are on their way.
pub(crate) struct Hashing<'scope> {
    thread: Option<ScopedJoinHandle<'scope, Result<Vec<SourceFile>>>>,
    files: Vec<SourceFile>,
}

impl<'scope> Hashing<'scope> {
    /// Reads the files one after the other; `check` looks at each path and hash.
    pub(crate) fn start<'env>(
        scope: &'scope Scope<'scope, 'env>,
        paths: &'scope [PathBuf],
        check: impl Fn(&PathBuf, &str) -> Result<()> + Send + 'scope,
    ) -> Self {
        let thread = scope.spawn(move || {
            let hashed = paths.iter().map(|path| {
                let io = |source| Error::Io { path: path.clone(), source };
                let mut file = File::open(path).map_err(io)?;
                let sha256 = sha256_of(&mut file, &mut ()).map_err(io)?;
                check(path, &sha256)?;
                Ok(SourceFile { name: file_name(path), sha256 })
            });
            hashed.collect()
        });
        Self { thread: Some(thread), files: Vec::new() }
    }

    /// Waits for the hashes. An error is told once.
    pub(crate) fn finish(&mut self) -> Result<&[SourceFile]> {
        if let Some(thread) = self.thread.take() {
            self.files = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        Ok(&self.files)
    }
}

/// The files before their hashes are known.
pub(crate) fn unknown(paths: &[PathBuf]) -> Vec<SourceFile> {
    let sha256 = hex(&[0; 32]);
    paths.iter().map(|path| SourceFile { name: file_name(path), sha256: sha256.clone() }).collect()
}

/// SHA-256 of what is left of a file.
pub(crate) fn sha256_of(file: &mut File, progress: &mut dyn Progress) -> io::Result<String> {
    let mut buffer = vec![0; 1 << 17];
    let mut digest = Sha256::new();
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex(&digest.finalize()));
        }
        digest.update(&buffer[..read]);
        progress.advance(read as u64);
    }
}
