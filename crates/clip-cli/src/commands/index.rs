//! `clip-cli index`.

use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{ArgGroup, Args};
use clip::Overflow;
use clip_search::{
    Changes, Engine, GRAPH_ABOVE, MissingFiles, Scan, Shard, UpdateOptions, Watcher, parse_tag,
    planned, planned_texts, read_texts,
};

use crate::args::{DecodeArgs, LibraryArgs, ModelArgs, ScanArgs, TruncateArgs};
use crate::progress::Reporter;
use crate::{Outcome, library, model, output, report};

#[derive(Debug, Args)]
#[command(after_help = include_str!("../help/index.txt"))]
#[command(override_usage = "clip-cli index [OPTIONS] <PATH>...
       clip-cli index [OPTIONS] --texts <FILE> | --files-from <FILE>")]
#[command(mut_arg("truncate", |arg| arg.requires("texts").conflicts_with_all(["paths", "files_from"])))]
#[command(group(ArgGroup::new("work").args(["paths", "files_from", "texts"]).required(true)))]
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
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "shard", "tag", "watch", "keep_missing", "drop_missing", "exclude_dir", "include_hidden", "max_megapixels", "exact"])]
    texts: Option<PathBuf>,

    /// Give every picture below the paths this tag, for `search --tag` (repeatable)
    #[arg(long, value_name = "TAG", value_parser = parse_tag)]
    tag: Vec<String>,

    /// Go on, and read what changes below the paths, until Ctrl-C
    #[arg(long, requires = "paths", conflicts_with_all = ["dry_run", "files_from"])]
    watch: bool,

    /// Make a graph to search by (HNSW) over so many vectors that have none: searches of millions are
    /// faster then, and miss a few of the nearest, as `library stats` says
    #[arg(long, value_name = "N", env = "CLIP_HNSW_ABOVE", hide_env_values = true, default_value_t = GRAPH_ABOVE)]
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
    library: LibraryArgs,
    #[command(flatten)]
    scan: ScanArgs,
    #[command(flatten)]
    decode: DecodeArgs,
    #[command(flatten)]
    truncate: TruncateArgs,
    #[command(flatten)]
    model: ModelArgs,
}

pub(crate) fn run(args: &IndexArgs) -> Result<Outcome> {
    match (&args.texts, args.dry_run) {
        (Some(file), true) => texts_dry_run(args, file),
        (Some(file), false) => texts(args, file),
        (None, true) => dry_run(args),
        (None, false) => index(args),
    }
}

fn index(args: &IndexArgs) -> Result<Outcome> {
    let embedder = model::embedder(&args.model, Overflow::Error)?;
    let engine = library::engine(&args.library, embedder)?;
    let outcome = update(args, &engine)?;
    if !args.watch {
        return Ok(outcome);
    }
    let watcher = Watcher::new(&args.paths)?;
    let mut reporter = Reporter::new();
    reporter.listen()?;
    report::note("watches for changes; Ctrl-C ends it");
    while watcher.wait(&mut reporter) {
        update(args, &engine)?;
    }
    Ok(Outcome::Found)
}

/// Brings the library up to date with the paths, and says what was done.
fn update(args: &IndexArgs, engine: &Engine) -> Result<Outcome> {
    let mut reporter = Reporter::new();
    let scan = scan(args)?;
    let changes = engine.update(&scan, &options(args), &mut reporter)?;
    engine.add_tags(&scan.images, &args.tag)?;
    engine.build_graph(args.hnsw_above, &mut reporter)?;

    print(&changes, engine)?;
    reporter.summarize();
    report::left_out(changes.left_out.notes(&scan, output::named));
    if changes.total() > 0 {
        library::introduce(engine.collection());
    }
    Ok(Outcome::found(changes.total() > 0))
}

/// Says what indexing would do.
fn dry_run(args: &IndexArgs) -> Result<Outcome> {
    let scan = scan(args)?;
    let changes = match library::existing(&args.library, args.model.model.get())? {
        Some(collection) => planned(collection.store(), &scan, &options(args))?,
        None => Changes { added: scan.images.len(), ..Changes::default() },
    };
    print_plan(&changes)?;
    report::left_out(changes.left_out.notes(&scan, output::named));
    Ok(Outcome::found(changes.total() > 0))
}

fn texts(args: &IndexArgs, file: &Path) -> Result<Outcome> {
    let texts = read_texts(file)?;
    let embedder = model::embedder(&args.model, args.truncate.overflow())?;
    let engine = library::engine(&args.library, embedder)?;
    let mut reporter = Reporter::new();
    let texts = engine.add_texts(texts, &mut reporter)?;
    engine.build_graph(args.hnsw_above, &mut reporter)?;

    print(&texts, &engine)?;
    if texts.skipped > 0 {
        report::warning(format_args!("{} skipped", output::count(texts.skipped, "text")));
    }
    Ok(Outcome::found(texts.total() > texts.skipped))
}

/// Says what [`texts`] would do.
fn texts_dry_run(args: &IndexArgs, file: &Path) -> Result<Outcome> {
    let texts = read_texts(file)?;
    let existing = library::existing(&args.library, args.model.model.get())?;
    print_plan(&planned_texts(existing.as_ref().map(|collection| collection.store()), texts)?)?;
    Ok(Outcome::Found)
}

/// The pictures that are meant.
fn scan(args: &IndexArgs) -> clip_search::Result<Scan> {
    Scan::of(&args.paths, args.files_from.as_deref(), args.shard, &args.scan.options())
}

fn options(args: &IndexArgs) -> UpdateOptions {
    let missing = match args {
        IndexArgs { keep_missing: true, .. } => MissingFiles::Keep,
        IndexArgs { drop_missing: true, .. } => MissingFiles::Drop,
        _ => MissingFiles::Prune,
    };
    UpdateOptions { missing, decode: args.decode.options() }
}

/// Says what was done, and where.
fn print(done: &impl Display, engine: &Engine) -> Result<()> {
    let (place, items) = (engine.collection().location().as_path(), engine.count()?);
    Ok(output::print(|out| {
        writeln!(out, "{done}")?;
        library::print(out, place, items)
    })?)
}

fn print_plan(plan: &impl Display) -> Result<()> {
    Ok(output::print(|out| writeln!(out, "{plan} (nothing was done)"))?)
}
