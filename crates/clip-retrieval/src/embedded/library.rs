//! A library that is open.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::catalog::{Catalog, Kind, catalog_files};
use super::lock::Lock;
use super::scan::nearest;
use super::segment::Precision;
use super::view::{Part, View, Way, segment_files, segment_path, segments_folder};
use super::writer::Writer;
use crate::error::io_error;
use crate::top::Scored;
use crate::vector::check_queries;
use crate::{Error, Failure, Filter, Hit, Item, KeptTags, KnownFile, Modality, Result};

/// Name of the catalog in the folder of a library.
const CATALOG: &str = "catalog.sqlite";

/// Name of a catalog that is being made.
const UNFINISHED: &str = "catalog.new";

/// Name of the file that a writer locks.
const LOCK: &str = "lock";

/// Unit vectors of one model and what they stand for, in a folder.
///
/// What is committed stays: a program that is killed, a full disk or a power cut cost what was not
/// committed yet, no more. One program writes at a time ([`Self::write`]), any number read; a reader
/// sees the library as of its opening or its last [`Self::refresh`].
///
/// The folder holds the catalog (SQLite: items, and what could not be read) and segments of vectors
/// that are never changed, only replaced. Vectors that are in no segment yet lie in the catalog.
#[derive(Debug)]
pub struct Library {
    pub(super) folder: PathBuf,
    pub(super) kind: Kind,
    // Connections are for one thread at a time.
    pub(super) catalog: Mutex<Catalog>,
    pub(super) view: View,
    pub(super) lost: Vec<Lost>,
    /// Instead of the breadth that each graph was given.
    breadth: Option<usize>,
}

/// How large a library is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Items with a vector.
    pub items: usize,
    /// Files that could not be read.
    pub failures: usize,
    /// Files of vectors.
    pub segments: usize,
    /// Vectors that are in none of them yet.
    pub unsealed: usize,
    /// Vectors in them that no longer count.
    pub dead: usize,
    /// Bytes of those files.
    pub vector_bytes: u64,
    /// Bytes of the catalog.
    pub catalog_bytes: u64,
}

/// What a library had and has no longer.
#[derive(Debug)]
pub struct Lost {
    /// Items without a vector: to be encoded again.
    pub items: usize,
    /// Why.
    pub cause: Error,
}

impl Library {
    /// Opens the library in `folder`, or makes it, for vectors of `dimension` values of the model with
    /// this fingerprint; the name is for people. `precision` counts where it is made.
    ///
    /// # Errors
    ///
    /// [`Error::OtherModel`], and those of [`Self::open`]; [`Error::Io`] where the folder cannot be
    /// made.
    pub fn open_or_create(
        folder: impl AsRef<Path>,
        fingerprint: &str,
        model_name: &str,
        dimension: usize,
        precision: Precision,
    ) -> Result<Self> {
        let folder = folder.as_ref();
        match Self::open_for(folder, fingerprint, model_name) {
            Err(Error::NoLibrary { .. }) => {}
            opened => return opened,
        }
        let [lock, catalog, unfinished] = [LOCK, CATALOG, UNFINISHED].map(|name| folder.join(name));
        if has_other_files(folder) {
            return Err(Error::NotALibrary { path: folder.to_owned() });
        }
        fs::create_dir_all(folder).map_err(io_error("make", folder))?;
        let lock = Lock::acquire(&lock)?;
        // Or another program has made it by now.
        if !catalog.exists() {
            // Of one that was killed here.
            catalog_files(&unfinished).into_iter().for_each(|file| drop(fs::remove_file(file)));
            let (fingerprint, model) = (fingerprint.to_owned(), model_name.to_owned());
            let kind = Kind { fingerprint, model, dimension, precision };
            drop(Catalog::create(&unfinished, &kind)?);
            fs::rename(&unfinished, &catalog).map_err(io_error("make", &catalog))?;
        }
        // Last: where this is and no catalog, the catalog was lost.
        let segments = segments_folder(folder);
        fs::create_dir_all(&segments).map_err(io_error("make", &segments))?;
        drop(lock);
        Self::open_for(folder, fingerprint, model_name)
    }

    /// Opens the library in `folder`, of whatever model.
    ///
    /// # Errors
    ///
    /// [`Error::NoLibrary`], [`Error::NotALibrary`], [`Error::Older`], [`Error::Newer`],
    /// [`Error::DamagedCatalog`], [`Error::Io`], [`Error::Catalog`]. Damage to segments is no error:
    /// see [`Self::lost`].
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        refuse_others(folder)?;
        let catalog = Catalog::open(&folder.join(CATALOG))?;
        let kind = catalog.kind()?;
        let view = View::read(&catalog, folder, &kind)?;
        let catalog = Mutex::new(catalog);
        let mut library = Self {
            folder: folder.to_owned(),
            kind,
            catalog,
            view,
            lost: Vec::new(),
            breadth: None,
        };
        library.count_lost()?;
        Ok(library)
    }

    /// As [`Self::open`], of the model with this fingerprint. The name is for the message.
    ///
    /// # Errors
    ///
    /// [`Error::OtherModel`] where the fingerprint differs, and those of [`Self::open`].
    pub fn open_for(folder: impl AsRef<Path>, fingerprint: &str, model_name: &str) -> Result<Self> {
        let library = Self::open(folder.as_ref())?;
        if library.kind.fingerprint == fingerprint {
            return Ok(library);
        }
        Err(Error::OtherModel {
            path: folder.as_ref().to_owned(),
            found_name: library.kind.model,
            wanted_name: model_name.to_owned(),
        })
    }

    /// Removes the library in `folder`, whatever state it is in: its own files, and then the folder,
    /// unless somebody has put something else there. Says whether the folder is gone. No program may
    /// have the library open.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where something cannot be removed.
    pub fn delete(folder: impl AsRef<Path>) -> Result<bool> {
        let folder = folder.as_ref();
        let segments = segments_folder(folder);
        let files = segment_files(&segments);
        let catalogs = [CATALOG, UNFINISHED].map(|name| catalog_files(&folder.join(name)));
        let files = files.into_iter().chain(catalogs.into_iter().flatten());
        for file in files.chain([folder.join(LOCK)]) {
            if let Err(error) = fs::remove_file(&file)
                && error.kind() != ErrorKind::NotFound
            {
                return Err(io_error("remove", &file)(error));
            }
        }
        for path in [&*segments, folder] {
            match fs::remove_dir(path) {
                Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => return Ok(false),
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(io_error("remove", path)(error));
                }
                _ => {}
            }
        }
        Ok(true)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What tells the weights of the model from all others, such as their checksum.
    pub fn fingerprint(&self) -> &str {
        &self.kind.fingerprint
    }

    /// What people call the model.
    pub fn model_name(&self) -> &str {
        &self.kind.model
    }

    /// Values of each vector.
    pub fn dimension(&self) -> usize {
        self.kind.dimension
    }

    /// In which numbers the vectors are kept.
    pub fn precision(&self) -> Precision {
        self.kind.precision
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.view.len()
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was found missing when the library was opened: the rest of it answers, and the next
    /// [`Self::write`] takes the items off it, so that they can be encoded again.
    pub fn lost(&self) -> &[Lost] {
        &self.lost
    }

    /// Lets searches by graphs keep so many vectors in view to find ten of them, and more in proportion
    /// for more; without a number as many as were chosen when the graph was made. More are slower
    /// and miss less.
    pub fn look_broadly(&mut self, breadth: Option<usize>) {
        self.breadth = breadth;
    }

    /// Sees what other programs have committed since.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn refresh(&mut self) -> Result<()> {
        let catalog = self.catalog.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        if catalog.version()? != self.view.version {
            catalog.see_upgrade()?;
            self.view = View::read(catalog, &self.folder, &self.kind)?;
            self.count_lost()?;
        }
        Ok(())
    }

    /// Waits until no other program writes into the library, and opens it to write.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the folder cannot be written to, and those of [`Self::refresh`].
    pub fn write(&mut self) -> Result<Writer<'_>> {
        let lock = Lock::acquire(&self.folder.join(LOCK))?;
        self.refresh()?;
        Writer::new(self, lock)
    }

    /// The `top` items nearest to `query` `[dimension]` among those that pass the filter, best first;
    /// of equal scores the earlier inserted first. Every vector is compared, on all cores where there
    /// are many, but for those that have a graph (see [`Writer::connect`]): of these some of the
    /// nearest may be missed.
    ///
    /// # Errors
    ///
    /// [`Error::Dimension`] or [`Error::NotFinite`] for a query that cannot be compared;
    /// [`Error::Catalog`].
    pub fn search(&self, query: &[f32], top: usize, filter: &Filter) -> Result<Vec<Hit>> {
        Ok(self.search_all(&[query], top, filter)?.remove(0))
    }

    /// [`Self::search`] for many queries at once: the vectors are read once.
    ///
    /// # Errors
    ///
    /// As [`Self::search`], for any of them.
    pub fn search_all(
        &self,
        queries: &[&[f32]],
        top: usize,
        filter: &Filter,
    ) -> Result<Vec<Vec<Hit>>> {
        self.search_by(Way::Graphs(self.breadth), queries, top, filter)
    }

    /// As [`Self::search_all`], and every vector is compared, whatever graphs there are.
    ///
    /// # Errors
    ///
    /// As [`Self::search`], for any of them.
    pub fn scan_all(
        &self,
        queries: &[&[f32]],
        top: usize,
        filter: &Filter,
    ) -> Result<Vec<Vec<Hit>>> {
        self.search_by(Way::Scan, queries, top, filter)
    }

    fn search_by(
        &self,
        way: Way,
        queries: &[&[f32]],
        top: usize,
        filter: &Filter,
    ) -> Result<Vec<Vec<Hit>>> {
        check_queries(queries, self.kind.dimension)?;
        let catalog = self.catalog();
        let keys = catalog.keys(filter)?;
        let best = self.view.with_places(keys.as_deref(), self.kind.dimension, way, |places| {
            nearest(queries, top, places)
        });
        let hit = |scored: Scored| {
            let item = catalog.item(scored.key).transpose()?;
            Some(item.map(|item| Hit { item, score: scored.score }))
        };
        best.into_iter().map(|best| best.into_iter().filter_map(hit).collect()).collect()
    }

    /// Vectors `[dimension]` of up to `count` items of a kind, one after the other: every so many in
    /// the order of their keys.
    ///
    /// # Errors
    ///
    /// [`Error::Catalog`].
    pub fn sample(&self, count: usize, modality: Modality) -> Result<Vec<f32>> {
        let keys = self.catalog().keys(&Filter::of(modality))?;
        Ok(self.view.sample(keys.as_deref(), count, self.kind.dimension))
    }

    /// The items that pass the filter, in the order of their insertion.
    ///
    /// # Errors
    ///
    /// [`Error::Catalog`].
    pub fn items(&self, filter: &Filter) -> Result<Vec<Item>> {
        self.catalog().items(filter)
    }

    /// The item of an id, and its vector `[dimension]`.
    ///
    /// # Errors
    ///
    /// [`Error::Catalog`].
    pub fn get(&self, id: &str) -> Result<Option<(Item, Vec<f32>)>> {
        let catalog = self.catalog();
        let Some(key) = catalog.key_of(id)? else { return Ok(None) };
        let vector = self.view.vector(key, self.kind.dimension);
        Ok(catalog.item(key)?.zip(vector))
    }

    /// Every file that has a vector.
    ///
    /// # Errors
    ///
    /// [`Error::Catalog`].
    pub fn files(&self) -> Result<Vec<KnownFile>> {
        self.catalog().files()
    }

    /// The files that could not be read.
    ///
    /// # Errors
    ///
    /// [`Error::Catalog`].
    pub fn failures(&self) -> Result<Vec<Failure>> {
        self.catalog().failures()
    }

    /// The tags of files that have no item, which [`Writer::keep_tags`] kept.
    ///
    /// # Errors
    ///
    /// [`Error::Catalog`].
    pub fn kept_tags(&self) -> Result<Vec<KeptTags>> {
        self.catalog().kept_tags()
    }

    /// How large it is.
    ///
    /// # Errors
    ///
    /// [`Error::Catalog`].
    pub fn stats(&self) -> Result<Stats> {
        let parts = &self.view.parts;
        let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
        let bytes = |part: &Part| size(&segment_path(&self.folder, part.number));
        Ok(Stats {
            items: self.len(),
            failures: self.failures()?.len(),
            segments: parts.len(),
            unsealed: self.view.pending.keys.len(),
            dead: parts.iter().map(|part| part.dead.count()).sum(),
            vector_bytes: parts.iter().map(bytes).sum(),
            catalog_bytes: size(&self.folder.join(CATALOG)),
        })
    }

    /// Reads all there is and compares it with the checksums: what does not fit.
    ///
    /// # Errors
    ///
    /// [`Error::Catalog`].
    pub fn verify(&self) -> Result<Vec<Error>> {
        let mut found = Vec::new();
        if let Some(reason) = self.catalog().check()? {
            found.push(Error::DamagedCatalog { path: self.folder.join(CATALOG), reason });
        }
        let segments = self.view.parts.iter().map(|part| part.segment.verify());
        found.extend(segments.filter_map(Result::err));
        Ok(found)
    }

    pub(super) fn catalog(&self) -> std::sync::MutexGuard<'_, Catalog> {
        // A panic while it was held leaves a connection that works.
        self.catalog.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Compares the number of items with that of vectors.
    fn count_lost(&mut self) -> Result<()> {
        self.lost.clear();
        let items = self.catalog().len()?;
        let missing = items.saturating_sub(self.view.len());
        let unreadable = std::mem::take(&mut self.view.unreadable);
        let folder = segments_folder(&self.folder);
        match unreadable.into_iter().next() {
            Some((_, cause)) => self.lost.push(Lost { items: missing, cause }),
            None if items != self.view.len() => {
                let reason = "the catalog and the vectors disagree".to_owned();
                let cause = Error::Damaged { path: folder, reason };
                self.lost.push(Lost { items: missing, cause });
            }
            None => {}
        }
        Ok(())
    }
}

/// Whether there is anything in a folder but what a library begins with.
fn has_other_files(folder: &Path) -> bool {
    let own = [CATALOG, UNFINISHED].map(|name| catalog_files(&folder.join(name)));
    let own: Vec<PathBuf> =
        own.into_iter().flatten().chain([folder.join(LOCK), segments_folder(folder)]).collect();
    let mut entries = folder.read_dir().into_iter().flatten().flatten();
    entries.any(|entry| !own.contains(&entry.path()))
}

/// Refuses what is in the place of a library and is none.
fn refuse_others(folder: &Path) -> Result<()> {
    /// How the one file of the first version began.
    const FIRST: [u8; 8] = *b"CLIPINDX";
    if !folder.is_file() {
        return Ok(());
    }
    let path = folder.to_owned();
    let mut first = [0; FIRST.len()];
    match File::open(folder).and_then(|mut file| file.read_exact(&mut first)) {
        Ok(()) if first == FIRST => Err(Error::Older { path }),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(io_error("open", folder)(error))
        }
        _ => Err(Error::NotALibrary { path }),
    }
}
