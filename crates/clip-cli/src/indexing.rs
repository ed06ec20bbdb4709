//! Keeping the library in step with the folders.

mod absence;
mod attempts;
mod left_out;
mod moves;
mod plan;

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clip::{Embedder, Embedding};
use clip_retrieval::{Failure, Item, KeptTags, KnownFile, StoreWriter};

use crate::args::ScanArgs;
use crate::interrupt::Interrupt;
use crate::report::{Bar, Skipped};
use crate::scan::Scan;
use crate::shelf::Shelf;
use crate::{facts, output};
pub(crate) use attempts::Reader;
pub(crate) use left_out::LeftOut;
use plan::Pending;
pub(crate) use plan::{Mode, Plan};

/// Work that a crash may cost.
pub(crate) const COMMIT_EVERY: Duration = Duration::from_secs(5);

/// What is said when the user stops it.
pub(crate) const SAVES: &str = "saves what is done; Ctrl-C again ends it at once";

/// What an update did, or would do.
#[derive(Debug, Default, Clone)]
pub(crate) struct Changes {
    pub(crate) added: usize,
    pub(crate) changed: usize,
    pub(crate) moved: usize,
    pub(crate) unchanged: usize,
    pub(crate) removed: usize,
    pub(crate) left_out: LeftOut,
}

impl Changes {
    /// Pictures that are there now.
    pub(crate) fn total(&self) -> usize {
        self.added + self.changed + self.moved + self.unchanged
    }

    /// What a picture counts as.
    fn count(&mut self, pending: &Pending) -> &mut usize {
        if pending.known.is_some() { &mut self.changed } else { &mut self.added }
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
    let reader = Reader::new(args);
    let mut plan = Plan::new(&*shelf.store().snapshot()?, scan, mode, &reader)?;
    if plan.is_empty() && shelf.store().is_whole() {
        return Ok(plan.changes());
    }
    let mut writer = shelf.store_mut().writer()?;
    // Another program may have written since: look again with the library to ourselves.
    plan = Plan::new(writer.store(), scan, mode, &reader)?;
    carry_out(plan, &mut *writer, embedder, args, skipped)
}

/// Takes a file off the library, whose tags are kept for when it comes back.
pub(crate) fn drop_file(
    writer: &mut dyn StoreWriter,
    file: &KnownFile,
) -> clip_retrieval::Result<()> {
    let KnownFile { path, hash, user_tags, .. } = file;
    if !user_tags.is_empty() {
        let (path, hash, user_tags) = (path.clone(), *hash, user_tags.clone());
        writer.keep_tags(&KeptTags { path, hash, user_tags })?;
    }
    writer.remove(&Item::path_id(path))?;
    Ok(())
}

fn carry_out(
    mut plan: Plan,
    writer: &mut dyn StoreWriter,
    embedder: &Embedder,
    args: &ScanArgs,
    skipped: &mut Skipped,
) -> Result<Changes> {
    let moved = plan.follow(|id, pending| {
        writer.rename(id, &pending.item())?;
        if pending.is_kept { writer.forget_tags(&pending.path) } else { Ok(()) }
    })?;
    let mut changes = Changes { added: 0, changed: 0, moved, ..plan.changes() };
    for file in &plan.gone {
        drop_file(writer, file)?;
    }
    // A run that is stopped loses no tags of pictures that changed places.
    for kept in plan.pending.iter().filter(|new| new.inherits).filter_map(Pending::kept_tags) {
        writer.keep_tags(&kept)?;
    }
    for path in &plan.forgotten {
        writer.forgive(path)?;
    }
    writer.commit()?;
    let bar = Bar::pictures(plan.pending.len());
    let current = std::env::current_dir().ok();
    let options = args.reading(embedder);
    let interrupt = Interrupt::listen(bar.noting(SAVES))?;
    let reader = Reader::new(args);
    let mut kept = KeptByContent::default();
    for (hash, tags) in plan.kept.into_values().filter_map(|tags| Some((tags.hash?, tags))) {
        kept.0.entry(hash).or_default().push(tags);
    }
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
                        put(writer, pending, &embedding, &mut kept)?;
                        *changes.count(pending) += 1;
                    }
                    Err(error) => {
                        writer.fail(&failure(pending, &error, &reader))?;
                        if let Some(kept) = pending.kept_tags() {
                            writer.keep_tags(&kept)?;
                        }
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

/// The tags of files that have no item, by the content that they had.
#[derive(Default)]
struct KeptByContent(HashMap<[u8; 32], Vec<KeptTags>>);

impl KeptByContent {
    /// Those of one file of this content: of several, the one whose name is most like this.
    fn take(&mut self, hash: [u8; 32], path: &Path) -> Option<KeptTags> {
        let files = self.0.get_mut(&hash)?;
        let likeness = |at: &usize| moves::likeness(path, &files[*at].path);
        let at = (0..files.len()).max_by_key(likeness)?;
        Some(files.swap_remove(at))
    }
}

/// Puts a picture into the library, with the tags that were kept for its path or its content.
fn put(
    writer: &mut dyn StoreWriter,
    pending: &Pending,
    embedding: &Embedding,
    kept: &mut KeptByContent,
) -> Result<()> {
    let mut item = pending.item();
    if let Some(kept) = item.facts.hash.and_then(|hash| kept.take(hash, &pending.path)) {
        item.user_tags.merge(&kept.user_tags);
        writer.forget_tags(&kept.path)?;
    }
    writer.upsert(&item, embedding.as_slice())?;
    if pending.is_kept {
        writer.forget_tags(&pending.path)?;
    }
    Ok(())
}

fn failure(pending: &Pending, error: &clip::Error, reader: &Reader) -> Failure {
    let failure = Failure::new(&pending.path, pending.state.stamp, &output::cause(error));
    let status_changed = pending.state.status_changed;
    Failure { status_changed, attempt: reader.attempt(error), ..failure }
}
