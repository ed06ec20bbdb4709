//! `clip-cli index`.

mod keep;
mod stats;
pub(super) mod texts;
mod watch;

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{ArgGroup, Args};
use clip::{Embedder, Overflow};
use clip_retrieval::{Library, Store};

use crate::args::{LibraryArgs, ModelArgs, ScanArgs};
use crate::indexing::{self, Changes, Mode, Plan};
use crate::model::Model;
use crate::places::Place;
use crate::report::{self, Skipped};
use crate::scan::Scan;
use crate::shard::Shard;
use crate::shelf::Shelf;
use crate::{Outcome, cluster, connecting, model, output, places, scan};

/// Vectors that are compared one by one in about a twentieth of a second.
pub(crate) const HNSW_ABOVE: usize = 4_000_000;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli index ~/Pictures              add what is new, follow what was moved, drop what is gone
  clip-cli index ~/Pictures --watch      the same, and go on whenever something changes
  clip-cli index --texts captions.csv    texts to be found, by pictures too
  clip-cli index ~/Pictures --dry-run    say what that would do
  clip-cli index --errors                which files could not be read, and why
  clip-cli index --prune                 drop what is gone, wherever it was

A file that could not be read is not tried again until it changes.")]
#[command(override_usage = "clip-cli index [OPTIONS] <PATH>...
       clip-cli index [OPTIONS] --texts <FILE> | --files-from <FILE>
       clip-cli index --errors | --stats | --verify | --compact | --prune | --remove <ITEM>")]
#[command(group(ArgGroup::new("work").args(["paths", "files_from", "texts", "errors", "stats", "verify", "compact", "prune", "remove"]).required(true)))]
pub(crate) struct IndexArgs {
    /// Folders and pictures
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Read the pictures that this file lists, a path a line, or each ended by a NUL byte; - is
    /// standard input
    #[arg(long, value_name = "FILE")]
    files_from: Option<PathBuf>,

    /// Read one part of all pictures, such as 2/8: eight machines, each with its own part, fill one
    /// library in a cluster
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,

    /// Read texts: the lines of a file, or of .csv and .jsonl the fields id and text
    #[arg(long, value_name = "FILE", conflicts_with = "paths")]
    texts: Option<PathBuf>,

    /// Cut texts that are too long for the model instead of leaving them out
    #[arg(long, requires = "texts")]
    truncate: bool,

    /// Give every picture below the paths this tag, for `search --tag` (repeatable)
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,

    /// Go on, and read what changes below the paths, until Ctrl-C
    #[arg(long, requires = "paths", conflicts_with_all = ["dry_run", "files_from"])]
    watch: bool,

    /// Make a graph to search by (HNSW) over so many vectors that have none: searches of millions are
    /// faster then, and miss a few of the nearest, as --stats says
    #[arg(long, value_name = "N", env = "CLIP_HNSW_ABOVE", hide_env_values = true, default_value_t = HNSW_ABOVE)]
    hnsw_above: usize,

    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,

    /// Keep pictures that are gone, as those on a drive that is not plugged in
    #[arg(long)]
    keep_missing: bool,

    /// List the files that could not be read, and why
    #[arg(long)]
    errors: bool,

    /// Say how large the library is
    #[arg(long)]
    stats: bool,

    /// Read all of the library and compare it with its checksums
    #[arg(long)]
    verify: bool,

    /// Write the library anew, without the room of what is gone
    #[arg(long)]
    compact: bool,

    /// Drop the pictures that are gone, whatever folder they were in
    #[arg(long)]
    prune: bool,

    /// Take a picture or a text off the library, by its path or its id (repeatable)
    #[arg(long, value_name = "ITEM")]
    remove: Vec<String>,

    /// Print one JSON object, or one a line with --errors
    #[arg(long, conflicts_with_all = ["paths", "texts", "verify", "compact", "prune", "remove"])]
    json: bool,

    #[command(flatten)]
    library: LibraryArgs,
    #[command(flatten)]
    scan: ScanArgs,
    #[command(flatten)]
    model: ModelArgs,
}

pub(crate) fn run(args: &IndexArgs) -> Result<Outcome> {
    if let Some(file) = &args.texts {
        return texts::run(args, file);
    }
    if !args.paths.is_empty() || args.files_from.is_some() {
        return match args.dry_run {
            true => dry_run(args),
            false => index(args),
        };
    }
    let model = args.model.model.as_deref();
    let library = || places::open_library(&args.library, model);
    let store = || places::open_store(&args.library, model);
    match args {
        IndexArgs { errors: true, .. } => stats::errors(&*store()?, args.json),
        IndexArgs { stats: true, .. } if args.library.is_cluster() => {
            stats::of_cluster(&*store()?, args.json)
        }
        IndexArgs { stats: true, .. } => stats::stats(&library()?, args.json),
        IndexArgs { verify: true, .. } => keep::verify(&library()?),
        IndexArgs { compact: true, .. } => keep::compact(&mut library()?, args.hnsw_above),
        IndexArgs { prune: true, .. } => keep::prune(&mut *store()?),
        _ => keep::remove(&mut *store()?, &args.remove),
    }
}

fn index(args: &IndexArgs) -> Result<Outcome> {
    let embedder = model::embedder(&args.model, Overflow::Error)?;
    let mut shelf = Shelf::open(&args.library, embedder.checkpoint())?;
    let outcome = update(args, &embedder, &mut shelf)?;
    if args.watch {
        return watch::run(args, &embedder, &mut shelf);
    }
    Ok(outcome)
}

/// Brings the library up to date with the paths, and says what was done.
fn update(args: &IndexArgs, embedder: &Embedder, shelf: &mut Shelf) -> Result<Outcome> {
    let mut skipped = Skipped::default();
    let scan = scan(args)?;
    let changes = indexing::update(shelf, embedder, &scan, &args.scan, mode(args), &mut skipped)?;
    if !args.tag.is_empty() {
        indexing::tag(shelf, &scan, &args.tag)?;
    }
    connecting::connect(shelf, args.hnsw_above)?;

    let mut out = output::stdout();
    writeln!(out, "{}", summary(&changes))?;
    let items = output::count(shelf.store().count()?, "item");
    write!(out, "library: ")?;
    out.path(&shelf.place())?;
    writeln!(out, " ({items})")?;
    out.flush()?;
    skipped.summarize();
    if changes.unreadable > 0 {
        report::note(format_args!(
            "{} could not be read before and did not change: `clip-cli index --errors` says why",
            output::count(changes.unreadable, "file")
        ));
    }
    if changes.total() == 0 {
        return Ok(Outcome::Nothing);
    }
    shelf.introduce();
    Ok(Outcome::Found)
}

/// The pictures that are meant.
fn scan(args: &IndexArgs) -> Result<Scan> {
    let mut scan = scan::scan(&args.paths, &args.scan)?;
    if let Some(file) = &args.files_from {
        scan.add_listed(file)?;
    }
    if let Some(shard) = args.shard {
        scan.pictures.retain(|path| shard.has(path));
    }
    Ok(scan)
}

fn mode(args: &IndexArgs) -> Mode {
    if args.keep_missing { Mode::KeepMissing } else { Mode::Prune }
}

fn summary(changes: &Changes) -> String {
    let Changes { added, changed, moved, unchanged, removed, .. } = changes;
    let total = output::count(changes.total(), "picture");
    let moved = if *moved > 0 { format!("{moved} moved, ") } else { String::new() };
    format!("{total}: {added} new, {changed} changed, {moved}{unchanged} unchanged, {removed} gone")
}

/// Says what indexing would do.
fn dry_run(args: &IndexArgs) -> Result<Outcome> {
    let scan = scan(args)?;
    let checkpoint = Model::find(args.model.model.as_deref())?.checkpoint()?;
    let known: Option<Box<dyn Store>> = match places::library(&args.library, &checkpoint)? {
        Place::Folder(path) if !path.exists() => None,
        Place::Folder(path) => {
            let name = &checkpoint.card().name;
            Some(Box::new(Library::open_for(&path, &checkpoint.fingerprint(), name)?))
        }
        Place::Cluster(address) => Some(cluster::open(&address)?),
    };
    let changes = match known {
        Some(store) => {
            let mut plan = Plan::new(&*store, &scan, mode(args))?;
            let moved = plan.follow(|_, _| Ok(true))?;
            Changes { moved, ..plan.changes() }
        }
        None => Changes { added: scan.pictures.len(), ..Changes::default() },
    };
    let mut out = output::stdout();
    writeln!(out, "{} (nothing was done)", summary(&changes))?;
    out.flush()?;
    Ok(if changes.total() > 0 { Outcome::Found } else { Outcome::Nothing })
}
