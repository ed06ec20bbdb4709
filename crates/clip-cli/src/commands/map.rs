//! `clip-cli map`.

use std::num::NonZero;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use clip_search::{NewFile, map};

use crate::args::WhichArgs;
use crate::progress::Reporter;
use crate::{Outcome, hints, output, report};

#[derive(Debug, Args)]
#[command(after_help = include_str!("../help/map.txt"))]
pub(crate) struct MapArgs {
    /// The page
    #[arg(short, long, value_name = "FILE", default_value = "map.html")]
    output: PathBuf,

    /// Overwrite the page of an earlier run
    #[arg(long)]
    force: bool,

    /// Show at most this many pictures, evenly taken from the library
    #[arg(long, value_name = "N", default_value_t = NonZero::new(5000).expect("not zero"))]
    limit: NonZero<u32>,

    #[command(flatten)]
    which: WhichArgs,
}

pub(crate) fn run(args: &MapArgs) -> Result<Outcome> {
    let file = NewFile::new(args.output.clone(), "html", args.force)?;
    let collection = args.which.open_folder()?;
    let snapshot = collection.store().snapshot()?;
    let limit = args.limit.get() as usize;
    let Some(page) = map::page(&*snapshot, limit, &mut Reporter::new())? else {
        bail!(hints::NO_PICTURES);
    };
    file.write(page.html.as_bytes())?;
    if let Some(note) = page.note() {
        report::note(format_args!("{note}: --limit shows more"));
    }
    if let Some(warning) = page.warning() {
        report::warning(warning);
    }
    let shown = output::count(page.shown, "picture");
    output::print(|out| output::place(out, "map: ", file.path(), &shown))?;
    Ok(Outcome::Found)
}
