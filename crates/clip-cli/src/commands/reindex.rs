//! `clip-cli reindex`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use clip::Overflow;
use clip_search::{Location, ReindexOptions, Reindexed, reindex};

use crate::args::{DecodeArgs, LibraryArgs, ModelArgs};
use crate::progress::Reporter;
use crate::{Outcome, model, output, report};

#[derive(Debug, Args)]
#[command(after_help = include_str!("../help/reindex.txt"))]
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

    let what = format!("{} of {}", output::count(items, "item"), embedder.card().name);
    output::print(|out| output::place(out, "library: ", &location, &what))?;
    reporter.summarize();
    if missing > 0 {
        let missing = output::count(missing, "picture");
        report::note(format_args!("{missing} not there, and not in the new library"));
    }
    Ok(Outcome::Found)
}
