//! `clip-cli reindex`.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use clip::Overflow;
use clip_retrieval::{Filter, Item, Library, Modality};

use super::index::texts;
use crate::args::{LibraryArgs, ModelArgs, ScanArgs};
use crate::indexing::{self, Mode};
use crate::places::{self, Place};
use crate::report::{self, Skipped};
use crate::scan::Scan;
use crate::shelf::Shelf;
use crate::{Outcome, connecting, model, output};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli reindex --model clip-vit-base-patch32        what the built-in model's library has
  clip-cli reindex --model M --index trips.clipindex    in the place of that library

The new library is made beside the old one, which goes on answering until everything is in the new one.
A run that was stopped goes on where it was.")]
pub(crate) struct ReindexArgs {
    /// The model of the library to begin with, where it is not --index: a checkpoint file, or a name
    /// that `models` lists [default: the built-in model]
    #[arg(long, value_name = "MODEL", conflicts_with = "index")]
    from: Option<PathBuf>,

    #[command(flatten)]
    library: LibraryArgs,
    #[command(flatten)]
    scan: ScanArgs,
    #[command(flatten)]
    model: ModelArgs,
}

pub(crate) fn run(args: &ReindexArgs) -> Result<Outcome> {
    let embedder = model::embedder(&args.model, Overflow::Truncate)?;
    let checkpoint = embedder.checkpoint();
    if let Some(place) = &args.library.index {
        finish_swap(place)?;
    }
    let old = places::open_library(&args.library, args.from.as_deref())?;
    if old.fingerprint() == checkpoint.fingerprint() {
        bail!(
            "{} is a library of {} already: name another model with --model",
            old.folder().display(),
            old.model_name()
        );
    }
    let place = match &args.library.index {
        Some(place) => beside(place, "new"),
        None => match places::library(&args.library, checkpoint)? {
            Place::Folder(place) => place,
            Place::Cluster(address) => {
                bail!("{address} is a cluster: index into another collection")
            }
        },
    };
    let mut shelf = Shelf::open(&LibraryArgs { index: Some(place.clone()) }, checkpoint)?;
    let mut skipped = Skipped::default();

    let pictures: HashMap<PathBuf, Vec<String>> = pictures(&old)?;
    let missing = pictures.keys().filter(|path| !path.exists()).count();
    let mut there: Vec<PathBuf> = pictures.keys().filter(|path| path.exists()).cloned().collect();
    there.sort();
    let scan = Scan { pictures: there, ..Scan::default() };
    indexing::update(&mut shelf, &embedder, &scan, &args.scan, Mode::KeepMissing, &mut skipped)?;
    indexing::keep_tags(&mut shelf, &pictures)?;
    let known = old.items(&Filter::of(Modality::Text))?;
    texts::add_new(&mut shelf, &embedder, known, args.model.batch_size.into())?;
    connecting::connect(&mut shelf, super::index::HNSW_ABOVE)?;

    let count = shelf.store().count()?;
    drop((shelf, old));
    let place = match &args.library.index {
        Some(old) => {
            swap(old, &place)?;
            old.clone()
        }
        None => place,
    };
    let mut out = output::stdout();
    let items = output::count(count, "item");
    writeln!(out, "library: {} ({items} of {})", place.display(), checkpoint.card().name)?;
    out.flush()?;
    skipped.summarize();
    if missing > 0 {
        report::warning(format_args!(
            "{} of the old library were not there and are not in the new one",
            output::count(missing, "picture")
        ));
    }
    Ok(Outcome::Found)
}

/// The pictures of a library that are files, and their tags.
fn pictures(library: &Library) -> Result<HashMap<PathBuf, Vec<String>>> {
    let items = library.items(&Filter::of(Modality::Image))?;
    let picture = |item: Item| Some((item.path()?.to_owned(), item.facts.tags));
    Ok(items.into_iter().filter_map(picture).collect())
}

/// Puts a library into the place of another, which is removed.
fn swap(place: &Path, new: &Path) -> Result<()> {
    let old = beside(place, "old");
    let rename = |from: &Path, to: &Path| {
        fs::rename(from, to)
            .with_context(|| format!("cannot move {} to {}", from.display(), to.display()))
    };
    rename(place, &old)?;
    rename(new, place)?;
    fs::remove_dir_all(&old).with_context(|| format!("cannot remove {}", old.display()))
}

/// Goes on where a program was stopped between the two names of [`swap`].
fn finish_swap(place: &Path) -> Result<()> {
    let (new, old) = (beside(place, "new"), beside(place, "old"));
    if !place.exists() && old.is_dir() {
        let from = if new.is_dir() { &new } else { &old };
        fs::rename(from, place)
            .with_context(|| format!("cannot move {} to {}", from.display(), place.display()))?;
    }
    Ok(())
}

/// A folder beside another, named for it.
fn beside(place: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(place);
    name.push(".");
    name.push(ending);
    name.into()
}
