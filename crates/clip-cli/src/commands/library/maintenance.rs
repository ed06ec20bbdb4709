//! Keeping the library in order.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clip_retrieval::{Filter, Item, KeptTags, Library, Snapshot, Store};

use crate::unplugged::Unplugged;
use crate::{Outcome, connecting, output, report};

pub(super) fn verify(library: &Library) -> Result<Outcome> {
    let found = library.verify()?;
    let lost = usize::from(library.lost().is_some());
    for error in &found {
        report::warning(error);
    }
    if found.len() + lost > 0 {
        bail!("the library is not what was written");
    }
    let mut out = output::stdout();
    writeln!(out, "{}: all is as it was written", output::count(library.len(), "item"))?;
    out.flush()?;
    Ok(Outcome::Found)
}

pub(super) fn compact(library: &mut Library, hnsw_above: usize) -> Result<Outcome> {
    let bytes = |library: &Library| -> Result<u64> {
        let stats = library.stats()?;
        Ok(stats.vector_bytes + stats.catalog_bytes)
    };
    let before = bytes(library)?;
    library.write()?.compact()?;
    connecting::connect_folder(library, hnsw_above)?;
    let after = bytes(library)?;
    let mut out = output::stdout();
    let items = output::count(library.len(), "item");
    let [before, after] = [before, after].map(|bytes| bytes as f64 / 1e6);
    writeln!(out, "{items}: {after:.1} MB, before {before:.1} MB")?;
    out.flush()?;
    Ok(Outcome::Found)
}

/// Drops what is gone, but for what may lie on a drive that is not plugged in.
pub(super) fn prune(store: &mut dyn Store) -> Result<Outcome> {
    let mut writer = store.writer()?;
    let gone = Gone::of(writer.store())?;
    for item in &gone.items {
        // For when the file is back.
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
    gone.note_kept();
    print_gone(store.count()?, gone.items.len(), "")
}

/// Says what [`prune`] would do.
pub(super) fn prune_dry_run(store: &dyn Store) -> Result<Outcome> {
    let gone = Gone::of(&*store.snapshot()?)?;
    gone.note_kept();
    print_gone(store.count()?.saturating_sub(gone.items.len()), gone.items.len(), DRY)
}

/// What is said where nothing was done.
const DRY: &str = " (nothing was done)";

/// What the library has of files that are gone.
struct Gone {
    items: Vec<Item>,
    /// Files that could not be read.
    failures: Vec<PathBuf>,
    /// Pictures whose drive may not be plugged in.
    kept: usize,
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
        Ok(Self { items, failures: failures.collect(), kept })
    }

    fn note_kept(&self) {
        match self.kept {
            0 => {}
            1 => report::note(
                "1 picture stays, below a folder that is empty: its drive may not be plugged in",
            ),
            n => report::note(format_args!(
                "{n} pictures stay, below folders that are empty: their drive may not be plugged in"
            )),
        }
    }
}

/// Takes items off the library, by the paths or the ids that users have of them.
pub(super) fn remove(store: &mut dyn Store, names: &[OsString]) -> Result<Outcome> {
    let mut writer = store.writer()?;
    let named = named(writer.store(), names)?;
    for id in &named {
        writer.remove(id)?;
    }
    writer.commit()?;
    drop(writer);
    print_gone(store.count()?, named.len(), "")
}

/// Says what [`remove`] would do.
pub(super) fn remove_dry_run(store: &dyn Store, names: &[OsString]) -> Result<Outcome> {
    let named = named(&*store.snapshot()?, names)?;
    print_gone(store.count()?.saturating_sub(named.len()), named.len(), DRY)
}

/// Ids of the items that names stand for; a name that stands for none is warned of.
fn named(store: &dyn Snapshot, names: &[OsString]) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for name in names {
        let mut is_known = false;
        for id in ids(name) {
            if found.contains(&id) || store.get(&id)?.is_some() {
                is_known = true;
                found.insert(id);
            }
        }
        if !is_known {
            report::warning(format_args!("{} is not in the library", name.display()));
        }
    }
    Ok(found)
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

fn print_gone(left: usize, gone: usize, dry: &str) -> Result<Outcome> {
    let mut out = output::stdout();
    writeln!(out, "{}: {gone} gone{dry}", output::count(left, "item"))?;
    out.flush()?;
    Ok(if gone > 0 { Outcome::Found } else { Outcome::Nothing })
}
