//! Keeping a collection in order.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use clip_retrieval::{Filter, Item, KeptTags, Snapshot, Store};

#[cfg(feature = "sqlite")]
use crate::stats::megabytes;
use crate::unplugged::Unplugged;
use crate::{Note, Result, count};

/// How large a collection was, and is.
#[cfg(feature = "sqlite")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes before.
    pub before: u64,
    /// Bytes now.
    pub after: u64,
    /// Items in it.
    pub items: usize,
}

#[cfg(feature = "sqlite")]
impl fmt::Display for Compacted {
    /// `3 items: 0.1 MB, before 0.2 MB`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [before, after] = [self.before, self.after].map(megabytes);
        write!(f, "{}: {after}, before {before}", count(self.items, "item"))
    }
}

/// Writes a collection in a folder anew, without the space of what is gone, and builds a graph as
/// [`build_graph`](crate::build_graph) does.
///
/// # Errors
///
/// [`Error::IsCluster`](crate::Error::IsCluster); [`Error::Retrieval`](crate::Error::Retrieval) where it
/// cannot be written.
#[cfg(feature = "sqlite")]
pub fn compact(
    collection: &crate::Collection,
    graph_above: usize,
    observer: &mut dyn crate::Observer,
) -> Result<Compacted> {
    let bytes = |collection: &crate::Collection| -> Result<u64> {
        let stats = collection.library()?.stats()?;
        Ok(stats.vector_bytes + stats.catalog_bytes)
    };
    let before = bytes(collection)?;
    collection.library()?.write()?.compact()?;
    crate::build_graph(collection, graph_above, observer)?;
    Ok(Compacted { before, after: bytes(collection)?, items: collection.store().count()? })
}

/// What [`prune`] did, or would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    /// Images that were gone.
    pub gone: usize,
    /// Images that stay, since their drive may not be plugged in.
    pub unplugged: usize,
    /// Items that are left.
    pub left: usize,
}

impl fmt::Display for Pruned {
    /// `3 items: 1 gone`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} gone", count(self.left, "item"), self.gone)
    }
}

impl Pruned {
    /// What a person should know of what stays.
    pub fn note(&self) -> Option<Note> {
        (self.unplugged > 0).then_some(Note::Unplugged { count: self.unplugged, first: None })
    }
}

/// Drops what is gone, but for what may lie on a drive that is not plugged in. Tags are kept for when a
/// file is back.
///
/// # Errors
///
/// [`Error::Retrieval`](crate::Error::Retrieval) where the collection cannot be written.
pub fn prune(store: &dyn Store) -> Result<Pruned> {
    let mut writer = store.writer()?;
    let gone = Gone::of(writer.store())?;
    for item in &gone.items {
        if let Some(tags) = KeptTags::of(item.clone()) {
            writer.keep_tags(&tags)?;
        }
        writer.remove(&item.id)?;
    }
    for path in &gone.failures {
        writer.forgive(path)?;
    }
    writer.commit()?;
    drop(writer);
    Ok(Pruned { gone: gone.items.len(), unplugged: gone.unplugged, left: store.count()? })
}

/// What [`prune`] would do.
///
/// # Errors
///
/// [`Error::Retrieval`](crate::Error::Retrieval) where the collection cannot be read.
pub fn prune_plan(store: &dyn Store) -> Result<Pruned> {
    let Gone { items, unplugged, .. } = Gone::of(&*store.snapshot()?)?;
    let left = store.count()?.saturating_sub(items.len());
    Ok(Pruned { gone: items.len(), unplugged, left })
}

/// What a collection has of files that are gone.
struct Gone {
    items: Vec<Item>,
    /// Files that could not be read.
    failures: Vec<PathBuf>,
    /// Images whose drive may not be plugged in.
    unplugged: usize,
}

impl Gone {
    fn of(store: &dyn Snapshot) -> Result<Self> {
        // One that may not be looked at may be there.
        let is_gone = |path: &Path| path.try_exists().is_ok_and(|exists| !exists);
        let (mut items, mut kept) = (Vec::new(), 0);
        let mut unplugged = Unplugged::default();
        for item in store.items(&Filter::default())? {
            match item.path().filter(|path| is_gone(path)) {
                None => {}
                Some(path) if unplugged.may_hold(path) => kept += 1,
                Some(_) => items.push(item),
            }
        }
        let failures = store.failures()?.into_iter().map(|failure| failure.path);
        let failures = failures.filter(|path| is_gone(path) && !unplugged.may_hold(path));
        Ok(Self { items, failures: failures.collect(), unplugged: kept })
    }
}

/// What [`remove`] did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Items that were removed.
    pub gone: usize,
    /// Items that are left.
    pub left: usize,
    /// Names that stand for no item.
    pub unknown: Vec<OsString>,
}

impl fmt::Display for Removed {
    /// `3 items: 1 gone`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} gone", count(self.left, "item"), self.gone)
    }
}

/// Takes items off a collection, by the names that users have of them: a path, an id, or the words of a
/// text.
///
/// # Errors
///
/// [`Error::Retrieval`](crate::Error::Retrieval) where the collection cannot be written.
pub fn remove(store: &dyn Store, names: &[OsString]) -> Result<Removed> {
    let mut writer = store.writer()?;
    let Named { ids, unknown } = Named::of(writer.store(), names)?;
    for id in &ids {
        writer.remove(id)?;
    }
    writer.commit()?;
    drop(writer);
    Ok(Removed { gone: ids.len(), left: store.count()?, unknown })
}

/// What [`remove`] would do.
///
/// # Errors
///
/// [`Error::Retrieval`](crate::Error::Retrieval) where the collection cannot be read.
pub fn remove_plan(store: &dyn Store, names: &[OsString]) -> Result<Removed> {
    let Named { ids, unknown } = Named::of(&*store.snapshot()?, names)?;
    Ok(Removed { gone: ids.len(), left: store.count()?.saturating_sub(ids.len()), unknown })
}

/// The items that names stand for.
#[derive(Default)]
struct Named {
    ids: BTreeSet<String>,
    /// Names that stand for none.
    unknown: Vec<OsString>,
}

impl Named {
    fn of(store: &dyn Snapshot, names: &[OsString]) -> Result<Self> {
        let mut named = Self::default();
        for name in names {
            let mut is_known = false;
            for id in ids(name) {
                if named.ids.contains(&id) || store.get(&id)?.is_some() {
                    is_known = true;
                    named.ids.insert(id);
                }
            }
            if !is_known {
                named.unknown.push(name.clone());
            }
        }
        Ok(named)
    }
}

/// The ids that an item may have that users call so: one of its own, that of a text, or that of a path,
/// also of a file that is gone.
fn ids(name: &OsStr) -> Vec<String> {
    let words = name.to_str().into_iter().flat_map(|name| [name.to_owned(), Item::text_id(name)]);
    let path = Path::new(name);
    let folder = path.parent().map(|folder| match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    });
    let paths = [
        path.canonicalize().ok(),
        // A file that is gone, in a folder that is there.
        folder.and_then(|folder| Some(folder.canonicalize().ok()?.join(path.file_name()?))),
        std::path::absolute(path).ok(),
        Some(path.to_owned()),
    ];
    let paths = paths.into_iter().flatten().map(|path| Item::path_id(&path));
    words.chain(paths).collect()
}
