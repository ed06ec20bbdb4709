//! Making a library that takes the place of another.
//!
//! Beside the library `NAME` there is a folder `.NAME.reindex` for as long as that takes, also where the
//! program is stopped:
//!
//! | in it | what |
//! | --- | --- |
//! | `marker` | says whose folder this is; locked while a program works in it |
//! | `new` | the library that is made |
//! | `old` | the one before, from when the new one is complete until it is removed |
//!
//! The library is moved to `old`, then `new` into its place. So whenever the program is stopped, the
//! next run sees by what is there how far it came. A folder of that name without the marker is
//! somebody else's, and is left alone.

use std::ffi::OsString;
use std::fs::{self, DirEntry, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use clip_retrieval::Library;

use crate::{Error, Observer, Result, Silent, Warning};

/// Name of the marker.
const MARKER: &str = "marker";

/// What it says; earlier versions put the name of a program before.
const SAYS: &str = "reindex` works in this folder and removes it when it is done.\n";

/// The most that it says.
const LONGEST: u64 = 100;

/// The folder, while nobody else works in it.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The library whose place is taken.
    place: PathBuf,
    folder: PathBuf,
    marker: File,
}

impl Workspace {
    /// Makes the folder for the library at `place`, or takes up what a stopped run has left.
    pub(crate) fn open_or_create(place: &Path) -> Result<Self> {
        let place = resolved(place)?;
        let folder = folder_of(&place)?;
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => made.map_err(Error::io("make", &folder))?,
        }
        if !is_ours(&folder) && !is_begun(&folder) {
            return Err(Error::WorkspaceTaken { folder });
        }
        Self::lock(place, folder)
    }

    /// What a stopped run has left, if anything.
    fn open(place: &Path) -> Result<Option<Self>> {
        let place = resolved(place)?;
        let folder = folder_of(&place)?;
        if is_ours(&folder) { Self::lock(place, folder).map(Some) } else { Ok(None) }
    }

    fn lock(place: PathBuf, folder: PathBuf) -> Result<Self> {
        let path = folder.join(MARKER);
        let wrong = || Error::io("write", &path);
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut marker = options.open(&path).map_err(wrong())?;
        match marker.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::WorkspaceBusy { place }),
            Err(TryLockError::Error(error)) => return Err(wrong()(error)),
        }
        if marker.metadata().map_err(wrong())?.len() == 0 {
            marker.write_all(format!("`{SAYS}").as_bytes()).map_err(wrong())?;
            marker.sync_all().map_err(wrong())?;
        }
        Ok(Self { place, folder, marker })
    }

    /// Where the new library is made.
    pub(crate) fn new_library(&self) -> PathBuf {
        self.folder.join("new")
    }

    fn old_library(&self) -> PathBuf {
        self.folder.join("old")
    }

    /// Puts the new library, which is complete, into the place of the old one, which is removed.
    pub(crate) fn swap(self, observer: &mut dyn Observer) -> Result<()> {
        let (old, new) = (self.old_library(), self.new_library());
        rename(&self.place, &old)?;
        if let Err(error) = rename(&new, &self.place) {
            rename(&old, &self.place)?;
            return Err(error);
        }
        self.remove(observer)
    }

    /// Goes on where a program was stopped within [`Self::swap`].
    fn finish(self, observer: &mut dyn Observer) -> Result<()> {
        let (old, new) = (self.old_library(), self.new_library());
        match (self.place.exists(), new.exists(), old.exists()) {
            // Stopped before that, or by now there is nothing to go on with.
            (_, _, false) => Ok(()),
            (false, true, true) => {
                rename(&new, &self.place)?;
                self.remove(observer)
            }
            (false, false, true) => {
                rename(&old, &self.place)?;
                self.remove(observer)
            }
            (true, false, true) => self.remove(observer),
            (true, true, true) => {
                Err(Error::WorkspaceConflict { place: self.place.clone(), old, new })
            }
        }
    }

    /// Removes the old library, and the folder.
    fn remove(self, observer: &mut dyn Observer) -> Result<()> {
        let Self { folder, marker, place } = &self;
        let old = self.old_library();
        if old.exists() && !Library::delete(&old)? {
            move_rest(&old, place)?;
            if old.exists() {
                return Err(Error::WorkspaceNotEmpty { place: place.clone(), old });
            }
        }
        let marker_path = folder.join(MARKER);
        let _ = marker.unlock();
        fs::remove_file(&marker_path).map_err(Error::io("remove", &marker_path))?;
        if fs::remove_dir(folder).is_err() {
            observer.warning(Warning::FilesLeft { folder: folder.clone() });
        }
        Ok(())
    }
}

/// Moves what somebody else has put into the folder of a library to the same place in another, and
/// removes the folder; what is in the way there stays.
fn move_rest(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).map_err(Error::io("read", from))? {
        let from = entry.map_err(Error::io("read", from))?.path();
        let Some(to) = from.file_name().map(|name| to.join(name)) else { continue };
        match to.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => rename(&from, &to)?,
            Ok(metadata) if metadata.is_dir() && from.is_dir() => move_rest(&from, &to)?,
            _ => {}
        }
    }
    // It stays where something stays in it.
    let _ = fs::remove_dir(from);
    Ok(())
}

/// Goes on where a run was stopped as it put a new library into the place of the one at `place`.
pub(crate) fn finish(place: &Path, observer: &mut dyn Observer) -> Result<()> {
    match Workspace::open(place)? {
        Some(workspace) => workspace.finish(observer),
        None => Ok(()),
    }
}

/// As [`finish`], where nothing is at `place`: for whoever looks for a library there.
pub(crate) fn put_back(place: &Path) -> Result<()> {
    if place.exists() { Ok(()) } else { finish(place, &mut Silent) }
}

/// Whether nothing is in the folder that anybody could miss: it was made just now, or by a run that was
/// stopped before it had written the marker.
fn is_begun(folder: &Path) -> bool {
    let is_empty_marker = |entry: DirEntry| {
        let size = entry.metadata().map(|metadata| metadata.is_file().then_some(metadata.len()));
        entry.file_name() == MARKER && matches!(size, Ok(Some(0)))
    };
    let entries = folder.read_dir();
    entries.is_ok_and(|entries| entries.flatten().all(is_empty_marker))
}

fn is_ours(folder: &Path) -> bool {
    let mut content = String::new();
    let read = File::open(folder.join(MARKER))
        .and_then(|marker| marker.take(LONGEST).read_to_string(&mut content));
    read.is_ok() && content.starts_with('`') && content.ends_with(SAYS)
}

/// The place with its links resolved: what is moved is the library, not a link to it. Nothing may be
/// there, but its folder is.
fn resolved(place: &Path) -> Result<PathBuf> {
    if let Ok(place) = place.canonicalize() {
        return Ok(place);
    }
    let place = std::path::absolute(place).map_err(Error::io("find", place))?;
    let parts = place.parent().zip(place.file_name());
    let parts = parts.and_then(|(folder, name)| Some(folder.canonicalize().ok()?.join(name)));
    Ok(parts.unwrap_or(place))
}

fn folder_of(place: &Path) -> Result<PathBuf> {
    let name = place.file_name().ok_or_else(|| Error::NoName { place: place.to_owned() })?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(".reindex");
    Ok(place.with_file_name(hidden))
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|source| Error::Move {
        from: from.to_owned(),
        to: to.to_owned(),
        source,
    })
}
