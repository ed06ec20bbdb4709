//! A library that is open.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::catalog::{Catalog, Kind, catalog_files};
use super::files::{CATALOG, segment_files, segment_path, segments_folder};
use super::lock::Lock;
use super::segment::Precision;
use super::shared::Shared;
use super::snapshot::LibrarySnapshot;
use super::vectors::{DataLoss, SegmentHandle};
use super::writer::Writer;
use crate::error::io_error;
use crate::{Error, Result, Snapshot};

/// Name of a catalog that is being made.
const UNFINISHED: &str = "catalog.new";

/// Name of the file that a writer locks.
const LOCK: &str = "lock";

/// Unit vectors of one model and what they stand for, in a folder.
///
/// What is committed stays: a program that is killed, a full disk or a power cut cost what was not
/// committed yet, no more. One program writes at a time ([`Self::write`]), any number read.
///
/// This is a handle: clones are the same library, and any number of threads may use them. It is asked
/// as a [`Store`](crate::Store); each answer is that of the newest commit, of whatever program, and
/// [`Store::snapshot`](crate::Store::snapshot) keeps one for several questions. Nobody who searches waits for one who writes.
///
/// The folder holds the catalog (SQLite: items, and what could not be read) and segments of vectors
/// that are never changed, only replaced. Vectors that are in no segment yet lie in the catalog.
#[derive(Debug, Clone)]
pub struct Library {
    pub(super) shared: Arc<Shared>,
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
    pub unflushed: usize,
    /// Vectors in them that no longer count.
    pub tombstones: usize,
    /// Bytes of those files.
    pub vector_bytes: u64,
    /// Bytes of the catalog.
    pub catalog_bytes: u64,
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
        let shared = Arc::new(Shared::open(folder.to_owned(), catalog)?);
        Ok(Self { shared })
    }

    /// As [`Self::open`], of the model with this fingerprint. The name is for the message.
    ///
    /// # Errors
    ///
    /// [`Error::OtherModel`] where the fingerprint differs, and those of [`Self::open`].
    pub fn open_for(folder: impl AsRef<Path>, fingerprint: &str, model_name: &str) -> Result<Self> {
        let library = Self::open(folder.as_ref())?;
        let kind = &library.shared.kind;
        if kind.fingerprint == fingerprint {
            return Ok(library);
        }
        Err(Error::OtherModel {
            path: folder.as_ref().to_owned(),
            found_name: kind.model.clone(),
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
        &self.shared.folder
    }

    /// In which numbers the vectors are kept.
    pub fn precision(&self) -> Precision {
        self.shared.kind.precision
    }

    /// Number of items, when somebody last looked: see [`Store::reload`](crate::Store::reload).
    pub fn len(&self) -> usize {
        self.shared.current().len()
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was found missing: the rest of the library answers, and the next [`Self::write`] takes the
    /// items off it, so that they can be encoded again.
    pub fn lost(&self) -> Option<Arc<DataLoss>> {
        self.shared.current().lost.clone()
    }

    /// Waits until nobody writes into the library, and opens it to write. A thread that has a writer
    /// drops it first: it would wait for itself.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the folder cannot be written to, and those of [`Self::open`].
    pub fn write(&self) -> Result<Writer> {
        let lock = Lock::acquire(&self.folder().join(LOCK))?;
        Writer::new(&self.shared, lock)
    }

    /// How large it is.
    ///
    /// # Errors
    ///
    /// [`Error::Catalog`].
    pub fn stats(&self) -> Result<Stats> {
        let snapshot = LibrarySnapshot::newest(&self.shared)?;
        let segments = &snapshot.vectors.segments;
        let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
        let bytes = |handle: &SegmentHandle| size(&segment_path(self.folder(), handle.number));
        Ok(Stats {
            items: snapshot.len(),
            failures: snapshot.failures()?.len(),
            segments: segments.len(),
            unflushed: snapshot.vectors.mem_table.keys.len(),
            tombstones: segments.iter().map(|handle| handle.tombstones.count()).sum(),
            vector_bytes: segments.iter().map(bytes).sum(),
            catalog_bytes: size(&self.folder().join(CATALOG)),
        })
    }

    /// Reads all there is and compares it with the checksums: what does not fit.
    ///
    /// # Errors
    ///
    /// [`Error::Catalog`].
    pub fn verify(&self) -> Result<Vec<Error>> {
        let mut found = Vec::new();
        let snapshot = LibrarySnapshot::newest(&self.shared)?;
        if let Some(reason) = snapshot.catalog().check()? {
            found.push(Error::DamagedCatalog { path: self.folder().join(CATALOG), reason });
        }
        let segments = snapshot.vectors.segments.iter().map(|handle| handle.segment.verify());
        found.extend(segments.filter_map(Result::err));
        Ok(found)
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
