//! Changing a library.

use std::fs;
use std::path::Path;

use super::atomic::UNFINISHED;
use super::bits::Bits;
use super::catalog::Catalog;
use super::library::Library;
use super::lock::Lock;
use super::merge::{self, Merged, SEAL};
use super::segment::{Segment, Source, write};
use super::view::{Part, View, graph_path, segment_number, segment_path, segments_folder};
use crate::error::io_error;
use crate::vector::check_unit;
use crate::{Failure, Item, KeptTags, Result};

/// A library that no other program writes into until this is dropped. What was not committed then is
/// taken back.
#[derive(Debug)]
pub struct Writer<'a> {
    library: &'a mut Library,
    _lock: Lock,
}

impl<'a> Writer<'a> {
    pub(super) fn new(library: &'a mut Library, lock: Lock) -> Result<Self> {
        // Somebody may have removed it; what was in it is lost, and the rest goes on.
        let segments = segments_folder(&library.folder);
        fs::create_dir_all(&segments).map_err(io_error("make", &segments))?;
        let mut writer = Self { library, _lock: lock };
        writer.catalog().upgrade()?;
        writer.sweep();
        if !writer.library.lost.is_empty() {
            writer.mend()?;
        }
        Ok(writer)
    }

    fn catalog(&mut self) -> &mut Catalog {
        self.library.catalog.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The library as it is with what was not committed yet.
    pub fn library(&self) -> &Library {
        self.library
    }

    #[cfg(feature = "hnsw")]
    pub(super) fn parts_mut(&mut self) -> &mut [Part] {
        &mut self.library.view.parts
    }

    fn begin(&mut self) -> Result<()> {
        match self.catalog().is_writing() {
            true => Ok(()),
            false => self.catalog().begin(),
        }
    }

    /// Adds an item with its vector `[dimension]`. One of the same id is replaced in its place; a
    /// file is one that could be read from now on.
    ///
    /// # Errors
    ///
    /// [`Error::Dimension`](crate::Error::Dimension), [`Error::NotFinite`](crate::Error::NotFinite)
    /// or [`Error::NotUnit`](crate::Error::NotUnit), each with the item's name;
    /// [`Error::PathNotUnicode`](crate::Error::PathNotUnicode);
    /// [`Error::Catalog`](crate::Error::Catalog).
    pub fn upsert(&mut self, item: &Item, vector: &[f32]) -> Result<()> {
        let dimension = self.library.kind.dimension;
        check_unit(vector, dimension, || item.content.to_string())?;
        self.begin()?;
        let catalog = self.catalog();
        let key = catalog.put(item)?;
        catalog.put_vector(key, vector)?;
        if let Some(path) = item.path() {
            catalog.delete_failure(path)?;
        }
        self.library.view.kill(key, dimension);
        self.library.view.pending.put(key, vector);
        Ok(())
    }

    /// Gives the item of an id another name and other facts; its vector stays. Says whether there was
    /// one. Another item that has the new id is replaced.
    ///
    /// # Errors
    ///
    /// [`Error::PathNotUnicode`](crate::Error::PathNotUnicode),
    /// [`Error::Catalog`](crate::Error::Catalog).
    pub fn rename(&mut self, id: &str, item: &Item) -> Result<bool> {
        self.begin()?;
        let Some(key) = self.catalog().key_of(id)? else { return Ok(false) };
        if item.id != id {
            self.remove(&item.id)?;
        }
        self.catalog().rewrite(key, item)?;
        Ok(true)
    }

    /// Removes the item of an id, with its tags; says whether there was one.
    ///
    /// # Errors
    ///
    /// [`Error::Catalog`](crate::Error::Catalog).
    pub fn remove(&mut self, id: &str) -> Result<bool> {
        self.begin()?;
        let Some(key) = self.catalog().key_of(id)? else { return Ok(false) };
        self.catalog().delete(key)?;
        let dimension = self.library.kind.dimension;
        self.library.view.kill(key, dimension);
        Ok(true)
    }

    /// Notes that a file could not be read. What it showed before is no longer true: its item goes,
    /// and its tags with it, unless they are kept by [`Self::keep_tags`].
    ///
    /// # Errors
    ///
    /// [`Error::PathNotUnicode`](crate::Error::PathNotUnicode),
    /// [`Error::Catalog`](crate::Error::Catalog).
    pub fn fail(&mut self, failure: &Failure) -> Result<()> {
        self.remove(&Item::path_id(&failure.path))?;
        self.catalog().put_failure(failure)
    }

    /// Forgets that a file could not be read; says whether that was noted.
    ///
    /// # Errors
    ///
    /// [`Error::PathNotUnicode`](crate::Error::PathNotUnicode),
    /// [`Error::Catalog`](crate::Error::Catalog).
    pub fn forgive(&mut self, path: &Path) -> Result<bool> {
        self.begin()?;
        self.catalog().delete_failure(path)
    }

    /// Keeps the tags of a file that has no item, in the place of those that were kept for its path,
    /// until [`Self::forget_tags`].
    ///
    /// # Errors
    ///
    /// As [`Self::fail`].
    pub fn keep_tags(&mut self, kept: &KeptTags) -> Result<()> {
        self.begin()?;
        self.catalog().put_kept_tags(kept)
    }

    /// Forgets the tags that were kept for a path.
    ///
    /// # Errors
    ///
    /// As [`Self::fail`].
    pub fn forget_tags(&mut self, path: &Path) -> Result<()> {
        self.begin()?;
        self.catalog().delete_kept_tags(path)
    }

    /// Makes what was done last: afterwards it is there whatever happens.
    ///
    /// # Errors
    ///
    /// [`Error::Catalog`](crate::Error::Catalog), as on a full disk: what was committed before is
    /// there, what was not is not.
    pub fn commit(&mut self) -> Result<()> {
        if !self.catalog().is_writing() {
            return Ok(());
        }
        let library = &mut *self.library;
        let catalog = library.catalog.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        let done = note_dead(catalog, &mut library.view).and_then(|()| catalog.commit());
        if let Err(error) = done {
            self.roll_back();
            return Err(error);
        }
        if self.library.view.pending.keys.len() >= SEAL {
            self.seal()?;
        }
        loop {
            let due = merge::due(&self.library.view.parts);
            if due.is_empty() {
                return Ok(());
            }
            self.merge(&due)?;
        }
    }

    /// Commits, puts all vectors into one segment, and gives back the room of what is gone.
    ///
    /// # Errors
    ///
    /// As [`Self::commit`], and [`Error::Io`](crate::Error::Io).
    pub fn compact(&mut self) -> Result<()> {
        self.commit()?;
        self.seal()?;
        let parts = &self.library.view.parts;
        let is_whole = parts.len() == 1 && parts[0].dead.count() == 0;
        if !is_whole {
            let all: Vec<i64> = parts.iter().map(|part| part.number).collect();
            self.merge(&all)?;
        }
        self.catalog().compact()
    }

    /// Writes what is pending into a segment.
    fn seal(&mut self) -> Result<()> {
        let pending = std::mem::take(&mut self.library.view.pending);
        if pending.keys.is_empty() {
            return Ok(());
        }
        let sealed = self.replace(&[], pending.keys.len(), &pending, Catalog::clear_pending);
        if sealed.is_err() {
            // They are in the catalog still.
            self.library.view.pending = pending;
        }
        sealed
    }

    /// Writes what counts of some segments into one.
    pub(super) fn merge(&mut self, numbers: &[i64]) -> Result<()> {
        let (old, kept): (Vec<Part>, Vec<Part>) = std::mem::take(&mut self.library.view.parts)
            .into_iter()
            .partition(|part| numbers.contains(&part.number));
        self.library.view.parts = kept;
        let merged = Merged::new(old.iter().collect());
        let done = self.replace(numbers, merged.len(), &merged, |_| Ok(()));
        match done {
            Ok(()) => {
                for part in old {
                    let paths = [graph_path(&part.segment), part.segment.path().to_owned()];
                    drop(part);
                    // Where a reader's system does not let them go now, a later writer will.
                    for path in paths {
                        let _ = fs::remove_file(path);
                    }
                }
                Ok(())
            }
            Err(error) => {
                self.library.view.parts.extend(old);
                self.library.view.parts.sort_by_key(|part| part.number);
                Err(error)
            }
        }
    }

    /// Puts a new segment into the catalog in the place of others.
    fn replace(
        &mut self,
        others: &[i64],
        rows: usize,
        source: &impl Source,
        also: impl FnOnce(&Catalog) -> Result<()>,
    ) -> Result<()> {
        let (folder, kind) = (self.library.folder.clone(), self.library.kind.clone());
        let put = || -> Result<Option<Part>> {
            let catalog = self.catalog();
            catalog.begin()?;
            for number in others {
                catalog.delete_segment(*number)?;
            }
            also(catalog)?;
            let mut part = None;
            if rows > 0 {
                let number = catalog.put_segment(rows)?;
                let path = segment_path(&folder, number);
                let (model, size) = (kind.model_checksum(), (rows, kind.dimension));
                write(&path, size, kind.precision, model, source)?;
                let segment = Segment::open(&path, kind.dimension, model)?;
                part = Some(Part::new(number, segment, Bits::none(rows)));
            }
            catalog.commit()?;
            Ok(part)
        };
        match put() {
            Ok(part) => {
                self.library.view.parts.extend(part);
                Ok(())
            }
            Err(error) => {
                self.catalog().roll_back();
                Err(error)
            }
        }
    }

    /// Removes files that no catalog names: their writer was killed before it could commit them.
    fn sweep(&mut self) {
        let known: Vec<i64> = self.library.view.parts.iter().map(|part| part.number).collect();
        // Those that cannot be read are looked into, not thrown away.
        if !self.library.lost.is_empty() {
            return;
        }
        let Ok(entries) = fs::read_dir(segments_folder(&self.library.folder)) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            let is_left = match segment_number(&path) {
                Some(number) => !known.contains(&number),
                None => entry.file_name().as_encoded_bytes().ends_with(UNFINISHED.as_bytes()),
            };
            if is_left {
                let _ = fs::remove_file(path);
            }
        }
    }

    /// Takes off the catalog what has no vector, and off the segments what has no item.
    fn mend(&mut self) -> Result<()> {
        self.begin()?;
        let library = &mut *self.library;
        let catalog = library.catalog.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (items, vectors) = (catalog.all_keys()?, library.view.keys());
        for key in items.iter().filter(|key| vectors.binary_search(key).is_err()) {
            // It will be encoded again, and shall have its tags then.
            if let Some(kept) = catalog.item(*key)?.and_then(KeptTags::of) {
                catalog.put_kept_tags(&kept)?;
            }
            catalog.delete(*key)?;
        }
        for key in vectors.iter().filter(|key| items.binary_search(key).is_err()) {
            library.view.kill(*key, library.kind.dimension);
        }
        let known: Vec<i64> = library.view.parts.iter().map(|part| part.number).collect();
        for row in catalog.segments()? {
            if !known.contains(&row.number) {
                catalog.delete_segment(row.number)?;
                let path = segment_path(&library.folder, row.number);
                let _ = fs::rename(&path, path.with_extension("damaged"));
            }
        }
        self.commit()
    }

    fn roll_back(&mut self) {
        self.catalog().roll_back();
        let library = &mut *self.library;
        let catalog = library.catalog.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        // Where even reading fails the library says so when it is asked next.
        if let Ok(view) = View::read(catalog, &library.folder, &library.kind) {
            library.view = view;
        }
    }
}

/// Writes down which rows died since the last time.
fn note_dead(catalog: &Catalog, view: &mut View) -> Result<()> {
    for part in view.parts.iter_mut().filter(|part| part.is_dirty) {
        catalog.put_dead(part.number, part.dead.to_bytes())?;
        part.is_dirty = false;
    }
    Ok(())
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if self.catalog().is_writing() {
            self.roll_back();
        }
    }
}
