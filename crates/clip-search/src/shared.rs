//! A collection that several threads use.

use std::sync::{Arc, Mutex, PoisonError};

use crate::Collection;

/// A collection that several threads use, one at a time.
///
/// All that knows how threads share a collection is in this file: a store that gives readers which
/// need not wait for each other changes nothing else.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Collection>>);

impl Shared {
    pub(crate) fn new(collection: Collection) -> Self {
        Self(Arc::new(Mutex::new(collection)))
    }

    /// Reads the collection as it is.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&Collection) -> R) -> R {
        // Whoever panicked has committed nothing.
        read(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the collection.
    pub(crate) fn write<R>(&self, write: impl FnOnce(&mut Collection) -> R) -> R {
        write(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
