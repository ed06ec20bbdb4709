//! The library that a command works on.

use std::io;
use std::path::Path;

use anyhow::Result;
use clip::{Checkpoint, Embedder};
use clip_search::{BUILT_IN, Collection, Engine, Error, Location, Warning};

use crate::args::{LibraryArgs, WhichArgs};
use crate::output::{self, Stdout};
use crate::{hints, model, report};

/// Opens the library that the options ask for, or starts an empty one for this model.
pub(crate) fn open_or_create(args: &LibraryArgs, checkpoint: &Checkpoint) -> Result<Collection> {
    Ok(warned(Collection::open_or_create(&args.location(checkpoint)?, checkpoint)?))
}

/// As [`open_or_create`], with what encodes for it.
pub(crate) fn engine(args: &LibraryArgs, embedder: Embedder) -> Result<Engine> {
    let collection = open_or_create(args, embedder.checkpoint())?;
    Ok(Engine::new(embedder, collection)?)
}

impl WhichArgs {
    /// Opens the library that the options ask for; none is made. Nothing is encoded for it, so one that
    /// is named may be any model's.
    pub(crate) fn open(&self) -> Result<Collection> {
        if let Some(location) = self.library.named() {
            return Ok(warned(Collection::open(&location)?));
        }
        let checkpoint = model::checkpoint(self.model.as_deref())?;
        Ok(warned(Collection::open_for(&Location::default_for(&checkpoint)?, &checkpoint)?))
    }

    /// For what a library in a folder alone can do.
    pub(crate) fn open_folder(&self) -> Result<Collection> {
        if let Some(Location::Cluster(address)) = self.library.named() {
            return Err(Error::IsCluster { address }.into());
        }
        self.open()
    }
}

/// As [`open_or_create`], but nothing is made.
pub(crate) fn existing(args: &LibraryArgs, model: Option<&Path>) -> Result<Option<Collection>> {
    let checkpoint = model::checkpoint(model)?;
    Ok(Collection::open_existing(&args.location(&checkpoint)?, &checkpoint)?)
}

/// The same, once it has been said what it has lost.
fn warned(collection: Collection) -> Collection {
    if let Some(lost) = collection.lost() {
        let (items, cause) = (lost.items, lost.cause.to_string());
        report::warning(Warning::Lost { items, cause });
    }
    collection
}

/// Says once for each library that the built-in model is small.
pub(crate) fn introduce(collection: &Collection) {
    if collection.is_new() && collection.store().model_name() == BUILT_IN {
        report::hint(hints::SMALL_MODEL);
    }
}

/// Prints where the library is, and how large.
pub(crate) fn print(out: &mut Stdout, place: &Path, items: usize) -> io::Result<()> {
    output::place(out, "library: ", place, &output::count(items, "item"))
}
