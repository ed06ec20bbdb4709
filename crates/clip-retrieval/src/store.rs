//! What a library is, wherever its vectors are.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::{
    Failure, Filter, Hit, Item, KeptTags, KnownFile, Modality, Result, SearchOptions, Snapshot,
};

/// Unit vectors of one model and what they stand for: in a folder ([`Library`](crate::Library)), or
/// elsewhere. Programs that work on any of them take `&dyn Store`.
///
/// Many threads may search it, and one write, at the same time: what is asked is answered from the
/// newest [`Snapshot`], and whoever asks several things about one state takes one.
pub trait Store: Send + Sync {
    /// What tells the weights of the model from all others, such as their checksum.
    fn fingerprint(&self) -> &str;

    /// What people call the model.
    fn model_name(&self) -> &str;

    /// Values of each vector.
    fn dimension(&self) -> usize;

    /// Where it is, as a user would name it.
    fn place(&self) -> String;

    /// Whether nothing was lost that the next writer has to put in order.
    fn is_whole(&self) -> bool {
        true
    }

    /// The newest committed state. It waits for no writer.
    ///
    /// # Errors
    ///
    /// Where the store cannot be asked.
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>>;

    /// Looks for what other programs have committed, so that the next snapshot need not: a service
    /// calls it from a thread of its own.
    ///
    /// # Errors
    ///
    /// As [`Self::snapshot`].
    fn reload(&self) -> Result<()>;

    /// Opens it to write. Where one program writes at a time, it waits for the writer before, also
    /// for one of the same thread: that has to be dropped first.
    ///
    /// # Errors
    ///
    /// Where it cannot be written to.
    fn writer(&self) -> Result<Box<dyn StoreWriter>>;

    /// [`Snapshot::count`] of the newest state.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::count`].
    fn count(&self) -> Result<usize> {
        self.snapshot()?.count()
    }

    /// [`Snapshot::search_all`] in the newest state.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::search_all`].
    fn search_all(
        &self,
        queries: &[&[f32]],
        top: usize,
        filter: &Filter,
        options: &SearchOptions,
    ) -> Result<Vec<Vec<Hit>>> {
        self.snapshot()?.search_all(queries, top, filter, options)
    }

    /// [`Snapshot::search`] in the newest state.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::search`].
    fn search(&self, query: &[f32], top: usize, filter: &Filter) -> Result<Vec<Hit>> {
        self.snapshot()?.search(query, top, filter)
    }

    /// [`Snapshot::sample`] of the newest state.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::sample`].
    fn sample(&self, count: usize, modality: Modality) -> Result<Vec<f32>> {
        self.snapshot()?.sample(count, modality)
    }

    /// [`Snapshot::items`] of the newest state.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::items`].
    fn items(&self, filter: &Filter) -> Result<Vec<Item>> {
        self.snapshot()?.items(filter)
    }

    /// [`Snapshot::get`] of the newest state.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`].
    fn get(&self, id: &str) -> Result<Option<(Item, Vec<f32>)>> {
        self.snapshot()?.get(id)
    }

    /// [`Snapshot::files`] of the newest state.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::files`].
    fn files(&self) -> Result<Vec<KnownFile>> {
        self.snapshot()?.files()
    }

    /// [`Snapshot::failures`] of the newest state.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::failures`].
    fn failures(&self) -> Result<Vec<Failure>> {
        self.snapshot()?.failures()
    }

    /// [`Snapshot::kept_tags`] of the newest state.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::kept_tags`].
    fn kept_tags(&self) -> Result<Vec<KeptTags>> {
        self.snapshot()?.kept_tags()
    }
}

/// What those have of a [`Store`] who only read it: snapshots. It is cloned for every thread.
#[derive(Clone)]
pub struct Reader(Arc<dyn Store>);

impl Reader {
    /// A reader of a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }

    /// As [`Store::snapshot`].
    ///
    /// # Errors
    ///
    /// As [`Store::snapshot`].
    pub fn snapshot(&self) -> Result<Arc<dyn Snapshot>> {
        self.0.snapshot()
    }

    /// As [`Store::reload`].
    ///
    /// # Errors
    ///
    /// As [`Store::reload`].
    pub fn reload(&self) -> Result<()> {
        self.0.reload()
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reader").field(&self.0.place()).finish()
    }
}

/// A [`Store`] that is written to. What was not committed when this is dropped may be lost.
pub trait StoreWriter: Send {
    /// The store with what was not committed yet.
    fn store(&self) -> &dyn Snapshot;

    /// Adds an item with its vector `[dimension]`. One of the same id is replaced; a file is one that
    /// could be read from now on.
    ///
    /// # Errors
    ///
    /// [`Error::Dimension`](crate::Error::Dimension), [`Error::NotFinite`](crate::Error::NotFinite)
    /// or [`Error::NotUnit`](crate::Error::NotUnit), each with the item's name;
    /// [`Error::PathNotUnicode`](crate::Error::PathNotUnicode); where it cannot be written to.
    fn upsert(&mut self, item: &Item, vector: &[f32]) -> Result<()>;

    /// Gives the item of an id another name and other facts; its vector stays. Says whether there was
    /// one. Another item that has the new id is replaced.
    ///
    /// # Errors
    ///
    /// As [`Self::upsert`].
    fn rename(&mut self, id: &str, item: &Item) -> Result<bool>;

    /// Removes the item of an id, with its tags; says whether there was one.
    ///
    /// # Errors
    ///
    /// Where it cannot be written to.
    fn remove(&mut self, id: &str) -> Result<bool>;

    /// Notes that a file could not be read. What it showed before is no longer true: its item goes,
    /// and its tags with it, unless they are kept by [`Self::keep_tags`].
    ///
    /// # Errors
    ///
    /// [`Error::PathNotUnicode`](crate::Error::PathNotUnicode); where it cannot be written to.
    fn fail(&mut self, failure: &Failure) -> Result<()>;

    /// Forgets that a file could not be read; says whether that was noted.
    ///
    /// # Errors
    ///
    /// As [`Self::fail`].
    fn forgive(&mut self, path: &Path) -> Result<bool>;

    /// Keeps the tags of a file that has no item, in the place of those that were kept for its path,
    /// until [`Self::forget_tags`].
    ///
    /// # Errors
    ///
    /// As [`Self::fail`].
    fn keep_tags(&mut self, tags: &KeptTags) -> Result<()>;

    /// Forgets the tags that were kept for a path.
    ///
    /// # Errors
    ///
    /// As [`Self::fail`].
    fn forget_tags(&mut self, path: &Path) -> Result<()>;

    /// Makes what was done last: afterwards it is there whatever happens.
    ///
    /// # Errors
    ///
    /// Where it cannot be written to: what was committed before is there.
    fn commit(&mut self) -> Result<()>;
}
