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

    /// Leave out pictures that are not there, instead of stopping before anything is done
    #[arg(long)]
    drop_missing: bool,

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
    let mut old = places::open_library(&args.library, args.from.as_deref())?;
    if old.fingerprint() == checkpoint.fingerprint() {
        bail!(
            "{} is a library of {} already: name another model with --model",
            old.folder().display(),
            old.model_name()
        );
    }
    let missing = Contents::of(&old)?.missing();
    if let Some(first) = missing.first().filter(|_| !args.drop_missing) {
        let count = output::count(missing.len(), "picture");
        bail!(
            "{count} of {} cannot be found, such as {}: plug in their drive, or leave them out with --drop-missing",
            old.folder().display(),
            first.display()
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
    loop {
        let contents = Contents::of(&old)?;
        let scan = Scan { pictures: contents.there(), ..Scan::default() };
        let (options, keep) = (&args.scan, Mode::KeepMissing);
        indexing::update(&mut shelf, &embedder, &scan, options, keep, &mut skipped)?;
        indexing::keep_tags(&mut shelf, &contents.pictures)?;
        let batch = args.model.batch_size.into();
        texts::add_new(&mut shelf, &embedder, contents.texts.clone(), batch)?;
        // Somebody may have written into the old one meanwhile.
        old.refresh()?;
        if Contents::of(&old)? == contents {
            break;
        }
    }
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
    write!(out, "library: ")?;
    out.path(&place)?;
    writeln!(out, " ({items} of {})", checkpoint.card().name)?;
    out.flush()?;
    skipped.summarize();
    if !missing.is_empty() {
        report::note(format_args!(
            "{} not there, and not in the new library",
            output::count(missing.len(), "picture")
        ));
    }
    Ok(Outcome::Found)
}

/// What a library holds.
#[derive(Debug, PartialEq)]
struct Contents {
    /// Those that are files, with their tags.
    pictures: HashMap<PathBuf, Vec<String>>,
    texts: Vec<Item>,
}

impl Contents {
    fn of(library: &Library) -> Result<Self> {
        let items = library.items(&Filter::of(Modality::Image))?;
        let picture = |item: Item| Some((item.path()?.to_owned(), item.facts.tags));
        let pictures = items.into_iter().filter_map(picture).collect();
        Ok(Self { pictures, texts: library.items(&Filter::of(Modality::Text))? })
    }

    /// Pictures that can be read, in order.
    fn there(&self) -> Vec<PathBuf> {
        self.sorted(Path::exists)
    }

    /// Pictures that cannot, in order.
    fn missing(&self) -> Vec<PathBuf> {
        self.sorted(|path| !path.exists())
    }

    fn sorted(&self, wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> =
            self.pictures.keys().filter(|path| wanted(path)).cloned().collect();
        paths.sort();
        paths
    }
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

/// Goes on where a program was stopped within [`swap`].
fn finish_swap(place: &Path) -> Result<()> {
    let (new, old) = (beside(place, "new"), beside(place, "old"));
    if place.exists() && Library::open(&old).is_ok() {
        fs::remove_dir_all(&old).with_context(|| format!("cannot remove {}", old.display()))?;
    }
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
