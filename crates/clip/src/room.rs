//! How much the pictures that are being decoded may take up together.

use std::cell::Cell;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use clip_preprocess::{Picture, ReadOptions};

use crate::Result;

/// The bytes that all readers share.
#[derive(Debug)]
pub(crate) struct Budget {
    total: u64,
    free: Mutex<u64>,
    freed: Condvar,
}

/// A reader's share of the memory for decoded pictures. It is given back once the picture has been
/// prepared for the tower.
#[derive(Debug)]
pub struct Room<'a> {
    budget: &'a Budget,
    taken: Cell<u64>,
}

impl Budget {
    pub(crate) fn new(total: u64) -> Self {
        Self { total, free: Mutex::new(total), freed: Condvar::new() }
    }

    /// For one picture; nothing is taken yet.
    pub(crate) fn room(&self) -> Room<'_> {
        Room { budget: self, taken: Cell::new(0) }
    }

    fn free(&self) -> MutexGuard<'_, u64> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room<'_> {
    /// Waits until a decoded picture of so many bytes fits beside those that are being prepared.
    /// One that would never fit waits until it is alone.
    pub fn wait(&self, bytes: u64) {
        // Who waits holds nothing, or two readers could wait for each other.
        self.give_back();
        let bytes = bytes.min(self.budget.total);
        let free = self.budget.free();
        let mut free = (self.budget.freed.wait_while(free, |free| *free < bytes))
            .unwrap_or_else(PoisonError::into_inner);
        *free -= bytes;
        self.taken.set(bytes);
    }

    /// Reads a picture file and decodes it when there is room.
    ///
    /// # Errors
    ///
    /// [`Error::Picture`](crate::Error::Picture) where the file cannot be read.
    pub fn read(&self, path: &Path, options: &ReadOptions) -> Result<Picture> {
        Ok(Picture::read_when(path, options, |bytes| self.wait(bytes))?)
    }

    /// Decodes the bytes of a picture file when there is room; `origin` is what errors call them.
    ///
    /// # Errors
    ///
    /// [`Error::Picture`](crate::Error::Picture) where they are no picture that can be read.
    pub fn decode(&self, bytes: &[u8], origin: &str, options: &ReadOptions) -> Result<Picture> {
        Ok(Picture::decode_when(bytes, origin, options, |bytes| self.wait(bytes))?)
    }

    fn give_back(&self) {
        let bytes = self.taken.take();
        if bytes > 0 {
            *self.budget.free() += bytes;
            self.budget.freed.notify_all();
        }
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}
