//! What a library is, wherever its vectors are.

use std::path::{Path, PathBuf};

use crate::{FileStamp, Filter, Item, Modality, Result, UserTags};

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

    /// The tags of files that have no item, which [`StoreWriter::keep_tags`] kept.
    ///
    /// # Errors
    ///
    /// Where the store cannot be asked.
    fn kept_tags(&self) -> Result<Vec<KeptTags>>;

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
    /// How a user changed its tags.
    pub user_tags: UserTags,
}

/// How a user changed the tags of a file that has no item: it is gone, left out, or could not be read,
/// and may come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptTags {
    /// Its path.
    pub path: PathBuf,
    /// BLAKE3 of it, where that was found.
    pub hash: Option<[u8; 32]>,
    /// The changes.
    pub user_tags: UserTags,
}

impl KeptTags {
    /// The changes of an item that is a file, if there are any.
    pub fn of(item: Item) -> Option<Self> {
        let path = item.path()?.to_owned();
        let (hash, user_tags) = (item.facts.hash, item.user_tags);
        (!user_tags.is_empty()).then_some(Self { path, hash, user_tags })
    }
}

/// A file that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its path.
    pub path: PathBuf,
    /// Its state when it could not.
    pub stamp: Option<FileStamp>,
    /// When anything of it changed, its permissions too, in nanoseconds since 1970 (`ctime`); none on
    /// systems that keep no such time.
    pub status_changed: Option<i64>,
    /// Why.
    pub error: String,
    /// By what it was read; none where the reason may pass by itself.
    pub attempt: Option<Attempt>,
}

/// What a failure to read a file depended on besides the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The program that read it: another may know more formats.
    pub reader: String,
    /// The limit that the picture was larger than, in megapixels, where that was the reason.
    pub max_megapixels: Option<u32>,
}

impl Failure {
    /// A failure of which no more is known.
    pub fn new(path: impl Into<PathBuf>, stamp: Option<FileStamp>, error: &str) -> Self {
        let (path, error) = (path.into(), error.to_owned());
        Self { path, stamp, status_changed: None, error, attempt: None }
    }
}
