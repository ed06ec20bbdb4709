//! Keeping the library in step with the folders.

mod plan;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clip::{Checkpoint, Embedder};
use clip_retrieval::{Facts, FileStamp, Item, Library, Precision, Writer};

use crate::args::{LibraryArgs, ScanArgs};
use crate::interrupt::Interrupt;
use crate::report::{self, Bar, Skipped};
use crate::scan::Scan;
use crate::{facts, model, output, places};
use plan::Pending;
pub(crate) use plan::{Mode, Plan};

/// Work that a crash may cost.
const COMMIT_EVERY: Duration = Duration::from_secs(5);

/// The library that a command works on.
#[derive(Debug)]
pub(crate) struct Shelf {
    library: Library,
    is_new: bool,
}

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

impl Shelf {
    /// Opens the library that the options ask for, or starts an empty one for this model.
    pub(crate) fn open(args: &LibraryArgs, checkpoint: &Checkpoint) -> Result<Self> {
        let path = places::library(args, checkpoint)?;
        let (card, fingerprint) = (checkpoint.card(), checkpoint.fingerprint());
        let is_new = !path.exists();
        let dimension = card.config.embed_dim;
        let library =
            Library::open_or_create(&path, &fingerprint, &card.name, dimension, Precision::F32)?;
        warn(&library);
        Ok(Self { library, is_new })
    }

    pub(crate) fn path(&self) -> &Path {
        self.library.folder()
    }

    pub(crate) fn library(&self) -> &Library {
        &self.library
    }

    /// Says once for each library that the built-in model is small.
    pub(crate) fn introduce(&self) {
        if self.is_new && self.library.model_name() == model::EMBEDDED {
            report::hint(model::ADVICE);
        }
    }
}

/// Says what a library has lost.
pub(crate) fn warn(library: &Library) {
    for lost in library.lost() {
        let items = output::count(lost.items, "item");
        report::warning(format_args!("the library has lost {items}: {}", lost.cause));
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
    let mut plan = Plan::new(&shelf.library, scan, mode)?;
    if plan.is_empty() && shelf.library.lost().is_empty() {
        return Ok(plan.changes());
    }
    let mut writer = shelf.library.write()?;
    // Another program may have written since: look again with the library to ourselves.
    plan = Plan::new(writer.library(), scan, mode)?;
    carry_out(plan, &mut writer, embedder, args, skipped)
}

fn carry_out(
    mut plan: Plan,
    writer: &mut Writer<'_>,
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
    let interrupt =
        Interrupt::listen(bar.noting("saves what is done; Ctrl-C again ends it at once"))?;
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
