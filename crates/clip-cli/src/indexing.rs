//! Keeping the library in step with the folders.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use clip::{Checkpoint, Embedder, ReadOptions};
use clip_retrieval::{FileStamp, Item, Library};

use crate::args::{LibraryArgs, ScanArgs};
use crate::report::{self, Bar, Skipped};
use crate::scan::Scan;
use crate::{model, places};

/// Work that a crash may cost.
const SAVE_EVERY: Duration = Duration::from_secs(15);

/// The library and the file it lives in.
#[derive(Debug)]
pub(crate) struct Shelf {
    path: PathBuf,
    library: Library,
    is_new: bool,
    model_name: String,
}

/// What an update did.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Changes {
    pub(crate) added: usize,
    pub(crate) changed: usize,
    pub(crate) unchanged: usize,
    pub(crate) removed: usize,
}

impl Shelf {
    /// Opens the library that the options ask for, or starts an empty one for this model.
    pub(crate) fn open(args: &LibraryArgs, checkpoint: &Checkpoint) -> Result<Self> {
        let path = places::library(args, checkpoint)?;
        let (card, fingerprint) = (checkpoint.card(), checkpoint.fingerprint());
        let is_new = !path.exists();
        let library = if is_new {
            Library::new(&fingerprint, &card.name, card.config.embed_dim)
        } else {
            Library::open_for(&path, &fingerprint, &card.name)?
        };
        Ok(Self { path, library, is_new, model_name: card.name.clone() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn library(&self) -> &Library {
        &self.library
    }

    /// Says once for each library that the built-in model is small.
    pub(crate) fn introduce(&self) {
        if self.is_new && self.model_name == model::EMBEDDED {
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
    let mut changes = Changes { removed: remove_gone(shelf, scan), ..Changes::default() };
    let known: HashMap<&Path, Option<FileStamp>> =
        shelf.library.items().filter_map(|item| Some((item.path()?, item.stamp))).collect();
    let mut pending = Vec::new();
    for path in &scan.pictures {
        let stamp = FileStamp::of(path).ok();
        match known.get(path.as_path()) {
            Some(old) if *old == stamp => changes.unchanged += 1,
            old => pending.push((path.clone(), stamp, old.is_some())),
        }
    }
    drop(known);

    let options = ReadOptions { max_megapixels: args.max_megapixels, ..ReadOptions::default() };
    let bar = Bar::pictures(pending.len());
    for (folder, error) in &scan.unreadable {
        skipped.add(&bar, folder, error);
    }
    let mut dirty = changes.removed > 0;
    let mut saved = Instant::now();
    for batch in pending.chunks(embedder.batch_size()) {
        let paths: Vec<&Path> = batch.iter().map(|(path, ..)| path.as_path()).collect();
        let embeddings = embedder.files(&paths, &options)?;
        for ((path, stamp, was_known), embedding) in batch.iter().zip(embeddings) {
            match embedding {
                Ok(embedding) => {
                    shelf.library.upsert(Item::picture(path, *stamp), embedding.as_slice())?;
                    *(if *was_known { &mut changes.changed } else { &mut changes.added }) += 1;
                    dirty = true;
                }
                Err(error) => {
                    // What it showed before is no longer true.
                    if *was_known {
                        shelf.library.retain(|item| item.path() != Some(path));
                        dirty = true;
                    }
                    skipped.add(&bar, path, error);
                }
            }
        }
        bar.advance(batch.len());
        if dirty && saved.elapsed() >= SAVE_EVERY {
            shelf.library.save(&shelf.path)?;
            (dirty, saved) = (false, Instant::now());
        }
    }
    if dirty {
        shelf.library.save(&shelf.path)?;
    }
    Ok(changes)
}

/// Forgets the pictures below the scanned folders that are no longer on the disk.
fn remove_gone(shelf: &mut Shelf, scan: &Scan) -> usize {
    let listed: HashSet<&Path> = scan.pictures.iter().map(PathBuf::as_path).collect();
    let is_gone =
        |path: &Path| !listed.contains(path) && scan.knows(path) && !path.exists();
    let before = shelf.library.len();
    shelf.library.retain(|item| item.path().is_none_or(|path| !is_gone(path)));
    before - shelf.library.len()
}

