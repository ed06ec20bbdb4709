//! `clip-cli export`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use clip_retrieval::exchange::Format;
use clip_search::{absolute, export};

use crate::args::{FilterArgs, WhichArgs};
use crate::files::Target;
use crate::progress::Reporter;
use crate::{Outcome, output};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli export vectors.parquet                    all pictures, for pandas, polars or DuckDB
  clip-cli export vectors.jsonl ~/Pictures/2019      an object a line, of one folder
  clip-cli export vectors.npy --modality any         an array, and vectors.jsonl with what its rows are

`import` reads all of these.")]
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

pub(crate) fn run(args: &ExportArgs) -> Result<Outcome> {
    let format = Format::of(&args.output)?;
    let ending = match format {
        Format::JsonLines => "jsonl",
        Format::Parquet => "parquet",
        Format::Npy => "npy",
        Format::Layout => bail!("{} is a folder: name a file", args.output.display()),
    };
    let target = Target::new(args.output.clone(), ending, args.force)?;
    if ending == "npy" {
        Target::new(args.output.with_extension("jsonl"), "jsonl", args.force)?;
    }
    let collection = args.which.open()?;
    let mut filter = args.filter.filter();
    filter.under = args.paths.iter().map(|path| absolute(path)).collect::<Result<_, _>>()?;
    let snapshot = collection.store().snapshot()?;
    let items = snapshot.items(&filter)?;
    if items.is_empty() {
        bail!(
            "nothing in the library is meant by that: `clip-cli library stats` says what is in it"
        );
    }
    export(&*snapshot, &items, target.path(), format, &mut Reporter::new())?;
    output::print(|out| {
        out.path(target.path())?;
        let count = output::count(items.len(), "item");
        writeln!(out, " ({count} of {} numbers)", snapshot.dimension())
    })?;
    Ok(Outcome::Found)
}
