//! Keeping the library in step with the folders.

mod plan;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clip::Embedder;
use clip_retrieval::{Facts, FileStamp, Filter, Item, Modality, StoreWriter};

use crate::args::ScanArgs;
use crate::interrupt::Interrupt;
use crate::report::{Bar, Skipped};
use crate::scan::Scan;
use crate::shelf::Shelf;
use crate::{facts, output};
use plan::Pending;
pub(crate) use plan::{Mode, Plan};

/// Work that a crash may cost.
pub(crate) const COMMIT_EVERY: Duration = Duration::from_secs(5);

/// What is said when the user stops it.
pub(crate) const SAVES: &str = "saves what is done; Ctrl-C again ends it at once";

/// What an update did, or would do.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Changes {
    pub(crate) added: usize,
    pub(crate) changed: usize,
    pub(crate) moved: usize,
    pub(crate) unchanged: usize,
    pub(crate) removed: usize,
    /// Files that could not be read before, and have not changed since.
    pub(crate) unreadable: usize,
}

impl Changes {
    /// Pictures that are there now.
    pub(crate) fn total(&self) -> usize {
        self.added + self.changed + self.moved + self.unchanged
    }

    /// What a picture counts as.
    fn count(&mut self, pending: &Pending) -> &mut usize {
        if pending.was_known { &mut self.changed } else { &mut self.added }
    }
}

/// Adds pictures that are new or changed by size or time, follows those that were moved, and removes
/// those that are gone. A picture that cannot be read is named and left out; the rest goes on.
pub(crate) fn update(
    shelf: &mut Shelf,
    embedder: &Embedder,
    scan: &Scan,
    args: &ScanArgs,
    mode: Mode,
    skipped: &mut Skipped,
) -> Result<Changes> {
    let current = std::env::current_dir().ok();
    for (folder, error) in &scan.unreadable {
        skipped.add(&Bar::hidden(), output::shorten(folder, current.as_deref()), error);
    }
    let mut plan = Plan::new(shelf.store(), scan, mode)?;
    if plan.is_empty() && shelf.store().is_whole() {
        return Ok(plan.changes());
    }
    let mut writer = shelf.store_mut().writer()?;
    // Another program may have written since: look again with the library to ourselves.
    plan = Plan::new(writer.store(), scan, mode)?;
    carry_out(plan, &mut *writer, embedder, args, skipped)
}

fn carry_out(
    mut plan: Plan,
    writer: &mut dyn StoreWriter,
    embedder: &Embedder,
    args: &ScanArgs,
    skipped: &mut Skipped,
) -> Result<Changes> {
    let moved = plan.follow(|id, item| writer.rename(id, item))?;
    let mut changes = Changes { added: 0, changed: 0, moved, ..plan.changes() };
    for path in &plan.gone {
        writer.remove(&Item::path_id(path))?;
    }
    for path in &plan.forgotten {
        writer.forgive(path)?;
    }
    writer.commit()?;
    let bar = Bar::pictures(plan.pending.len());
    let current = std::env::current_dir().ok();
    let options = args.reading(embedder);
    let interrupt = Interrupt::listen(bar.noting(SAVES))?;
    let outcome = embedder.stream(
        &plan.pending,
        |pending, room| -> clip::Result<_> {
            let picture = room.read(pending.short(current.as_deref()), &options)?;
            // Once the file has proved to be a picture; it is in the cache now.
            let _ = pending.facts.set(facts::of(&pending.path));
            Ok(picture)
        },
        |results| -> Result<()> {
            let mut committed = Instant::now();
            for (done, result) in results.enumerate() {
                if interrupt.came() {
                    let total = output::count(plan.pending.len(), "picture");
                    bail!("stopped after {done} of {total}: the same command goes on from there");
                }
                let (pending, embedding) = result?;
                match embedding {
                    Ok(embedding) => {
                        let facts = pending.facts.get().cloned().unwrap_or_default();
                        writer.upsert(&picture(pending, facts), embedding.as_slice())?;
                        *changes.count(pending) += 1;
                    }
                    Err(error) => {
                        writer.fail(&pending.path, pending.stamp, &output::cause(&error))?;
                        skipped.add(&bar, pending.short(current.as_deref()), error);
                    }
                }
                bar.advance(1);
                if committed.elapsed() >= COMMIT_EVERY {
                    writer.commit()?;
                    committed = Instant::now();
                }
            }
            Ok(())
        },
    );
    // Also where the device failed or the user stopped it half-way.
    writer.commit()?;
    outcome.map(|()| changes)
}

fn picture(pending: &Pending, facts: Facts) -> Item {
    Item { facts, ..Item::picture(&pending.path, pending.stamp) }
}

/// The stamp of a file, where there is one.
fn stamp(path: &Path) -> Option<FileStamp> {
    FileStamp::of(path).ok()
}

/// Gives every picture that was listed these tags beside its own.
pub(crate) fn tag(shelf: &mut Shelf, scan: &Scan, tags: &[String]) -> Result<()> {
    let all = scan.pictures.iter().map(|path| (path.clone(), tags.to_vec()));
    keep_tags(shelf, &all.collect())
}

/// Gives pictures these tags beside their own.
pub(crate) fn keep_tags(shelf: &mut Shelf, tags: &HashMap<PathBuf, Vec<String>>) -> Result<()> {
    let only = tags.iter().filter(|(_, tags)| !tags.is_empty());
    let only: HashSet<PathBuf> = only.map(|(path, _)| path.clone()).collect();
    if only.is_empty() {
        return Ok(());
    }
    let filter = Filter { only: Some(only), ..Filter::of(Modality::Image) };
    let given = |item: &Item| item.path().and_then(|path| tags.get(path));
    let mut items = shelf.store().items(&filter)?;
    items.retain(|item| {
        given(item).is_some_and(|tags| tags.iter().any(|tag| !item.facts.tags.contains(tag)))
    });
    if items.is_empty() {
        return Ok(());
    }
    let mut writer = shelf.store_mut().writer()?;
    for mut item in items {
        let given = given(&item).cloned().unwrap_or_default();
        item.facts.tags.extend(given);
        item.facts.tags.sort();
        item.facts.tags.dedup();
        writer.rename(&item.id, &item)?;
    }
    Ok(writer.commit()?)
}
