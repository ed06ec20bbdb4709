//! What of a collection is on the disk, as it was indexed.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use clip_retrieval::{FileStamp, Item};

use crate::{count, metadata};

/// A file that is there, with the size and the time that it had when it was indexed.
#[derive(Debug)]
pub(super) struct File {
    /// As it was indexed, by its first name.
    pub(super) item: Item,
    /// Its other names in the library.
    pub(super) links: Vec<PathBuf>,
    /// Its place in the order of insertion.
    pub(super) index: usize,
    content: Content,
}

/// What is known of the content of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// It was not read yet.
    Unread,
    /// It was read, and is what was indexed.
    AsIndexed,
    /// It is not, or cannot be read.
    Other,
}

impl File {
    /// Reads it, once: whether it is what was indexed.
    pub(super) fn is_as_indexed(&mut self, left_out: &mut LeftOutFiles) -> bool {
        if self.content == Content::Unread {
            let path = self.path().to_owned();
            self.content = match metadata::content_hash(&path) {
                Ok(hash) if self.item.facts.hash.is_none_or(|indexed| indexed == hash) => {
                    Content::AsIndexed
                }
                Ok(_) => {
                    left_out.other_content.add(&path);
                    Content::Other
                }
                Err(error) => {
                    left_out.add(&path, &error);
                    Content::Other
                }
            };
        }
        self.content == Content::AsIndexed
    }

    /// Whether it was read, and is not what was indexed.
    pub(super) fn is_other(&self) -> bool {
        self.content == Content::Other
    }

    fn path(&self) -> &Path {
        self.item.path().unwrap_or(Path::new(""))
    }
}

/// The files of some items, without what is gone or was changed. Several names of one file (hard links,
/// or ways to it through linked or mounted folders) are one.
pub(super) fn present(items: Vec<Item>, left_out: &mut LeftOutFiles) -> Vec<File> {
    let mut files: Vec<File> = Vec::new();
    let mut known: HashMap<FileId, usize> = HashMap::new();
    for (index, item) in items.into_iter().enumerate() {
        let Some(path) = item.path() else { continue };
        let found = match look(path) {
            Ok(found) => found,
            Err(error) => {
                left_out.add(path, &error);
                continue;
            }
        };
        // What has neither stamp nor hash, as after some imports, may be anything by now.
        let is_known = item.stamp.is_some() || item.facts.hash.is_some();
        let is_same = |stamp| item.stamp.is_none_or(|indexed| indexed == stamp);
        let Some((_, id)) = found.filter(|(stamp, _)| is_known && is_same(*stamp)) else {
            left_out.changed.add(path);
            continue;
        };
        match known.get(&id).map(|at| &mut files[*at]) {
            Some(file) if file.path() == path => {}
            Some(file) => file.links.push(path.to_owned()),
            None => {
                known.insert(id, files.len());
                files.push(File { item, links: Vec::new(), index, content: Content::Unread });
            }
        }
    }
    files
}

/// The state of a file, and what tells it from all others; none of what is not a file.
fn look(path: &Path) -> io::Result<Option<(FileStamp, FileId)>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Ok(None);
    }
    Ok(Some((FileStamp::from_metadata(&metadata)?, id(path, &metadata)?)))
}

/// What all names of a file have in common: its device, and its number there.
type FileId = (u64, u64);

#[cfg(unix)]
fn id(_: &Path, metadata: &Metadata) -> io::Result<FileId> {
    use std::os::unix::fs::MetadataExt;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(windows)]
fn id(path: &Path, _: &Metadata) -> io::Result<FileId> {
    let information = winapi_util::file::information(&fs::File::open(path)?)?;
    Ok((information.volume_serial_number(), information.file_index()))
}

/// Files of a collection that are in no group, whatever they are like.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LeftOutFiles {
    /// They are no longer there.
    pub gone: Tally,
    /// They have another size or time than when they were indexed.
    pub changed: Tally,
    /// They have the size and the time that they had, and another content.
    pub other_content: Tally,
    /// They cannot be read.
    pub unreadable: Tally,
}

/// How many, and the first of them.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub count: usize,
    /// The first of them.
    pub first: Option<PathBuf>,
}

impl LeftOutFiles {
    /// What was left out, why, and what helps: a sentence for each reason. `name` says what a person
    /// calls a path.
    pub fn notes(&self, name: impl Fn(&Path) -> String) -> Vec<String> {
        let reasons = [
            (&self.gone, "no longer there", "index its folder again, or plug in its drive"),
            (&self.changed, "changed since it was indexed", "index its folder again"),
            (
                &self.other_content,
                "of another content than was indexed, with the same size and time",
                "give it a new time, as with `touch`, and index its folder again",
            ),
            (&self.unreadable, "cannot be read", "see who may read it"),
        ];
        let note = |(tally, reason, advice): (&Tally, &str, &str)| {
            let first = name(tally.first.as_ref()?);
            let such = if tally.count > 1 { "such as " } else { "" };
            let images = count(tally.count, "picture");
            Some(format!("{images} left out ({reason}), {such}{first}: {advice}"))
        };
        reasons.into_iter().filter_map(note).collect()
    }

    /// Counts one by what the system said of it.
    fn add(&mut self, path: &Path, error: &io::Error) {
        let tally = match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => &mut self.gone,
            _ => &mut self.unreadable,
        };
        tally.add(path);
    }
}

impl Tally {
    fn add(&mut self, path: &Path) {
        self.count += 1;
        self.first.get_or_insert_with(|| path.to_owned());
    }
}
