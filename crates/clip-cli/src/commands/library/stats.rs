//! What is in the library, and what could not be read.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clip_retrieval::{Library, Store};
use serde::Serialize;

use crate::{Outcome, output, progress};

/// Questions by which graphs are compared with scans.
const QUESTIONS: usize = 200;

/// A file that could not be read.
#[derive(Serialize)]
struct FailureRow {
    #[serde(serialize_with = "output::lossy")]
    path: PathBuf,
    error: String,
}

pub(super) fn errors(store: &dyn Store, json: bool) -> Result<Outcome> {
    let current = std::env::current_dir().ok();
    let mut failures = store.failures()?;
    failures.sort_by(|a, b| a.path.cmp(&b.path));
    let rows = failures.iter().map(|failure| {
        let path = output::shorten(&failure.path, current.as_deref());
        let error = progress::shortened(failure.error.clone(), &failure.path, path);
        FailureRow { path: path.to_owned(), error }
    });
    let rows: Vec<FailureRow> = rows.collect();
    let mut out = output::stdout();
    if json {
        output::json_lines(&mut out, &rows)?;
    } else {
        for row in &rows {
            // Most messages name the file already.
            let is_named = row.path.to_str().is_some_and(|path| row.error.contains(path));
            if !is_named {
                out.path(&row.path)?;
                write!(out, ": ")?;
            }
            out.text(&row.error)?;
            writeln!(out)?;
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
    /// What searches by graphs find; none where there is none.
    graph: Option<GraphRow>,
}

/// What a cluster says of a library.
#[derive(Serialize)]
struct ClusterRow {
    library: String,
    model: String,
    dimension: usize,
    items: usize,
    failures: usize,
}

/// As [`stats`], of what lies elsewhere.
pub(super) fn of_cluster(store: &dyn Store, json: bool) -> Result<Outcome> {
    let row = ClusterRow {
        library: store.place(),
        model: store.model_name().to_owned(),
        dimension: store.dimension(),
        items: store.count()?,
        failures: store.failures()?.len(),
    };
    let mut out = output::stdout();
    if json {
        serde_json::to_writer(&mut out, &row)?;
        writeln!(out)?;
    } else {
        writeln!(out, "library   {}", row.library)?;
        writeln!(out, "model     {}", row.model)?;
        writeln!(out, "items     {} of {} numbers", row.items, row.dimension)?;
        writeln!(out, "unread    {}", output::count(row.failures, "file"))?;
    }
    out.flush()?;
    Ok(Outcome::Found)
}

/// How much of the library has a graph, and what is found by it.
#[derive(Serialize)]
struct GraphRow {
    vectors: usize,
    recall_at_10: f32,
    questions: usize,
}

pub(super) fn stats(library: &Library, json: bool) -> Result<Outcome> {
    let stats = library.stats()?;
    let row = StatsRow {
        library: library.folder().display().to_string(),
        model: library.model_name().to_owned(),
        dimension: library.dimension(),
        precision: library.precision().name(),
        items: stats.items,
        failures: stats.failures,
        segments: stats.segments,
        unsealed: stats.unflushed,
        dead: stats.tombstones,
        vector_bytes: stats.vector_bytes,
        catalog_bytes: stats.catalog_bytes,
        graph: library.recall(QUESTIONS)?.map(|recall| GraphRow {
            vectors: recall.connected,
            recall_at_10: recall.at_10,
            questions: recall.queries,
        }),
    };
    let mut out = output::stdout();
    if json {
        serde_json::to_writer(&mut out, &row)?;
        writeln!(out)?;
    } else {
        let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
        write!(out, "library   ")?;
        out.path(library.folder())?;
        writeln!(out, "\nmodel     {}", row.model)?;
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
        if let Some(graph) = &row.graph {
            writeln!(
                out,
                "graph     over {}: finds {:.1} % of the ten nearest ({} questions)",
                output::count(graph.vectors, "vector"),
                100.0 * graph.recall_at_10,
                graph.questions
            )?;
        }
        writeln!(out, "unread    {}", output::count(row.failures, "file"))?;
    }
    out.flush()?;
    Ok(Outcome::Found)
}
