//! What is in the library, and what could not be read.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clip_retrieval::Store;
use clip_search::CollectionStats;
use serde::Serialize;

use crate::args::Format;
use crate::{Outcome, output, progress};

/// A file that could not be read.
#[derive(Serialize)]
struct FailureRow {
    #[serde(serialize_with = "output::lossy")]
    path: PathBuf,
    error: String,
}

pub(super) fn errors(store: &dyn Store, json: bool) -> Result<Outcome> {
    let mut failures = store.failures()?;
    failures.sort_by(|a, b| a.path.cmp(&b.path));
    let rows = failures.into_iter().map(|failure| {
        let path = output::short(&failure.path);
        let error = progress::shortened(failure.error, &failure.path, &path);
        FailureRow { path, error }
    });
    let rows: Vec<FailureRow> = rows.collect();
    let format = if json { Format::JsonLines } else { Format::Plain };
    output::list(format, &rows, |out| {
        for FailureRow { path, error } in &rows {
            // Most messages name the file already.
            if !path.to_str().is_some_and(|path| error.contains(path)) {
                out.path(path)?;
                write!(out, ": ")?;
            }
            out.text(error)?;
            writeln!(out)?;
        }
        Ok(())
    })?;
    Ok(if rows.is_empty() { Outcome::Nothing } else { Outcome::Found })
}

pub(super) fn stats(stats: &CollectionStats, json: bool) -> Result<Outcome> {
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    output::object(json, stats, |out| {
        write!(out, "library   ")?;
        out.line(stats.library.as_ref())?;
        writeln!(out, "model     {}", stats.model)?;
        let items = format!("{} of {} numbers", stats.items, stats.dimension);
        let Some(folder) = &stats.folder else {
            writeln!(out, "items     {items}")?;
            return writeln!(out, "unread    {}", output::count(stats.failures, "file"));
        };
        writeln!(out, "items     {items}, {}", folder.precision)?;
        let (bytes, files) =
            (megabytes(folder.vector_bytes), output::count(folder.segments, "file"));
        let (unsealed, dead) = (folder.unsealed, folder.dead);
        writeln!(
            out,
            "vectors   {bytes} in {files}; {unsealed} not in one yet, {dead} no longer wanted"
        )?;
        writeln!(out, "catalog   {}", megabytes(folder.catalog_bytes))?;
        if let Some(graph) = &folder.graph {
            let (vectors, recall) =
                (output::count(graph.vectors, "vector"), 100.0 * graph.recall_at_10);
            let questions = output::count(graph.questions, "question");
            writeln!(
                out,
                "graph     over {vectors}: finds {recall:.1} % of the ten nearest ({questions})"
            )?;
        }
        writeln!(out, "unread    {}", output::count(stats.failures, "file"))
    })?;
    Ok(Outcome::Found)
}
