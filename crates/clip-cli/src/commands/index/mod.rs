//! `clip-cli index`.

mod moved;
pub(super) mod texts;
mod watch;

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{ArgGroup, Args};
use clip::{Embedder, Overflow};
use clip_retrieval::{Error, Library, Store};

use super::library;
use crate::args::{LibraryArgs, ModelArgs, ScanArgs};
use crate::indexing::{self, Changes, Mode, Plan, Reader};
use crate::model::Model;
use crate::places::Place;
use crate::report::Skipped;
use crate::scan::Scan;
use crate::shard::Shard;
use crate::shelf::Shelf;
use crate::{Outcome, cluster, connecting, model, output, places, scan, tagging};
use moved::MovedArgs;

/// Vectors that are compared one by one in about a twentieth of a second.
pub(crate) const HNSW_ABOVE: usize = 4_000_000;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli index ~/Pictures              add what is new, follow what was moved, drop what is gone
  clip-cli index ~/Pictures --watch      the same, and go on whenever something changes
  clip-cli index --texts captions.csv    texts to be found, by pictures too
  clip-cli index ~/Pictures --dry-run    say what that would do

`clip-cli library` says what is in the library and what could not be read, and drops what is gone.

A file that could not be read is tried again when it or its permissions change, when it is named itself,
with a higher --max-megapixels, and by another version of this program.")]
#[command(override_usage = "clip-cli index [OPTIONS] <PATH>...
       clip-cli index [OPTIONS] --texts <FILE> | --files-from <FILE>")]
#[command(group(ArgGroup::new("work").args(["paths", "files_from", "texts", "errors", "stats", "verify", "compact", "prune", "remove"]).required(true)))]
pub(crate) struct IndexArgs {
    /// Folders and pictures
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Read the pictures that this file lists, a path a line, or each ended by a NUL byte; - is
    /// standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["keep_missing", "drop_missing", "exclude_dir", "include_hidden"])]
    files_from: Option<PathBuf>,

    /// Read one part of all pictures, such as 2/8: eight machines, each with its own part, fill one
    /// library in a cluster
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,

    /// Read texts: the lines of a file, or of .csv, .tsv and .jsonl the fields id and text
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "shard", "tag", "keep_missing", "drop_missing", "exclude_dir", "include_hidden", "max_megapixels", "exact"])]
    texts: Option<PathBuf>,

    /// Cut texts that are too long for the model instead of leaving them out
    #[arg(long, requires = "texts")]
    truncate: bool,

    /// Give every picture below the paths this tag, for `search --tag` (repeatable)
    #[arg(long, value_name = "TAG", value_parser = tagging::parse)]
    tag: Vec<String>,

    /// Go on, and read what changes below the paths, until Ctrl-C
    #[arg(long, requires = "paths", conflicts_with_all = ["dry_run", "files_from"])]
    watch: bool,

    /// Make a graph to search by (HNSW) over so many vectors that have none: searches of millions are
    /// faster then, and miss a few of the nearest, as `library stats` says
    #[arg(long, value_name = "N", env = "CLIP_HNSW_ABOVE", hide_env_values = true, default_value_t = HNSW_ABOVE)]
    hnsw_above: usize,

    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,

    /// Keep pictures that are gone, as those on a drive that is not plugged in
    #[arg(long)]
    keep_missing: bool,

    /// Drop pictures that are gone also from folders that are empty, which may be the places of drives
    /// that are not plugged in
    #[arg(long, conflicts_with = "keep_missing")]
    drop_missing: bool,

    #[command(flatten)]
    moved: MovedArgs,
    #[command(flatten)]
    library: LibraryArgs,
    #[command(flatten)]
    scan: ScanArgs,
    #[command(flatten)]
    model: ModelArgs,
}

pub(crate) fn run(args: &IndexArgs) -> Result<Outcome> {
    if let Some(command) = args.moved.command(args) {
        return library::run(&command);
    }
    match (&args.texts, args.dry_run) {
        (Some(file), true) => texts::dry_run(args, file),
        (Some(file), false) => texts::run(args, file),
        (None, true) => dry_run(args),
        (None, false) => index(args),
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
        tagging::add(shelf.store_mut(), &scan.pictures, &args.tag)?;
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
    changes.left_out.report(&scan);
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
    match args {
        IndexArgs { keep_missing: true, .. } => Mode::KeepMissing,
        IndexArgs { drop_missing: true, .. } => Mode::DropMissing,
        _ => Mode::Prune,
    }
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
    let changes = match existing(args)? {
        Some(store) => {
            let mut plan =
                Plan::new(&*store.snapshot()?, &scan, mode(args), &Reader::new(&args.scan))?;
            let moved = plan.follow(|_, _| Ok(()))?;
            Changes { moved, ..plan.changes() }
        }
        None => Changes { added: scan.pictures.len(), ..Changes::default() },
    };
    let mut out = output::stdout();
    writeln!(out, "{} (nothing was done)", summary(&changes))?;
    out.flush()?;
    changes.left_out.report(&scan);
    Ok(if changes.total() > 0 { Outcome::Found } else { Outcome::Nothing })
}

/// The library as it is, where there is one: nothing is made.
fn existing(args: &IndexArgs) -> Result<Option<Box<dyn Store>>> {
    let checkpoint = Model::find(args.model.model.as_deref())?.checkpoint()?;
    let opened: Result<Box<dyn Store>> = match places::library(&args.library, &checkpoint)? {
        Place::Folder(path) => {
            Library::open_for(&path, &checkpoint.fingerprint(), &checkpoint.card().name)
                .map(|library| Box::new(library) as Box<dyn Store>)
                .map_err(Into::into)
        }
        Place::Cluster(address) => cluster::open(&address),
    };
    match opened {
        Err(error) if matches!(error.downcast_ref(), Some(Error::NoLibrary { .. })) => Ok(None),
        opened => opened.map(Some),
    }
}
