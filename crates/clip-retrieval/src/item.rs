//! What a vector stands for.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crate::normal::composed;
use crate::path::{decode_path, encode_path};

/// The kind of data that a vector was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Modality {
    /// A picture.
    Image,
    /// A text.
    Text,
}

/// Where the data is, or the data itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Content {
    /// A file.
    Path(PathBuf),
    /// The text itself.
    Text(String),
}

impl Modality {
    /// Its name, as users write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Text => "text",
        }
    }

    /// The modality of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Image, Self::Text].into_iter().find(|modality| modality.name() == name)
    }
}

impl Content {
    pub(crate) fn default_id(&self) -> String {
        match self {
            Self::Path(path) => Item::path_id(path),
            Self::Text(text) => Item::text_id(text),
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

/// Size and time of a file when it was encoded: while both stay, so does the vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    /// Bytes.
    pub size: u64,
    /// Time of the last change in nanoseconds since 1970 (UTC), negative before.
    pub modified: i64,
}

impl FileStamp {
    /// The stamp of a file as it is now.
    ///
    /// # Errors
    ///
    /// What the system says where there is no such file, or where it keeps no time of change.
    pub fn of(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::from_metadata(&std::fs::metadata(path)?)
    }

    /// The stamp of a file of which the system has said this.
    ///
    /// # Errors
    ///
    /// Where it keeps no time of change.
    pub fn from_metadata(metadata: &Metadata) -> io::Result<Self> {
        // Centuries away all times are the same.
        let nanoseconds = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        let modified = match metadata.modified()?.duration_since(UNIX_EPOCH) {
            Ok(after) => nanoseconds(after),
            Err(before) => -nanoseconds(before.duration()),
        };
        Ok(Self { size: metadata.len(), modified })
    }
}

/// What a picture file says of itself; it is read anew whenever the file changes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// BLAKE3 of the file: the same picture elsewhere is told by it.
    pub hash: Option<[u8; 32]>,
    /// Width and height in pixels, as it is shown.
    pub size: Option<[u32; 2]>,
    /// When it was taken, in seconds since 1970 of the camera's own clock.
    pub taken: Option<i64>,
    /// Where it was taken: degrees north and east.
    pub place: Option<[f64; 2]>,
    /// The keywords that stand in the file, in order, each once.
    pub tags: Vec<String>,
}

/// How a user changed the tags of an item. Kept apart from the keywords of its file, so that reading
/// the file anew loses nothing of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserTags {
    /// Tags that were added, also where the file has them as keywords.
    pub added: BTreeSet<String>,
    /// Keywords of the file that are no tags of the item.
    pub removed: BTreeSet<String>,
}

impl UserTags {
    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    /// Adds a tag.
    pub fn add(&mut self, tag: &str) {
        let tag = composed(tag);
        self.removed.retain(|removed| composed(removed) != tag);
        self.added.insert(tag.into_owned());
    }

    /// Removes a tag, from an item whose file has these keywords.
    pub fn remove(&mut self, tag: &str, keywords: &[String]) {
        let tag = composed(tag);
        self.added.retain(|added| composed(added) != tag);
        if keywords.iter().any(|keyword| composed(keyword) == tag) {
            self.removed.insert(tag.into_owned());
        }
    }

    /// Takes over what was changed elsewhere. Of a tag that one added and the other removed, nothing is
    /// lost: it stays.
    pub fn merge(&mut self, other: &Self) {
        self.added.extend(other.added.iter().cloned());
        self.removed.extend(other.removed.iter().cloned());
        self.removed.retain(|tag| !self.added.contains(tag));
    }

    /// As it is stored: in the composed form.
    #[cfg(any(feature = "milvus", feature = "sqlite"))]
    pub(crate) fn composed(&self) -> Self {
        let composed = |tags: &BTreeSet<String>| {
            tags.iter().map(|tag| composed(tag).into_owned()).collect::<BTreeSet<_>>()
        };
        let (added, mut removed) = (composed(&self.added), composed(&self.removed));
        removed.retain(|tag| !added.contains(tag));
        Self { added, removed }
    }
}

/// One entry of a library, without its vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The name under which the item is replaced and removed, unique in its library.
    pub id: String,
    /// Where the data is, or the data itself.
    pub content: Content,
    /// The kind of the data.
    pub modality: Modality,
    /// State of the file when it was encoded.
    pub stamp: Option<FileStamp>,
    /// What else is known of it.
    pub facts: Facts,
    /// What a user said of its tags.
    pub user_tags: UserTags,
}

impl Item {
    /// A picture file in the state it was encoded in, with [`Self::path_id`] as its id: a path is
    /// there once.
    pub fn picture(path: impl Into<PathBuf>, stamp: Option<FileStamp>) -> Self {
        Self { stamp, ..Self::new(Content::Path(path.into()), Modality::Image) }
    }

    /// A text, with [`Self::text_id`] as its id: a text is there once.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Content::Text(text.into()), Modality::Text)
    }

    /// Any content of any modality, with the id of the content.
    pub fn new(content: Content, modality: Modality) -> Self {
        Self {
            id: content.default_id(),
            content,
            modality,
            stamp: None,
            facts: Facts::default(),
            user_tags: UserTags::default(),
        }
    }

    /// The same item under another id, where an application has its own.
    pub fn with_id(self, id: impl Into<String>) -> Self {
        Self { id: id.into(), ..self }
    }

    /// The id that an item of this path has unless it was given another.
    pub fn path_id(path: &Path) -> String {
        let path = encode_path(path).unwrap_or_else(|| path.to_string_lossy().into_owned());
        format!("path:{path}")
    }

    /// The path of an id that [`Self::path_id`] gave.
    pub fn path_of_id(id: &str) -> Option<PathBuf> {
        decode_path(id.strip_prefix("path:")?)
    }

    /// The id that an item of this text has unless it was given another.
    pub fn text_id(text: &str) -> String {
        format!("text:{text}")
    }

    /// Its tags: the keywords of the file as a user changed them; in order, each once.
    pub fn tags(&self) -> Vec<&str> {
        let UserTags { added, removed } = &self.user_tags;
        let all: BTreeSet<&String> = self.facts.tags.iter().chain(added).collect();
        let is_removed = |tag: &str| removed.contains(&*composed(tag));
        all.into_iter().map(String::as_str).filter(|tag| !is_removed(tag)).collect()
    }

    /// The file of the item, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match &self.content {
            Content::Path(path) => Some(path),
            Content::Text(_) => None,
        }
    }

    /// Whether the item is the file `path`, or in the folder `path` or below it. Paths are compared
    /// as they are written, component by component: `photos` holds `photos/dog.jpg`, and neither
    /// `photos2/dog.jpg` nor `./photos/dog.jpg`.
    pub fn is_under(&self, path: impl AsRef<Path>) -> bool {
        self.path().is_some_and(|own| own.starts_with(path))
    }
}
