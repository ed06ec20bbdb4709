//! `clip-cli index`.

use std::io::Write;

use anyhow::Result;
use clip::Overflow;

use crate::args::IndexArgs;
use crate::indexing::{self, Changes, Shelf};
use crate::report::Skipped;
use crate::{Outcome, model, output, scan};

pub(crate) fn run(args: &IndexArgs) -> Result<Outcome> {
    let embedder = model::embedder(&args.model, Overflow::Error)?;
    let mut shelf = Shelf::open(&args.library, embedder.checkpoint())?;
    let mut skipped = Skipped::default();
    let scan = scan::scan(&args.paths, &args.scan)?;
    let changes = indexing::update(&mut shelf, &embedder, &scan, &args.scan, &mut skipped)?;

    let mut out = output::stdout();
    let Changes { added, changed, unchanged, removed } = changes;
    let total = added + changed + unchanged;
    writeln!(
        out,
        "{}: {added} new, {changed} changed, {unchanged} unchanged, {removed} gone",
        output::count(total, "picture")
    )?;
    let items = output::count(shelf.library().len(), "item");
    writeln!(out, "library: {} ({items})", shelf.path().display())?;
    out.flush()?;
    skipped.summarize();
    if total == 0 {
        return Ok(Outcome::Nothing);
    }
    shelf.introduce();
    Ok(Outcome::Found)
}
