//! Changing a library.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::atomic::UNFINISHED;
use super::catalog::Catalog;
use super::files::{graph_path, segment_number, segment_path, segments_folder};
use super::lock::Lock;
use super::merge::{self, FLUSH, Merged};
use super::segment::{Segment, Source, write};
use super::shared::Shared;
use super::snapshot::LibrarySnapshot;
use super::vectors::{MemTable, SegmentHandle, Vectors};
use crate::error::io_error;
use crate::vector::check_unit;
use crate::{Failure, Item, KeptTags, Result};

/// A library that nobody else writes into until this is dropped. Others search it meanwhile, and see
/// what is done here at each commit. What was not committed when it is dropped is taken back.
#[derive(Debug)]
pub struct Writer {
    /// What the library becomes. Before the lock: a connection takes back what was not committed.
    state: LibrarySnapshot,
    _lock: Lock,
}

/// What a new segment takes the place of.
#[derive(Clone, Copy)]
enum Replaced<'a> {
    MemTable,
    Segments(&'a [i64]),
}

impl Writer {
    pub(super) fn new(shared: &Arc<Shared>, lock: Lock) -> Result<Self> {
        // Somebody may have removed it; what was in it is lost, and the rest goes on.
        let segments = segments_folder(&shared.folder);
        fs::create_dir_all(&segments).map_err(io_error("make", &segments))?;
        let catalog = shared.connect()?;
        catalog.upgrade()?;
        let vectors = shared.load(&catalog)?;
        catalog.roll_back();
        let state = LibrarySnapshot::new(Arc::clone(shared), catalog, vectors, None);
        let mut writer = Self { state, _lock: lock };
        writer.remove_orphans();
        if writer.state.vectors.lost.is_some() {
            writer.repair()?;
        }
        Ok(writer)
    }

    /// The library with what was not committed yet.
    pub fn snapshot(&self) -> &LibrarySnapshot {
        &self.state
    }

    fn catalog(&mut self) -> &Catalog {
        self.state.parts_mut().0
    }

    /// The vectors, to be changed; what readers have stays.
    pub(super) fn vectors_mut(&mut self) -> &mut Vectors {
        Arc::make_mut(&mut self.state.vectors)
    }

    pub(super) fn begin(&mut self) -> Result<()> {
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
        check_unit(vector, self.dimension(), || item.content.to_string())?;
        self.begin()?;
        let catalog = self.catalog();
        let key = catalog.put(item)?;
        catalog.put_vector(key, vector)?;
        if let Some(path) = item.path() {
            catalog.delete_failure(path)?;
        }
        self.vectors_mut().put(key, vector);
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
        let dimension = self.dimension();
        self.vectors_mut().mark_deleted(key, dimension);
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

    /// Makes what was done last, and shows it to those who search: afterwards it is there whatever
    /// happens.
    ///
    /// # Errors
    ///
    /// [`Error::Catalog`](crate::Error::Catalog), as on a full disk: what was committed before is
    /// there, what was not is not.
    pub fn commit(&mut self) -> Result<()> {
        if !self.catalog().is_writing() {
            return Ok(());
        }
        self.publish()?;
        if self.state.vectors.mem_table.keys.len() >= FLUSH {
            self.flush()?;
        }
        loop {
            let due = merge::due(&self.state.vectors.segments);
            if due.is_empty() {
                return Ok(());
            }
            self.merge(&due)?;
        }
    }

    /// Commits what is in the catalog with the vectors that belong to it, or takes back both.
    pub(super) fn publish(&mut self) -> Result<()> {
        let done = self.try_publish();
        if done.is_err() {
            self.roll_back();
        }
        done
    }

    fn try_publish(&mut self) -> Result<()> {
        let shared = Arc::clone(&self.state.shared);
        let (catalog, vectors) = self.state.parts_mut();
        let changed = Arc::make_mut(vectors);
        for handle in changed.segments.iter_mut().filter(|handle| handle.is_dirty) {
            catalog.put_tombstones(handle.number, handle.tombstones.to_bytes())?;
            handle.is_dirty = false;
        }
        changed.commit = catalog.count_commit()?;
        shared.commit(Arc::clone(vectors), || catalog.commit())
    }

    /// Commits, puts all vectors into one segment, and gives back the room of what is gone.
    ///
    /// # Errors
    ///
    /// As [`Self::commit`], and [`Error::Io`](crate::Error::Io).
    pub fn compact(&mut self) -> Result<()> {
        self.commit()?;
        self.flush()?;
        let segments = &self.state.vectors.segments;
        let is_whole = segments.len() == 1 && segments[0].tombstones.count() == 0;
        if !is_whole {
            let all: Vec<i64> = segments.iter().map(|handle| handle.number).collect();
            self.merge(&all)?;
        }
        self.catalog().compact()
    }

    /// Writes the vectors that are in memory into a segment.
    fn flush(&mut self) -> Result<()> {
        let mem_table = Arc::clone(&self.state.vectors.mem_table);
        match mem_table.keys.len() {
            0 => Ok(()),
            rows => self.replace(Replaced::MemTable, rows, &*mem_table),
        }
    }

    /// Writes what counts of some segments into one.
    pub(super) fn merge(&mut self, numbers: &[i64]) -> Result<()> {
        let before = Arc::clone(&self.state.vectors);
        let is_old = |handle: &&SegmentHandle| numbers.contains(&handle.number);
        let old: Vec<&SegmentHandle> = before.segments.iter().filter(is_old).collect();
        let paths = |handle: &&SegmentHandle| {
            [graph_path(&handle.segment), handle.segment.path().to_owned()]
        };
        let paths: Vec<_> = old.iter().flat_map(paths).collect();
        let merged = Merged::new(old);
        self.replace(Replaced::Segments(numbers), merged.len(), &merged)?;
        drop(merged);
        drop(before);
        for path in paths {
            // Where a reader's system does not let them go now, a later writer will.
            let _ = fs::remove_file(path);
        }
        Ok(())
    }

    /// Commits a new segment in the place of what it was made of; all else was committed before.
    fn replace(&mut self, replaced: Replaced<'_>, rows: usize, source: &impl Source) -> Result<()> {
        let done = self.try_replace(replaced, rows, source);
        if done.is_err() {
            self.roll_back();
        }
        done
    }

    fn try_replace(
        &mut self,
        replaced: Replaced<'_>,
        rows: usize,
        source: &impl Source,
    ) -> Result<()> {
        let shared = Arc::clone(&self.state.shared);
        let (catalog, vectors) = self.state.parts_mut();
        let vectors = Arc::make_mut(vectors);
        catalog.begin()?;
        match replaced {
            Replaced::MemTable => {
                catalog.clear_pending()?;
                vectors.mem_table = Arc::new(MemTable::default());
            }
            Replaced::Segments(numbers) => {
                numbers.iter().try_for_each(|number| catalog.delete_segment(*number))?;
                vectors.segments.retain(|handle| !numbers.contains(&handle.number));
            }
        }
        if rows > 0 {
            let kind = &shared.kind;
            let number = catalog.put_segment(rows)?;
            let path = segment_path(&shared.folder, number);
            let (model, size) = (kind.model_checksum(), (rows, kind.dimension));
            write(&path, size, kind.precision, model, source)?;
            let segment = Segment::open(&path, kind.dimension, model)?;
            vectors.segments.push(SegmentHandle::new(number, segment));
        }
        self.try_publish()
    }

    /// Removes files that no catalog names: their writer was killed before it could commit them.
    fn remove_orphans(&mut self) {
        let vectors = &self.state.vectors;
        let known: Vec<i64> = vectors.segments.iter().map(|handle| handle.number).collect();
        // Those that cannot be read are looked into, not thrown away.
        if vectors.lost.is_some() {
            return;
        }
        let Ok(entries) = fs::read_dir(segments_folder(&self.state.shared.folder)) else { return };
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
    fn repair(&mut self) -> Result<()> {
        self.begin()?;
        let (shared, dimension) = (Arc::clone(&self.state.shared), self.dimension());
        let (catalog, vectors) = self.state.parts_mut();
        let vectors = Arc::make_mut(vectors);
        let (items, keys) = (catalog.all_keys()?, vectors.keys());
        for key in items.iter().filter(|key| keys.binary_search(key).is_err()) {
            // It will be encoded again, and shall have its tags then.
            if let Some(kept) = catalog.item(*key)?.and_then(KeptTags::of) {
                catalog.put_kept_tags(&kept)?;
            }
            catalog.delete(*key)?;
        }
        for key in keys.iter().filter(|key| items.binary_search(key).is_err()) {
            vectors.mark_deleted(*key, dimension);
        }
        let known: Vec<i64> = vectors.segments.iter().map(|handle| handle.number).collect();
        for row in catalog.segments()? {
            if !known.contains(&row.number) {
                catalog.delete_segment(row.number)?;
                let path = segment_path(&shared.folder, row.number);
                let _ = fs::rename(&path, path.with_extension("damaged"));
            }
        }
        vectors.lost = None;
        self.commit()
    }

    /// Back to what was committed last.
    fn roll_back(&mut self) {
        self.catalog().roll_back();
        self.state.vectors = self.state.shared.current();
    }

    fn dimension(&self) -> usize {
        self.state.shared.kind.dimension
    }
}
