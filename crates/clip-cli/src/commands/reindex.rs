//! `clip-cli reindex`.

mod workspace;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use clip::{Checkpoint, Overflow};
use clip_retrieval::{Error, Filter, Item, KeptTags, Library, Modality, Store};

use super::index::texts;
use crate::args::{LibraryArgs, ModelArgs, ScanArgs};
use crate::indexing::{self, Mode};
use crate::places::{self, Place};
use crate::report::{self, Skipped};
use crate::scan::Scan;
use crate::shelf::Shelf;
use crate::{Outcome, connecting, model, output, tagging};
use workspace::Workspace;
pub(crate) use workspace::put_back;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli reindex --model clip-vit-base-patch32        what the built-in model's library has
  clip-cli reindex --model M --index trips.clipindex    in the place of that library

The new library is made beside the old one (in .NAME.reindex), which goes on answering until everything is
in the new one. A run that was stopped goes on where it was.")]
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
    let index = args.library.index.as_deref().filter(|_| !args.library.is_cluster());
    index.map(workspace::finish).transpose()?;
    let old = places::open_library(&args.library, args.from.as_deref())?;
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
    let workspace = index.map(Workspace::open_or_create).transpose()?;
    let place = match (&workspace, places::library(&args.library, checkpoint)?) {
        (Some(workspace), _) => {
            let place = workspace.new_library();
            remove_unusable(&place, checkpoint)?;
            place
        }
        (None, Place::Folder(place)) => place,
        (None, Place::Cluster(address)) => {
            bail!("{address} is a cluster: index into another collection")
        }
    };
    let mut shelf = Shelf::open(&LibraryArgs { index: Some(place.clone()) }, checkpoint)?;
    let mut skipped = Skipped::default();
    loop {
        let contents = Contents::of(&old)?;
        let scan = Scan { pictures: contents.there(), ..Scan::default() };
        let (options, keep) = (&args.scan, Mode::KeepMissing);
        indexing::update(&mut shelf, &embedder, &scan, options, keep, &mut skipped)?;
        tagging::restore(shelf.store_mut(), &contents.tags)?;
        let batch = args.model.batch_size.into();
        texts::add_new(&mut shelf, &embedder, contents.texts.clone(), batch)?;
        // Somebody may have written into the old one meanwhile.
        if Contents::of(&old)? == contents {
            break;
        }
    }
    connecting::connect(&mut shelf, super::index::HNSW_ABOVE)?;

    let count = shelf.store().count()?;
    drop((shelf, old));
    if let Some(workspace) = workspace {
        workspace.swap()?;
    }
    let place = index.unwrap_or(&place);
    let mut out = output::stdout();
    let items = output::count(count, "item");
    write!(out, "library: ")?;
    out.path(place)?;
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
    /// Those that are files, in order.
    pictures: Vec<PathBuf>,
    /// What users said of their tags, and of those of files that may come back.
    tags: Vec<KeptTags>,
    texts: Vec<Item>,
}

impl Contents {
    fn of(library: &Library) -> Result<Self> {
        let items = library.items(&Filter::of(Modality::Image))?;
        let mut pictures: Vec<PathBuf> =
            items.iter().filter_map(|item| Some(item.path()?.to_owned())).collect();
        pictures.sort();
        let mut tags = library.kept_tags()?;
        tags.extend(items.into_iter().filter_map(KeptTags::of));
        Ok(Self { pictures, tags, texts: library.items(&Filter::of(Modality::Text))? })
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
        self.pictures.iter().filter(|path| wanted(path)).cloned().collect()
    }
}

/// Removes what an earlier run has begun where it cannot be gone on with: it was for another model, or
/// is damaged.
fn remove_unusable(new: &Path, checkpoint: &Checkpoint) -> Result<()> {
    match Library::open_for(new, &checkpoint.fingerprint(), &checkpoint.card().name) {
        Ok(_) | Err(Error::NoLibrary { .. }) => Ok(()),
        Err(error @ (Error::OtherModel { .. } | Error::DamagedCatalog { .. })) => {
            Library::delete(new)?;
            report::note(format_args!(
                "begins anew, for what an earlier run has made is of no use: {error}"
            ));
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
