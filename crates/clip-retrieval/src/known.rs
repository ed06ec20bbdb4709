//! What a store knows of files beside its items.

use std::path::PathBuf;

use crate::{FileStamp, Item, UserTags};

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
