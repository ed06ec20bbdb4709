//! What every peer in Rust shares: the inputs, the clock, and one line of JSON in and out.
//!
//! The same as `benches/peers/protocol.py`, where the lines are explained. candle's peer, which is no
//! member of this workspace, compiles this file too.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::error::Error;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};

/// An answer or what went wrong.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// One pass over the inputs of a work; gives one vector an item.
pub type Pass = Box<dyn FnMut() -> Result<Vec<Vec<f32>>>>;

/// Pictures that are prepared.
const PICTURES: usize = 32;

/// Values of a vector to search.
pub const WIDTH: usize = 512;

/// How many of the nearest are asked for.
pub const TOP: usize = 10;

/// Queries that are asked one at a time.
const ALONE: usize = 8;

/// Questions that are asked of a graph one at a time.
pub const ALONE_BY_GRAPH: usize = 200;

/// Share of the nearest that a graph has to find.
pub const RECALL: f32 = 0.95;

/// By how much scores of one vector differ.
pub const ROUNDING: f32 = 1e-5;

/// What a pass runs over.
#[derive(Debug)]
pub enum Inputs {
    /// Normalized pictures `[batch, 3, side, side]`.
    Pixels {
        /// Row-major.
        values: Vec<f32>,
        /// How many pictures.
        batch: usize,
        /// Pixels on each side.
        side: usize,
    },
    /// Texts, batch by batch.
    Ids(Vec<Ids>),
    /// Vectors to search, and queries that are asked so many at a time.
    Search {
        /// File of row-major f32, [`WIDTH`] values a vector.
        vectors: PathBuf,
        /// Row-major.
        queries: Vec<f32>,
        /// How many are asked at once.
        batch: usize,
    },
    /// Vectors to search by a graph, and questions that are asked so many at a time.
    Graph {
        /// File of row-major f32, [`WIDTH`] values a vector.
        vectors: PathBuf,
        /// Row-major.
        questions: Vec<f32>,
        /// For each the score of its tenth nearest.
        tenth: Vec<f32>,
        /// How many are asked at once.
        batch: usize,
    },
    /// Picture files.
    Files {
        /// In the order of their names.
        paths: Vec<PathBuf>,
        /// How many run through the model at once.
        batch: usize,
    },
}

/// Token ids `[rows, length]`, padded with 0 behind the end token.
#[derive(Debug)]
pub struct Ids {
    /// Row-major.
    pub values: Vec<u32>,
    /// How many texts.
    pub rows: usize,
    /// Tokens of the longest of them.
    pub length: usize,
}

/// Answers requests until the input ends. `make` turns the inputs of a work into a pass, outside the
/// clock.
///
/// # Errors
///
/// Where standard input or output breaks, or a line is no request.
pub fn serve(folder: &Path, mut make: impl FnMut(Inputs) -> Result<Pass>) -> Result<()> {
    let mut passes = HashMap::new();
    say(&json!({ "ready": true }))?;
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        let answer = answer(folder, &request, &mut passes, &mut make);
        say(&answer.unwrap_or_else(|error| json!({ "error": error.to_string() })))?;
    }
    Ok(())
}

fn say(value: &Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}")?;
    Ok(out.flush()?)
}

fn answer(
    folder: &Path,
    request: &Value,
    passes: &mut HashMap<(String, usize), Pass>,
    make: &mut impl FnMut(Inputs) -> Result<Pass>,
) -> Result<Value> {
    let work = request["work"].as_str().ok_or("a request names its work")?;
    let batch = request["batch"].as_u64().ok_or("a request says its batch")? as usize;
    let pass = match passes.entry((work.to_owned(), batch)) {
        Entry::Occupied(entry) => entry.into_mut(),
        Entry::Vacant(entry) => entry.insert(make(inputs(folder, work, batch)?)?),
    };
    if request["embed"] == true {
        return Ok(json!({ "embeddings": pass()? }));
    }
    let seconds = request["seconds"].as_f64().ok_or("a request says how long it takes")?;
    let (began, mut items) = (Instant::now(), 0);
    loop {
        items += pass()?.len();
        let elapsed = began.elapsed().as_secs_f64();
        if elapsed >= seconds {
            return Ok(json!({ "seconds_per_item": elapsed / items as f64 }));
        }
    }
}

fn inputs(folder: &Path, work: &str, batch: usize) -> Result<Inputs> {
    match work {
        "image" => {
            let mut values = floats(&folder.join("pixels.f32"))?;
            let side = (values.len() / PICTURES / 3).isqrt();
            values.truncate(batch * 3 * side * side);
            Ok(Inputs::Pixels { values, batch, side })
        }
        "search" => {
            let mut queries = floats(&folder.join("queries.f32"))?;
            if batch == 1 {
                queries.truncate(ALONE * WIDTH);
            }
            Ok(Inputs::Search { vectors: folder.join("vectors.f32"), queries, batch })
        }
        "graph" => Ok(Inputs::Graph {
            vectors: folder.join("vectors.f32"),
            questions: floats(&folder.join("questions.f32"))?,
            tenth: floats(&folder.join("tenth.f32"))?,
            batch,
        }),
        "text" => {
            let captions: Value =
                serde_json::from_slice(&std::fs::read(folder.join("captions.json"))?)?;
            let rows: Vec<Vec<u32>> = serde_json::from_value(captions["ids"].clone())?;
            Ok(Inputs::Ids(rows.chunks(batch).map(pad).collect()))
        }
        "folder" => {
            let files = std::fs::read_dir(folder.join("../jpegs"))?;
            let mut paths =
                files.map(|file| Ok(file?.path())).collect::<std::io::Result<Vec<_>>>()?;
            paths.sort();
            Ok(Inputs::Files { paths, batch })
        }
        other => Err(format!("there is no work {other}").into()),
    }
}

/// The numbers of a file.
///
/// # Errors
///
/// Where it cannot be read.
pub fn floats(path: &Path) -> Result<Vec<f32>> {
    let bytes = std::fs::read(path)?;
    Ok(bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
}

fn pad(rows: &[Vec<u32>]) -> Ids {
    let length = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut values = vec![0; rows.len() * length];
    for (padded, row) in values.chunks_mut(length).zip(rows) {
        padded[..row.len()].copy_from_slice(row);
    }
    Ids { values, rows: rows.len(), length }
}
