//! `clip-cli index`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{ArgGroup, Args};
use clip::Overflow;
use clip_search::{
    AddedTexts, Changes, Engine, GRAPH_ABOVE, MissingFiles, Scan, Shard, UpdateOptions, Watcher,
    new_texts, parse_tag, planned, read_texts,
};

use crate::args::{DecodeArgs, LibraryArgs, ModelArgs, ScanArgs, TruncateArgs};
use crate::progress::Reporter;
use crate::{Outcome, left_out, library, model, output, report};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli index ~/Pictures              add what is new, follow what was moved, drop what is gone
  clip-cli index ~/Pictures --watch      the same, and go on whenever something changes
  clip-cli index --texts captions.csv    texts to be found, by pictures too
  clip-cli index ~/Pictures --dry-run    say what that would do

`clip-cli library` says what is in the library and what could not be read, and drops what is gone.

A file that could not be read is tried again when it or its permissions change, when it is named,
with a higher --max-megapixels, and by another version of this program.")]
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
    if args.watch {
        return watch(args, &engine);
    }
    Ok(outcome)
}

/// Brings the library up to date with the paths, and says what was done.
fn update(args: &IndexArgs, engine: &Engine) -> Result<Outcome> {
    let mut reporter = Reporter::new();
    let scan = scan(args)?;
    let changes = engine.update(&scan, &options(args), &mut reporter)?;
    engine.add_tags(&scan.images, &args.tag)?;
    engine.build_graph(args.hnsw_above, &mut reporter)?;

    print(&summary(&changes), engine)?;
    reporter.summarize();
    left_out::report(&changes.left_out, &scan);
    if changes.total() == 0 {
        return Ok(Outcome::Nothing);
    }
    library::introduce(engine.collection());
    Ok(Outcome::Found)
}

/// Brings the library up to date whenever something changes below the paths, until the user stops it.
fn watch(args: &IndexArgs, engine: &Engine) -> Result<Outcome> {
    let watcher = Watcher::new(&args.paths)?;
    let mut reporter = Reporter::new();
    reporter.listen()?;
    report::note("watches for changes; Ctrl-C ends it");
    while watcher.wait(&mut reporter) {
        update(args, engine)?;
    }
    Ok(Outcome::Found)
}

fn texts(args: &IndexArgs, file: &Path) -> Result<Outcome> {
    let texts = read_texts(file)?;
    let embedder = model::embedder(&args.model, args.truncate.overflow())?;
    let engine = library::engine(&args.library, embedder)?;
    let mut reporter = Reporter::new();
    let total = texts.len();
    let AddedTexts { added, skipped } = engine.add_texts(texts, &mut reporter)?;
    engine.build_graph(args.hnsw_above, &mut reporter)?;

    print(&text_summary(total, added, total - added - skipped), &engine)?;
    if skipped > 0 {
        report::warning(format_args!("{} skipped", output::count(skipped, "text")));
    }
    Ok(if total > skipped { Outcome::Found } else { Outcome::Nothing })
}

/// Says what [`texts`] would do.
fn texts_dry_run(args: &IndexArgs, file: &Path) -> Result<Outcome> {
    let texts = read_texts(file)?;
    let total = texts.len();
    let added = match library::existing(&args.library, args.model.model.get())? {
        Some(collection) => new_texts(collection.store(), texts)?.len(),
        None => total,
    };
    let summary = text_summary(total, added, total - added);
    output::print(|out| writeln!(out, "{summary} (nothing was done)"))?;
    Ok(Outcome::Found)
}

/// The pictures that are meant.
fn scan(args: &IndexArgs) -> Result<Scan> {
    let mut scan = clip_search::scan(&args.paths, &args.scan.options())?;
    if let Some(file) = &args.files_from {
        scan.add_listed(file)?;
    }
    if let Some(shard) = args.shard {
        scan.images.retain(|path| shard.has(path));
    }
    Ok(scan)
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
fn print(summary: &str, engine: &Engine) -> Result<()> {
    let (place, items) = (engine.collection().location().as_path(), engine.count()?);
    Ok(output::print(|out| {
        writeln!(out, "{summary}")?;
        library::print(out, place, items)
    })?)
}

fn text_summary(total: usize, added: usize, unchanged: usize) -> String {
    let texts = output::count(total, "text");
    format!("{texts}: {added} new or changed, {unchanged} unchanged")
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
    let changes = match library::existing(&args.library, args.model.model.get())? {
        Some(collection) => planned(collection.store(), &scan, &options(args))?,
        None => Changes { added: scan.images.len(), ..Changes::default() },
    };
    output::print(|out| writeln!(out, "{} (nothing was done)", summary(&changes)))?;
    left_out::report(&changes.left_out, &scan);
    Ok(if changes.total() > 0 { Outcome::Found } else { Outcome::Nothing })
}
