//! `clip-cli index`.

use std::io::Write;

use anyhow::Result;
use clip::Overflow;

use crate::args::IndexArgs;
use crate::indexing::{self, Shelf};
use crate::report::Skipped;
use crate::{Outcome, model, output, scan};

pub(crate) fn run(args: &IndexArgs) -> Result<Outcome> {
    let embedder = model::embedder(&args.model, Overflow::Error)?;
    let mut shelf = Shelf::open(&args.library, embedder.checkpoint())?;
    let mut skipped = Skipped::default();
    let scan = scan::scan(&args.paths, &args.scan)?;
    let changes = indexing::update(&mut shelf, &embedder, &scan, &args.scan, &mut skipped)?;

    let mut out = output::stdout();
    writeln!(
        out,
        "{} pictures: {} new, {} changed, {} unchanged, {} gone",
        changes.added + changes.changed + changes.unchanged,
        changes.added,
        changes.changed,
        changes.unchanged,
        changes.removed
    )?;
    writeln!(out, "library: {} ({} items)", shelf.path().display(), shelf.library().len())?;
    out.flush()?;
    skipped.summarize();
    shelf.introduce();
    let any = changes.added + changes.changed + changes.unchanged > 0;
    Ok(if any { Outcome::Found } else { Outcome::Nothing })
}
