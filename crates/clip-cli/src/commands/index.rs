//! `clip-cli index`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clip::Overflow;
use clip_retrieval::{Item, Library};
use serde::Serialize;

use crate::args::IndexArgs;
use crate::indexing::{self, Changes, Mode, Plan, Shelf};
use crate::model::Model;
use crate::report::{self, Skipped};
use crate::{Outcome, model, output, places, scan};

pub(crate) fn run(args: &IndexArgs) -> Result<Outcome> {
    if !args.paths.is_empty() {
        return match args.dry_run {
            true => dry_run(args),
            false => index(args),
        };
    }
    let mut library = places::open_library(&args.library, args.model.model.as_deref())?;
    match args {
        IndexArgs { errors: true, .. } => errors(&library, args.json),
        IndexArgs { stats: true, .. } => stats(&library, args.json),
        IndexArgs { verify: true, .. } => verify(&library),
        IndexArgs { compact: true, .. } => compact(&mut library),
        _ => prune(&mut library),
    }
}

fn index(args: &IndexArgs) -> Result<Outcome> {
    let embedder = model::embedder(&args.model, Overflow::Error)?;
    let mut shelf = Shelf::open(&args.library, embedder.checkpoint())?;
    let mut skipped = Skipped::default();
    let scan = scan::scan(&args.paths, &args.scan)?;
    let mode = mode(args);
    let changes = indexing::update(&mut shelf, &embedder, &scan, &args.scan, mode, &mut skipped)?;

    let mut out = output::stdout();
    writeln!(out, "{}", summary(&changes))?;
    let items = output::count(shelf.library().len(), "item");
    writeln!(out, "library: {} ({items})", shelf.path().display())?;
    out.flush()?;
    skipped.summarize();
    if changes.unreadable > 0 {
        report::note(format_args!(
            "{} could not be read before and did not change: `clip-cli index --errors` says why",
            output::count(changes.unreadable, "file")
        ));
    }
    if changes.total() == 0 {
        return Ok(Outcome::Nothing);
    }
    shelf.introduce();
    Ok(Outcome::Found)
}

fn mode(args: &IndexArgs) -> Mode {
    if args.keep_missing { Mode::KeepMissing } else { Mode::Prune }
}

fn summary(changes: &Changes) -> String {
    let Changes { added, changed, moved, unchanged, removed, .. } = changes;
    let total = output::count(changes.total(), "picture");
    let moved = if *moved > 0 { format!("{moved} moved, ") } else { String::new() };
    format!("{total}: {added} new, {changed} changed, {moved}{unchanged} unchanged, {removed} gone")
}

/// Says what indexing would do.
fn dry_run(args: &IndexArgs) -> Result<Outcome> {
    let scan = scan::scan(&args.paths, &args.scan)?;
    let checkpoint = Model::find(args.model.model.as_deref())?.checkpoint()?;
    let path = places::library(&args.library, &checkpoint)?;
    let changes = match path.exists() {
        true => {
            let name = &checkpoint.card().name;
            let library = Library::open_for(&path, &checkpoint.fingerprint(), name)?;
            let mut plan = Plan::new(&library, &scan, mode(args))?;
            let moved = plan.follow(|_, _| Ok(true))?;
            Changes { moved, ..plan.changes() }
        }
        false => Changes { added: scan.pictures.len(), ..Changes::default() },
    };
    let mut out = output::stdout();
    writeln!(out, "{} (nothing was done)", summary(&changes))?;
    out.flush()?;
    Ok(if changes.total() > 0 { Outcome::Found } else { Outcome::Nothing })
}

/// A file that could not be read.
#[derive(Serialize)]
struct FailureRow {
    path: String,
    error: String,
}

fn errors(library: &Library, json: bool) -> Result<Outcome> {
    let current = std::env::current_dir().ok();
    let mut failures = library.failures()?;
    failures.sort_by(|a, b| a.path.cmp(&b.path));
    let rows = failures.iter().map(|failure| FailureRow {
        path: output::shorten(&failure.path, current.as_deref()).to_string_lossy().into_owned(),
        error: failure.error.clone(),
    });
    let rows: Vec<FailureRow> = rows.collect();
    let mut out = output::stdout();
    if json {
        output::json_lines(&mut out, &rows)?;
    } else {
        for row in &rows {
            // Most messages name the file already.
            match row.error.contains(&row.path) {
                true => writeln!(out, "{}", row.error)?,
                false => writeln!(out, "{}: {}", row.path, row.error)?,
            }
        }
    }
    out.flush()?;
    Ok(if rows.is_empty() { Outcome::Nothing } else { Outcome::Found })
}

/// How large a library is, and whose.
#[derive(Serialize)]
struct StatsRow {
    library: String,
    model: String,
    dimension: usize,
    precision: &'static str,
    items: usize,
    failures: usize,
    segments: usize,
    unsealed: usize,
    dead: usize,
    vector_bytes: u64,
    catalog_bytes: u64,
}

fn stats(library: &Library, json: bool) -> Result<Outcome> {
    let stats = library.stats()?;
    let row = StatsRow {
        library: library.folder().display().to_string(),
        model: library.model_name().to_owned(),
        dimension: library.dimension(),
        precision: library.precision().name(),
        items: stats.items,
        failures: stats.failures,
        segments: stats.segments,
        unsealed: stats.unsealed,
        dead: stats.dead,
        vector_bytes: stats.vector_bytes,
        catalog_bytes: stats.catalog_bytes,
    };
    let mut out = output::stdout();
    if json {
        serde_json::to_writer(&mut out, &row)?;
        writeln!(out)?;
    } else {
        let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
        writeln!(out, "library   {}", row.library)?;
        writeln!(out, "model     {}", row.model)?;
        writeln!(out, "items     {} of {} numbers, {}", row.items, row.dimension, row.precision)?;
        writeln!(
            out,
            "vectors   {} in {}; {} not in one yet, {} no longer wanted",
            megabytes(row.vector_bytes),
            output::count(row.segments, "file"),
            row.unsealed,
            row.dead
        )?;
        writeln!(out, "catalog   {}", megabytes(row.catalog_bytes))?;
        writeln!(out, "unread    {}", output::count(row.failures, "file"))?;
    }
    out.flush()?;
    Ok(Outcome::Found)
}

fn verify(library: &Library) -> Result<Outcome> {
    let found = library.verify()?;
    let lost = library.lost().len();
    for error in &found {
        report::warning(error);
    }
    if found.len() + lost > 0 {
        bail!("the library is not what was written");
    }
    let mut out = output::stdout();
    writeln!(out, "{}: all is as it was written", output::count(library.len(), "item"))?;
    out.flush()?;
    Ok(Outcome::Found)
}

fn compact(library: &mut Library) -> Result<Outcome> {
    let bytes = |library: &Library| -> Result<u64> {
        let stats = library.stats()?;
        Ok(stats.vector_bytes + stats.catalog_bytes)
    };
    let before = bytes(library)?;
    library.write()?.compact()?;
    let after = bytes(library)?;
    let mut out = output::stdout();
    let items = output::count(library.len(), "item");
    let [before, after] = [before, after].map(|bytes| bytes as f64 / 1e6);
    writeln!(out, "{items}: {after:.1} MB, before {before:.1} MB")?;
    out.flush()?;
    Ok(Outcome::Found)
}

/// Drops what is gone, but for what may lie on a drive that is not plugged in.
fn prune(library: &mut Library) -> Result<Outcome> {
    let mut writer = library.write()?;
    let (mut gone, mut kept) = (0, 0);
    for file in writer.library().files()? {
        match &file.path {
            path if path.exists() => {}
            path if may_be_unplugged(path) => kept += 1,
            path => {
                writer.remove(&Item::path_id(path))?;
                gone += 1;
            }
        }
    }
    for failure in writer.library().failures()? {
        if !failure.path.exists() && !may_be_unplugged(&failure.path) {
            writer.forgive(&failure.path)?;
        }
    }
    writer.commit()?;
    drop(writer);
    if kept > 0 {
        report::note(format_args!(
            "{} stay, below folders that are empty: their drive may not be plugged in",
            output::count(kept, "picture")
        ));
    }
    let mut out = output::stdout();
    let items = output::count(library.len(), "item");
    writeln!(out, "{}: {gone} gone", items)?;
    out.flush()?;
    Ok(if gone > 0 { Outcome::Found } else { Outcome::Nothing })
}

/// Whether the folder that is left of a path is empty, as the place of a drive is.
fn may_be_unplugged(path: &Path) -> bool {
    let left = path.ancestors().skip(1).find(|folder| folder.is_dir()).map(PathBuf::from);
    left.is_none_or(|folder| scan::is_empty_folder(&folder))
}
