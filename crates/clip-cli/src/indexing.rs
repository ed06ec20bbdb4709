//! Keeping the library in step with the folders.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clip::{Checkpoint, Embedder};
use clip_retrieval::{FileStamp, Item, Library, Lock};

use crate::args::{LibraryArgs, ScanArgs};
use crate::interrupt::Interrupt;
use crate::report::{self, Bar, Skipped};
use crate::scan::Scan;
use crate::{model, output, places};

/// Work that a crash may cost.
const SAVE_EVERY: Duration = Duration::from_secs(15);

/// The library and the file it lives in.
#[derive(Debug)]
pub(crate) struct Shelf {
    path: PathBuf,
    library: Library,
    is_new: bool,
}

/// What an update did.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Changes {
    pub(crate) added: usize,
    pub(crate) changed: usize,
    pub(crate) unchanged: usize,
    pub(crate) removed: usize,
}

impl Changes {
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
        let library = match is_new {
            true => Library::new(&fingerprint, &card.name, card.config.embed_dim),
            false => Library::open_for(&path, &fingerprint, &card.name)?,
        };
        Ok(Self { path, library, is_new })
    }

    fn reload(&mut self) -> Result<()> {
        let (fingerprint, model) = (self.library.fingerprint(), self.library.model_name());
        self.library = Library::open_for(&self.path, fingerprint, model)?;
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
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

/// Adds pictures that are new or changed by size or time, and removes those that are gone.
/// A picture that cannot be read is named and left out; the rest goes on.
pub(crate) fn update(
    shelf: &mut Shelf,
    embedder: &Embedder,
    scan: &Scan,
    args: &ScanArgs,
    skipped: &mut Skipped,
) -> Result<Changes> {
    let current = std::env::current_dir().ok();
    for (folder, error) in &scan.unreadable {
        skipped.add(&Bar::hidden(), output::shorten(folder, current.as_deref()), error);
    }
    let mut plan = Plan::new(shelf, scan);
    if plan.is_empty() {
        return Ok(Changes { unchanged: plan.unchanged, ..Changes::default() });
    }
    // Another program may have written since: look again with the library to ourselves.
    let _lock = Lock::acquire(&shelf.path)?;
    if shelf.path.exists() {
        shelf.reload()?;
        plan = Plan::new(shelf, scan);
    }
    carry_out(&plan, shelf, embedder, args, skipped)
}

/// What an update has to do.
struct Plan {
    pending: Vec<Pending>,
    gone: HashSet<PathBuf>,
    unchanged: usize,
}

/// A picture to encode.
struct Pending {
    path: PathBuf,
    stamp: Option<FileStamp>,
    was_known: bool,
}

impl Pending {
    /// As short as the user would write it, for the messages.
    fn short(&self, current: Option<&Path>) -> &Path {
        output::shorten(&self.path, current)
    }
}

impl Plan {
    fn new(shelf: &Shelf, scan: &Scan) -> Self {
        let known: HashMap<&Path, Option<FileStamp>> =
            shelf.library.items().filter_map(|item| Some((item.path()?, item.stamp))).collect();
        let listed: HashSet<&Path> = scan.pictures.iter().map(PathBuf::as_path).collect();
        let is_gone = |path: &Path| !listed.contains(path) && scan.knows(path) && !path.exists();
        let gone = known.keys().filter(|path| is_gone(path)).map(|path| path.to_path_buf());
        let mut plan = Self { pending: Vec::new(), gone: gone.collect(), unchanged: 0 };
        for path in &scan.pictures {
            let stamp = FileStamp::of(path).ok();
            let old = known.get(path.as_path());
            if old.is_some_and(|old| *old == stamp) {
                plan.unchanged += 1;
            } else {
                plan.pending.push(Pending { path: path.clone(), stamp, was_known: old.is_some() });
            }
        }
        plan
    }

    fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.gone.is_empty()
    }
}

fn carry_out(
    plan: &Plan,
    shelf: &mut Shelf,
    embedder: &Embedder,
    args: &ScanArgs,
    skipped: &mut Skipped,
) -> Result<Changes> {
    let mut changes =
        Changes { removed: plan.gone.len(), unchanged: plan.unchanged, ..Changes::default() };
    shelf.library.retain(|item| item.path().is_none_or(|path| !plan.gone.contains(path)));
    let bar = Bar::pictures(plan.pending.len());
    let current = std::env::current_dir().ok();
    let options = args.reading(embedder);
    let interrupt =
        Interrupt::listen(bar.noting("saves what is done; Ctrl-C again ends it at once"))?;
    let mut dirty = !plan.gone.is_empty();
    let outcome = embedder.stream(
        &plan.pending,
        |pending, room| room.read(pending.short(current.as_deref()), &options),
        |results| -> Result<()> {
            let mut saved = Instant::now();
            for (done, result) in results.enumerate() {
                if interrupt.came() {
                    let total = output::count(plan.pending.len(), "picture");
                    bail!("stopped after {done} of {total}: the same command goes on from there");
                }
                let (pending, embedding) = result?;
                match embedding {
                    Ok(embedding) => {
                        let item = Item::picture(&pending.path, pending.stamp);
                        shelf.library.upsert(item, embedding.as_slice())?;
                        *changes.count(pending) += 1;
                        dirty = true;
                    }
                    Err(error) => {
                        // What it showed before is no longer true.
                        dirty |= shelf.library.remove(&Item::path_id(&pending.path));
                        skipped.add(&bar, pending.short(current.as_deref()), error);
                    }
                }
                bar.advance(1);
                if dirty && saved.elapsed() >= SAVE_EVERY {
                    shelf.library.save(&shelf.path)?;
                    (dirty, saved) = (false, Instant::now());
                }
            }
            Ok(())
        },
    );
    // Also where the device failed or the user stopped it half-way.
    if dirty {
        shelf.library.save(&shelf.path)?;
    }
    outcome.map(|()| changes)
}
