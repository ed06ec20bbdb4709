//! `clip-cli reindex`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use clip::Overflow;
use clip_search::{Location, ReindexOptions, Reindexed, reindex};

use crate::args::{DecodeArgs, LibraryArgs, ModelArgs};
use crate::progress::Reporter;
use crate::{Outcome, model, output, report};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli reindex --model clip-vit-base-patch32        what the built-in model's library has
  clip-cli reindex --model M --index trips.clipindex    in the place of that library

The new library is made beside the old one (in .NAME.reindex), which answers until the new one is
whole. A run that was stopped goes on where it was.")]
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
    decode: DecodeArgs,
    #[command(flatten)]
    model: ModelArgs,
}

pub(crate) fn run(args: &ReindexArgs) -> Result<Outcome> {
    let embedder = model::embedder(&args.model, Overflow::Truncate)?;
    let (from, to) = match args.library.named() {
        Some(named) => (named, None),
        None => {
            let from = model::checkpoint(args.from.as_deref())?;
            let to = Location::default_for(embedder.checkpoint())?;
            (Location::default_for(&from)?, Some(to))
        }
    };
    let decode = args.decode.options();
    let options = ReindexOptions { from, to, drop_missing: args.drop_missing, decode };
    let mut reporter = Reporter::new();
    let Reindexed { location, items, missing } = reindex(&embedder, &options, &mut reporter)?;

    output::print(|out| {
        write!(out, "library: ")?;
        out.path(&location)?;
        let items = output::count(items, "item");
        writeln!(out, " ({items} of {})", embedder.card().name)
    })?;
    reporter.summarize();
    if missing > 0 {
        report::note(format_args!(
            "{} not there, and not in the new library",
            output::count(missing, "picture")
        ));
    }
    Ok(Outcome::Found)
}
