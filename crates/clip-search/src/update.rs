//! Keeping a collection in step with folders.

mod absence;
mod attempts;
mod left_out;
mod moves;
mod pending;
mod plan;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use clip::{Embedder, Embedding};
use clip_retrieval::{Content, Failure, Item, KeptTags, KnownFile, Store, StoreWriter};

use crate::error::with_causes;
use crate::{DecodeOptions, Error, Observer, Progress, Result, Scan, Task, count, metadata};
use attempts::Reader;
pub use left_out::{LeftOut, Note};
use pending::Pending;
use plan::Plan;

/// Work that a crash may cost.
pub(crate) const COMMIT_EVERY: Duration = Duration::from_secs(5);

/// What happens to images that are gone.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum MissingFiles {
    /// They leave the collection, but for those that may lie on a drive that is not plugged in.
    #[default]
    Prune,
    /// They stay, all of them.
    Keep,
    /// They leave the collection, all of them.
    Drop,
}

/// How a collection is brought in step with folders.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct UpdateOptions {
    /// What happens to images that are gone.
    pub missing: MissingFiles,
    /// How images are decoded.
    pub decode: DecodeOptions,
}

/// What an update did, or would do.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Images that are new.
    pub added: usize,
    /// Images that were encoded again.
    pub changed: usize,
    /// Images that have another name now.
    pub moved: usize,
    /// Images that are as they were.
    pub unchanged: usize,
    /// Images that left the collection.
    pub removed: usize,
    /// What was left out or let be.
    pub left_out: LeftOut,
}

impl Changes {
    /// Images that are there now.
    pub fn total(&self) -> usize {
        self.added + self.changed + self.moved + self.unchanged
    }

    /// What an image counts as.
    fn count(&mut self, pending: &Pending) -> &mut usize {
        if pending.known.is_some() { &mut self.changed } else { &mut self.added }
    }
}

impl fmt::Display for Changes {
    /// `3 pictures: 2 new, 0 changed, 1 unchanged, 0 gone`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { added, changed, moved, unchanged, removed, .. } = self;
        write!(f, "{}: {added} new, {changed} changed, ", count(self.total(), "picture"))?;
        if *moved > 0 {
            write!(f, "{moved} moved, ")?;
        }
        write!(f, "{unchanged} unchanged, {removed} gone")
    }
}

/// Adds images that are new or changed by size or time, follows those that were moved, and removes
/// those that are gone. `observer` hears of folders and images that cannot be read; the rest goes on.
///
/// # Errors
///
/// [`Error::Cancelled`] where the observer asked for that: what was encoded is kept, and the next update
/// goes on from there. [`Error::Retrieval`] and [`Error::Clip`] where the collection cannot be written
/// or the device failed.
pub fn update(
    store: &dyn Store,
    embedder: &Embedder,
    scan: &Scan,
    options: &UpdateOptions,
    observer: &mut dyn Observer,
) -> Result<Changes> {
    for (folder, reason) in &scan.unreadable {
        observer.skipped(&Content::Path(folder.clone()), &Unreadable(reason.clone()));
    }
    let reader = Reader::new(&options.decode);
    let plan = Plan::new(&*store.snapshot()?, scan, options.missing, &reader)?;
    if plan.is_empty() && store.is_whole() {
        return Ok(plan.changes());
    }
    let mut writer = store.writer()?;
    // Another program may have written since: look again with the library to ourselves.
    let plan = Plan::new(writer.store(), scan, options.missing, &reader)?;
    carry_out(plan, &mut *writer, embedder, &options.decode, observer)
}

/// What [`update`] would do, where every image can be read.
///
/// # Errors
///
/// [`Error::Retrieval`] where the collection cannot be read.
pub fn planned(store: &dyn Store, scan: &Scan, options: &UpdateOptions) -> Result<Changes> {
    let mut plan =
        Plan::new(&*store.snapshot()?, scan, options.missing, &Reader::new(&options.decode))?;
    let moved = plan.follow(|_, _| Ok(()))?;
    Ok(Changes { moved, ..plan.changes() })
}

/// Why a folder could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unreadable(String);

/// Takes a file off the collection, whose tags are kept for when it comes back.
fn drop_file(writer: &mut dyn StoreWriter, file: &KnownFile) -> clip_retrieval::Result<()> {
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
    decode: &DecodeOptions,
    observer: &mut dyn Observer,
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
    let total = plan.pending.len();
    let options = decode.reading(embedder);
    let reader = Reader::new(decode);
    let mut kept = KeptByContent::default();
    for (hash, tags) in plan.kept.into_values().filter_map(|tags| Some((tags.hash?, tags))) {
        kept.0.entry(hash).or_default().push(tags);
    }
    if total > 0 {
        observer.progress(Progress { task: Task::Images, done: 0, total });
    }
    let outcome = embedder.stream(
        &plan.pending,
        |pending, room| -> clip::Result<_> {
            let (bytes, origin) = clip::load_picture(&pending.path)?;
            let image = room.decode(&bytes, &origin, &options)?;
            // Once the file has proved to be an image.
            let _ = pending.facts.set(metadata::of_bytes(&bytes));
            Ok(image)
        },
        |results| -> Result<()> {
            let mut committed = Instant::now();
            for (done, result) in results.enumerate() {
                if observer.is_cancelled() {
                    return Err(Error::Cancelled { task: Task::Images, done, total });
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
                        observer.skipped(&Content::Path(pending.path.clone()), &error);
                    }
                }
                observer.progress(Progress { task: Task::Images, done: done + 1, total });
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

/// Puts an image into the collection, with the tags that were kept for its path or its content.
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
    let failure = Failure::new(&pending.path, pending.state.stamp, &with_causes(error));
    let status_changed = pending.state.status_changed;
    Failure { status_changed, attempt: reader.attempt(error), ..failure }
}
