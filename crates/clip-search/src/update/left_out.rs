//! What an update leaves out or lets be, and a person should know.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::{Scan, UnreadFormats, count};

/// So many files are named.
const NAMED: usize = 3;

/// What an update leaves out or lets be.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Files that could not be read before, and would not be now.
    pub unreadable: Vec<PathBuf>,
    /// Images that stay, though they are not there.
    pub unplugged: Vec<PathBuf>,
    /// Images that an ignore file takes off the collection.
    pub ignored: usize,
    /// Images that stay, though the scan was not to look at them.
    pub excluded: usize,
}

/// What a person should know of what was left out.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Note {
    /// Files could not be read before, and did not change.
    Unreadable {
        /// How many.
        count: usize,
        /// The first of them, by the names that people have of them.
        first: Vec<String>,
    },
    /// Images stay, though they are not there: their drive may not be plugged in.
    Unplugged {
        /// How many.
        count: usize,
        /// The folder of the first.
        first: Option<String>,
    },
    /// So many images leave the collection, by an ignore file.
    Ignored(usize),
    /// So many listed files are left out by an ignore file.
    ListedIgnored(usize),
    /// So many images stay, though the scan was not to look at them.
    Excluded(usize),
    /// Images are of formats that are not read.
    Unread(UnreadFormats),
}

impl LeftOut {
    /// What a person should know of it, and of what the scan left out. `name` says what a person calls a
    /// path.
    pub fn notes(&self, scan: &Scan, name: impl Fn(&Path) -> String) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut add = |count: usize, note: Note| notes.extend((count > 0).then_some(note));
        let first = self.unreadable.iter().take(NAMED).map(|path| name(path)).collect();
        let (unreadable, unplugged) = (self.unreadable.len(), self.unplugged.len());
        add(unreadable, Note::Unreadable { count: unreadable, first });
        let first = self.unplugged.first().map(|path| name(path.parent().unwrap_or(path)));
        add(unplugged, Note::Unplugged { count: unplugged, first });
        add(self.ignored, Note::Ignored(self.ignored));
        add(scan.ignored, Note::ListedIgnored(scan.ignored));
        add(self.excluded, Note::Excluded(self.excluded));
        add(scan.unread.formats().len(), Note::Unread(scan.unread.clone()));
        notes
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { count: total, first } => {
                let files = count(*total, "file");
                write!(f, "{files} could not be read before and did not change: ")?;
                f.write_str(&first.join(", "))?;
                match total - first.len() {
                    0 => Ok(()),
                    more => write!(f, ", {more} more"),
                }
            }
            Self::Unplugged { count, first } => {
                let [folders, drive] = match count {
                    1 => ["a folder that is empty", "its drive"],
                    _ => ["folders that are empty", "their drive"],
                };
                let stay = images(*count, "stay");
                write!(f, "{stay} in the library, below {folders}: {drive} may not be plugged in")?;
                first.as_ref().map_or(Ok(()), |first| write!(f, ", such as {first}"))
            }
            Self::Ignored(count) => write!(
                f,
                "{} the library, left out by a .clipignore (tags that you gave are kept)",
                images(*count, "leave")
            ),
            Self::ListedIgnored(number) => {
                write!(f, "{} left out by a .clipignore", count(*number, "listed file"))
            }
            Self::Excluded(count) => write!(
                f,
                "{} in the library that this run did not look at: hidden, or in folders that are left out",
                images(*count, "stay")
            ),
            Self::Unread(formats) => formats.fmt(f),
        }
    }
}

/// A count of images with a verb.
fn images(number: usize, verb: &str) -> String {
    format!("{} {verb}{}", count(number, "picture"), if number == 1 { "s" } else { "" })
}
