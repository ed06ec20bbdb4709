//! `clip-cli map`.

use std::io::Write;
use std::num::NonZero;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use clip_search::map;

use crate::args::WhichArgs;
use crate::files::Target;
use crate::progress::Reporter;
use crate::{Outcome, output, report};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli map                                        map.html of the whole library
  clip-cli map --index trips.clipindex -o trips.html
  clip-cli map --limit 20000 -o large.html

Pictures that the model finds alike lie close together (t-SNE). The page is one file that needs
nothing else; a click opens the picture where it lies on this machine.")]
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
    let target = Target::new(args.output.clone(), "html", args.force)?;
    let collection = args.which.open_folder()?;
    let snapshot = collection.store().snapshot()?;
    let limit = args.limit.get() as usize;
    let Some(map) = map::page(&*snapshot, limit, &mut Reporter::new())? else {
        bail!(
            "there are no pictures in the library: add some first, as in `clip-cli index ~/Pictures`"
        )
    };
    target.write(map.html.as_bytes())?;
    if map.shown < map.total {
        let are = if map.shown == 1 { "is" } else { "are" };
        report::note(format_args!(
            "{} of {} pictures {are} shown, evenly taken: --limit shows more",
            map.shown, map.total
        ));
    }
    // A drive that is not plugged in may hold all of them.
    if let Some((path, error)) = map.placeholders.first() {
        let has = if map.placeholders.len() == 1 { "has" } else { "have" };
        let count = output::count(map.placeholders.len(), "picture");
        let (path, error) = (path.display().to_string(), error.to_string());
        let named = if error.contains(&path) { error } else { format!("{path}: {error}") };
        report::warning(format_args!("{count} {has} only a placeholder; the first: {named}"));
    }
    output::print(|out| {
        write!(out, "map: ")?;
        out.path(target.path())?;
        writeln!(out, " ({})", output::count(map.shown, "picture"))
    })?;
    Ok(Outcome::Found)
}
