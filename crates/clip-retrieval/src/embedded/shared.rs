//! What the readers and the writer of an open library share.
//!
//! A reader needs the vectors and the catalog of one and the same commit. It begins to read the catalog,
//! which SQLite then keeps in one state for it, asks for the number of that commit, and takes the
//! vectors that were published under that number. A writer publishes the vectors of a commit *before*
//! it makes it: whoever reads the catalog before, during or after it finds those that belong to it, and
//! nobody waits. Only where another program has committed are the vectors read anew.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::catalog::{Catalog, Kind};
use super::files::CATALOG;
use super::vectors::Vectors;
use crate::{Error, Result};

/// Connections that wait for their next use; of more at a time the rest is closed.
const IDLE: usize = 16;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) folder: PathBuf,
    pub(super) kind: Kind,
    /// Tells the file of the catalog from one that is put in its place.
    file: FileId,
    /// Connections are for one thread at a time.
    idle: Mutex<Vec<Catalog>>,
    published: RwLock<Published>,
    /// Held by the one who reads what another program has committed.
    loading: Mutex<()>,
}

#[derive(Debug)]
struct Published {
    /// Those of the newest commit that is known.
    current: Arc<Vectors>,
    /// Those of the commit that a writer of this program is making.
    next: Option<Arc<Vectors>>,
}

impl Shared {
    /// Opens the library in a folder by its catalog.
    pub(super) fn open(folder: PathBuf, catalog: Catalog) -> Result<Self> {
        let (kind, file) = (catalog.kind()?, file_id(&folder.join(CATALOG)));
        let vectors = Vectors::read(&catalog, &folder, &kind, None);
        catalog.roll_back();
        let published = Published { current: Arc::new(vectors?), next: None };
        let (idle, published) = (Mutex::new(vec![catalog]), RwLock::new(published));
        Ok(Self { folder, kind, file, idle, published, loading: Mutex::default() })
    }

    /// The vectors of the newest commit that is known.
    pub(super) fn current(&self) -> Arc<Vectors> {
        let published = self.published.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&published.current)
    }

    /// Those of the commit of a number, if they are known.
    pub(super) fn published(&self, commit: u64) -> Option<Arc<Vectors>> {
        let published = self.published.read().unwrap_or_else(PoisonError::into_inner);
        let mut known = published.next.iter().chain([&published.current]);
        known.find(|vectors| vectors.commit == commit).map(Arc::clone)
    }

    /// Reads what another program has committed. The catalog stays in that state.
    pub(super) fn load(&self, catalog: &Catalog) -> Result<Arc<Vectors>> {
        let _one = lock(&self.loading);
        // Others may have done so by now.
        catalog.roll_back();
        let commit = catalog.begin_read()?;
        if let Some(vectors) = self.published(commit) {
            return Ok(vectors);
        }
        catalog.roll_back();
        let known = self.current();
        let read = Vectors::read(catalog, &self.folder, &self.kind, Some(&known))?;
        let vectors = Arc::new(read);
        let mut published = self.published.write().unwrap_or_else(PoisonError::into_inner);
        // A catalog that was copied, where nobody may write, shows what was there when it was.
        if vectors.commit > published.current.commit {
            published.current = Arc::clone(&vectors);
        }
        Ok(vectors)
    }

    /// Makes a commit, whose vectors these are.
    pub(super) fn commit(
        &self,
        vectors: Arc<Vectors>,
        commit: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let publish = |change: &dyn Fn(&mut Published)| {
            change(&mut self.published.write().unwrap_or_else(PoisonError::into_inner));
        };
        publish(&|published| published.next = Some(Arc::clone(&vectors)));
        let done = commit();
        publish(&|published| {
            published.next = None;
            if done.is_ok() {
                published.current = Arc::clone(&vectors);
            }
        });
        done
    }

    /// A connection to the catalog.
    pub(super) fn connect(self: &Arc<Self>) -> Result<Connection> {
        let idle = lock(&self.idle).pop();
        let catalog = match idle {
            Some(catalog) => catalog,
            None => self.open_catalog()?,
        };
        Ok(Connection { catalog: Some(catalog), shared: Arc::clone(self) })
    }
}

impl Shared {
    /// One more connection. Numbers of commits are those of one file: with another, vectors and items
    /// would be mixed up.
    fn open_catalog(&self) -> Result<Catalog> {
        let path = self.folder.join(CATALOG);
        let catalog = Catalog::open(&path)?;
        match file_id(&path) == self.file && catalog.kind()? == self.kind {
            true => Ok(catalog),
            false => Err(Error::Replaced { path: self.folder.clone() }),
        }
    }
}

/// Device and number of a file; nothing on systems that have none.
type FileId = Option<(u64, u64)>;

#[cfg(unix)]
fn file_id(path: &Path) -> FileId {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn file_id(_: &Path) -> FileId {
    None
}

/// A connection to the catalog, which goes back when it is dropped; its transaction ends then.
#[derive(Debug)]
pub(super) struct Connection {
    /// Always there until this is dropped.
    catalog: Option<Catalog>,
    shared: Arc<Shared>,
}

impl Deref for Connection {
    type Target = Catalog;

    fn deref(&self) -> &Catalog {
        self.catalog.as_ref().expect("a catalog until this is dropped")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(catalog) = self.catalog.take() else { return };
        catalog.roll_back();
        let mut idle = lock(&self.shared.idle);
        if idle.len() < IDLE {
            idle.push(catalog);
        }
    }
}

/// A lock that a panic of another thread leaves as it was.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::snapshot::LibrarySnapshot;
    use crate::{Filter, Item, Library, Precision, Snapshot, Store};

    /// At every moment of a commit a snapshot is there at once, with the vectors that belong to what the
    /// catalog says then; also where it fails.
    #[test]
    fn a_commit_keeps_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open_or_create(folder.path(), "1", "tiny", 2, Precision::F32);
        let library = library.unwrap();
        let names = || {
            let snapshot = LibrarySnapshot::newest(&library.shared).unwrap();
            let hits = snapshot.search(&[1.0, 0.0], 10, &Filter::default()).unwrap();
            assert_eq!((hits.len(), snapshot.len()), (snapshot.count().unwrap(), hits.len()));
            hits.into_iter().map(|hit| hit.item.content.to_string()).collect::<Vec<_>>()
        };
        let mut writer = library.write().unwrap();
        writer.upsert(&Item::text("a"), &[1.0, 0.0]).unwrap();
        writer.commit().unwrap();
        writer.upsert(&Item::text("b"), &[0.6, 0.8]).unwrap();
        let mut next = (*writer.snapshot().vectors).clone();
        next.commit = writer.snapshot().catalog().count_commit().unwrap();
        let catalog = writer.snapshot().catalog();
        let failed = library.shared.commit(next.clone().into(), || {
            assert_eq!(names(), ["\"a\""]);
            Err(crate::Error::NoLibrary { path: "a full disk".into() })
        });
        assert!(failed.is_err());
        assert_eq!(names(), ["\"a\""]);
        let commit = || {
            assert_eq!(names(), ["\"a\""]);
            catalog.commit()?;
            assert_eq!(names(), ["\"a\"", "\"b\""]);
            Ok(())
        };
        library.shared.commit(next.into(), commit).unwrap();
        assert_eq!(names(), ["\"a\"", "\"b\""]);
        assert_eq!(library.count().unwrap(), 2);
    }
}
