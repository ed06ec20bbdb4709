//! Our library: `clip-peer-library FOLDER`; `RAYON_NUM_THREADS` sets the threads.

#[expect(dead_code, reason = "the library runs no towers")]
#[path = "../../../src/protocol.rs"]
mod protocol;

use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clip_retrieval::{Filter, Item, Library, Precision, SearchOptions, Store};
use protocol::{ALONE_BY_GRAPH, Inputs, Pass, RECALL, ROUNDING, Result, TOP, WIDTH, floats, serve};

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("name the prepared folder")?);
    serve(&folder, |inputs| match inputs {
        Inputs::Search { vectors, queries, batch } => search(&vectors, queries, batch),
        Inputs::Graph { vectors, questions, tenth, batch } => {
            graph(&vectors, questions, &tenth, batch)
        }
        _ => Err("the library runs no towers".into()),
    })
}

fn search(file: &Path, queries: Vec<f32>, batch: usize) -> Result<Pass> {
    let library = library(file, "library")?;
    let options = SearchOptions::default();
    Ok(Box::new(move || scores(&library, &queries, batch, &options)))
}

/// By a graph, as broadly as finds enough.
fn graph(file: &Path, questions: Vec<f32>, tenth: &[f32], batch: usize) -> Result<Pass> {
    let library = library(file, "connected")?;
    connect(&library)?;
    let mut ef_search = TOP;
    let options = loop {
        let options = SearchOptions::with_ef_search(ef_search);
        let found = scores(&library, &questions, ALONE_BY_GRAPH, &options)?;
        let is_near = |(scores, tenth): (&Vec<f32>, &f32)| {
            scores.iter().filter(|score| **score >= tenth - ROUNDING).count()
        };
        let hits: usize = found.iter().zip(tenth).map(is_near).sum();
        let recall = hits as f32 / (TOP * tenth.len()) as f32;
        writeln!(stderr(), "ef_search {ef_search}: recall {recall:.4}")?;
        if recall >= RECALL {
            break options;
        }
        ef_search += ef_search / 8 + 1;
    };
    let asked = if batch == 1 { ALONE_BY_GRAPH * WIDTH } else { questions.len() };
    Ok(Box::new(move || scores(&library, &questions[..asked], batch, &options)))
}

fn connect(library: &Library) -> Result<()> {
    let began = Instant::now();
    if library.write()?.connect(1, &|_, _| true)? {
        // Standard error is the log of the peer.
        writeln!(stderr(), "graph of {}: {:.0} s", library.len(), began.elapsed().as_secs_f32())?;
    }
    Ok(())
}

/// A library that lies beside the file of its vectors, and is made from it once.
fn library(file: &Path, ending: &str) -> Result<Library> {
    let folder = file.with_extension(ending);
    let library = Library::open_or_create(folder, "peer", "peer", WIDTH, Precision::F32)?;
    if library.is_empty() {
        let mut writer = library.write()?;
        for (i, vector) in floats(file)?.chunks_exact(WIDTH).enumerate() {
            writer.upsert(&Item::picture(format!("/{i}.jpg"), None), vector)?;
            if i % 10_000 == 0 {
                writer.commit()?;
            }
        }
        writer.commit()?;
    }
    Ok(library)
}

/// Of the nearest to each query, `batch` of them at once.
fn scores(
    library: &Library,
    queries: &[f32],
    batch: usize,
    options: &SearchOptions,
) -> Result<Vec<Vec<f32>>> {
    let mut scores = Vec::new();
    for queries in queries.chunks(batch * WIDTH) {
        let queries: Vec<&[f32]> = queries.chunks_exact(WIDTH).collect();
        for hits in library.search_all(&queries, TOP, &Filter::default(), options)? {
            scores.push(hits.iter().map(|hit| hit.score).collect());
        }
    }
    Ok(scores)
}
