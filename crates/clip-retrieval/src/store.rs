//! What a library is, wherever its vectors are.

use std::path::{Path, PathBuf};

use crate::{FileStamp, Filter, Item, Modality, Result};

/// Unit vectors of one model and what they stand for: in a folder ([`Library`](crate::Library)), or
/// elsewhere. Programs that work on any of them take `&dyn Store`.
pub trait Store: Send {
    /// What tells the weights of the model from all others, such as their checksum.
    fn fingerprint(&self) -> &str;

    /// What people call the model.
    fn model_name(&self) -> &str;

    /// Values of each vector.
    fn dimension(&self) -> usize;

    /// Where it is, as a user would name it.
    fn place(&self) -> String;

    /// Number of items.
    ///
    /// # Errors
    ///
    /// Where the store cannot be asked.
    fn count(&self) -> Result<usize>;

    /// The `top` items nearest to each query `[dimension]` among those that pass the filter, best
    /// first.
    ///
    /// # Errors
    ///
    /// [`Error::Dimension`](crate::Error::Dimension) or
    /// [`Error::NotFinite`](crate::Error::NotFinite) for a query that cannot be compared;
    /// [`Error::Glob`](crate::Error::Glob); where the store cannot be asked.
    fn search_all(&self, queries: &[&[f32]], top: usize, filter: &Filter) -> Result<Vec<Vec<Hit>>>;

    /// As [`Self::search_all`], and as exactly as the store can, however long that takes.
    ///
    /// # Errors
    ///
    /// As [`Self::search_all`].
    fn scan_all(&self, queries: &[&[f32]], top: usize, filter: &Filter) -> Result<Vec<Vec<Hit>>> {
        self.search_all(queries, top, filter)
    }

    /// [`Self::search_all`] for one query.
    ///
    /// # Errors
    ///
    /// As [`Self::search_all`].
    fn search(&self, query: &[f32], top: usize, filter: &Filter) -> Result<Vec<Hit>> {
        Ok(self.search_all(&[query], top, filter)?.pop().unwrap_or_default())
    }

    /// Vectors `[dimension]` of up to `count` items of a kind, spread over the store, the same ones
    /// as long as the store stays the same, one after the other: what a score is compared with that
    /// is to say more than an order.
    ///
    /// # Errors
    ///
    /// Where the store cannot be asked.
    fn sample(&self, count: usize, modality: Modality) -> Result<Vec<f32>>;

    /// The items that pass the filter.
    ///
    /// # Errors
    ///
    /// [`Error::Glob`](crate::Error::Glob); where the store cannot be asked.
    fn items(&self, filter: &Filter) -> Result<Vec<Item>>;

    /// The item of an id, and its vector `[dimension]`.
    ///
    /// # Errors
    ///
    /// Where the store cannot be asked.
    fn get(&self, id: &str) -> Result<Option<(Item, Vec<f32>)>>;

    /// Every file that has a vector.
    ///
    /// # Errors
    ///
    /// Where the store cannot be asked.
    fn files(&self) -> Result<Vec<KnownFile>>;

    /// The files that could not be read.
    ///
    /// # Errors
    ///
    /// Where the store cannot be asked.
    fn failures(&self) -> Result<Vec<Failure>>;

    /// Whether nothing was lost that the next writer has to put in order.
    fn is_whole(&self) -> bool {
        true
    }

    /// Opens it to write.
    ///
    /// # Errors
    ///
    /// Where it cannot be written to.
    fn writer(&mut self) -> Result<Box<dyn StoreWriter + '_>>;
}

/// A [`Store`] that is written to. What was not committed when this is dropped may be lost.
pub trait StoreWriter {
    /// The store as it is.
    fn store(&self) -> &dyn Store;

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

    /// Removes the item of an id; says whether there was one.
    ///
    /// # Errors
    ///
    /// Where it cannot be written to.
    fn remove(&mut self, id: &str) -> Result<bool>;

    /// Notes that a file could not be read, in the state that it has. What it showed before is no
    /// longer true: its item goes.
    ///
    /// # Errors
    ///
    /// [`Error::PathNotUnicode`](crate::Error::PathNotUnicode); where it cannot be written to.
    fn fail(&mut self, path: &Path, stamp: Option<FileStamp>, error: &str) -> Result<()>;

    /// Forgets that a file could not be read; says whether that was noted.
    ///
    /// # Errors
    ///
    /// As [`Self::fail`].
    fn forgive(&mut self, path: &Path) -> Result<bool>;

    /// Makes what was done last: afterwards it is there whatever happens.
    ///
    /// # Errors
    ///
    /// Where it cannot be written to: what was committed before is there.
    fn commit(&mut self) -> Result<()>;
}

/// One answer of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// What was found.
    pub item: Item,
    /// Dot product of query and vector; the cosine, where the query has length 1.
    pub score: f32,
}

/// A file that a library knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFile {
    /// Its path.
    pub path: PathBuf,
    /// Its state when it was encoded.
    pub stamp: Option<FileStamp>,
    /// BLAKE3 of it, where that was found.
    pub hash: Option<[u8; 32]>,
}

/// A file that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its path.
    pub path: PathBuf,
    /// Its state when it could not.
    pub stamp: Option<FileStamp>,
    /// Why.
    pub error: String,
}
