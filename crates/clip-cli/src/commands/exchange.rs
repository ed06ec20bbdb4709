//! `clip-cli export` and `clip-cli import`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use clip_search::{ExportFile, GRAPH_ABOVE, absolute, build_graph};

use crate::args::{FilterArgs, LibraryArgs, ModelName, WhichArgs};
use crate::progress::Reporter;
use crate::{Outcome, hints, library, model, output};

#[derive(Debug, Args)]
#[command(after_help = include_str!("../help/export.txt"))]
pub(crate) struct ExportArgs {
    /// The file, in the format of its ending: .parquet, .jsonl or .npy
    #[arg(value_name = "FILE")]
    output: PathBuf,

    /// Folders and pictures of the library; without any, the whole library
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Overwrite a file that is there
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    which: WhichArgs,
}

#[derive(Debug, Args)]
#[command(after_help = include_str!("../help/import.txt"))]
pub(crate) struct ImportArgs {
    /// The files: .parquet, .jsonl, or .npy with a .jsonl or .parquet of the same name
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    #[command(flatten)]
    library: LibraryArgs,
    #[command(flatten)]
    model: ModelName,
}

pub(crate) fn export(args: &ExportArgs) -> Result<Outcome> {
    let file = ExportFile::new(args.output.clone(), args.force)?;
    let collection = args.which.open()?;
    let mut filter = args.filter.filter();
    filter.under = args.paths.iter().map(|path| absolute(path)).collect::<Result<_, _>>()?;
    let snapshot = collection.store().snapshot()?;
    let items = snapshot.items(&filter)?;
    if items.is_empty() {
        bail!(hints::NOTHING_MEANT);
    }
    file.write(&*snapshot, &items, &mut Reporter::new())?;
    let (count, width) = (output::count(items.len(), "item"), snapshot.dimension());
    output::print(|out| {
        output::place(out, "", file.path(), &format!("{count} of {width} numbers"))
    })?;
    Ok(Outcome::Found)
}

pub(crate) fn import(args: &ImportArgs) -> Result<Outcome> {
    let checkpoint = model::checkpoint(args.model.get())?;
    let collection = library::open_or_create(&args.library, &checkpoint)?;
    let mut reporter = Reporter::new();
    let imported = clip_search::import(collection.store(), &args.files, &mut reporter)?;
    build_graph(&collection, GRAPH_ABOVE, &mut reporter)?;
    let items = collection.store().count()?;
    output::print(|out| {
        writeln!(out, "{} imported", output::count(imported, "item"))?;
        library::print(out, collection.location().as_path(), items)
    })?;
    reporter.summarize();
    Ok(Outcome::found(imported > 0))
}
