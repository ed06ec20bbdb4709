//! Ours, as a peer of `cargo xtask bench-peers`: the towers alone, files through the facade, and the
//! library.
//!
//! `peer FOLDER [--int8 | --products]`, where `FOLDER` is what the chore prepared: with the file in 8
//! bits, or the products of the tower alone. `RAYON_NUM_THREADS` sets the threads.

use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clip::{Embedder, Embedding, ReadOptions};
use clip_benches::protocol::{
    ALONE_BY_GRAPH, Ids, Inputs, Pass, RECALL, ROUNDING, Result, SIDE, TOP, WIDTH, floats, serve,
};
use clip_benches::{Products, device};
use clip_checkpoint::Checkpoint;
use clip_model::{Device, ImageEncoder, Tensor, TextEncoder, float_tensor, int_tensor};
use clip_retrieval::{Filter, Item, Library, Precision};

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("name the prepared folder")?);
    let option = std::env::args().nth(2);
    let (device, model) = match option.as_deref() {
        None => (device(), folder.join("vit-b-32.safetensors")),
        Some("--int8") => (device(), folder.join("vit-b-32-int8.safetensors")),
        Some("--products") => return serve(&folder, |inputs| products(&inputs)),
        Some(other) => return Err(format!("{other} is no option").into()),
    };
    serve(&folder, |inputs| match inputs {
        Inputs::Pixels { values, batch } => image(&model, &device, values, batch),
        Inputs::Ids(batches) => text(&model, &device, &batches),
        Inputs::Files { paths, batch } => files(&model, &device, paths, batch),
        Inputs::Search { vectors, queries, batch } => search(&vectors, queries, batch),
        Inputs::Graph { vectors, questions, tenth, batch } => {
            graph(&vectors, questions, &tenth, batch)
        }
    })
}

fn image(model: &Path, device: &Device, values: Vec<f32>, batch: usize) -> Result<Pass> {
    let encoder = ImageEncoder::serving(&Checkpoint::open(model)?, device)?;
    let pixels = float_tensor(values, [batch, 3, SIDE, SIDE], device);
    Ok(Box::new(move || rows(encoder.forward(pixels.clone()))))
}

/// Gives no vectors.
fn products(inputs: &Inputs) -> Result<Pass> {
    let Inputs::Pixels { batch, .. } = inputs else {
        return Err("products of pictures alone".into());
    };
    let (mut products, batch) = (Products::new(*batch), *batch);
    Ok(Box::new(move || {
        products.run();
        Ok(vec![Vec::new(); batch])
    }))
}

fn text(model: &Path, device: &Device, batches: &[Ids]) -> Result<Pass> {
    let encoder = TextEncoder::serving(&Checkpoint::open(model)?, device)?;
    let tensor = |ids: &Ids| int_tensor(&ids.values, [ids.rows, ids.length], device);
    let batches: Vec<_> = batches.iter().map(tensor).collect();
    Ok(Box::new(move || {
        let vectors = batches.iter().map(|ids| rows(encoder.forward(ids.clone())));
        Ok(vectors.collect::<Result<Vec<_>>>()?.concat())
    }))
}

fn files(model: &Path, device: &Device, paths: Vec<PathBuf>, batch: usize) -> Result<Pass> {
    let embedder = Embedder::open(model, device)?.with_batch_size(batch);
    Ok(Box::new(move || {
        let options = ReadOptions { detail: embedder.enough_detail(), ..ReadOptions::default() };
        let vectors = embedder.files(&paths, &options)?;
        let values = |vector: clip::Result<Embedding>| Ok(vector?.as_slice().to_vec());
        vectors.into_iter().map(values).collect()
    }))
}

fn search(file: &Path, queries: Vec<f32>, batch: usize) -> Result<Pass> {
    let library = library(file, "library")?;
    Ok(Box::new(move || scores(&library, &queries, batch)))
}

/// By a graph, as broadly as finds enough.
fn graph(file: &Path, questions: Vec<f32>, tenth: &[f32], batch: usize) -> Result<Pass> {
    let mut library = library(file, "connected")?;
    let began = Instant::now();
    if library.write()?.connect(1, &|_, _| true)? {
        // Standard error is the log of the peer.
        writeln!(stderr(), "graph of {}: {:.0} s", library.len(), began.elapsed().as_secs_f32())?;
    }
    let mut breadth = TOP;
    loop {
        library.look_broadly(Some(breadth));
        let found = scores(&library, &questions, ALONE_BY_GRAPH)?;
        let is_near = |(scores, tenth): (&Vec<f32>, &f32)| {
            scores.iter().filter(|score| **score >= tenth - ROUNDING).count()
        };
        let hits: usize = found.iter().zip(tenth).map(is_near).sum();
        let recall = hits as f32 / (TOP * tenth.len()) as f32;
        writeln!(stderr(), "breadth {breadth}: recall {recall:.4}")?;
        if recall >= RECALL {
            break;
        }
        breadth += breadth / 8 + 1;
    }
    let asked = if batch == 1 { ALONE_BY_GRAPH * WIDTH } else { questions.len() };
    Ok(Box::new(move || scores(&library, &questions[..asked], batch)))
}

/// A library that lies beside the file of its vectors, and is made from it once.
fn library(file: &Path, ending: &str) -> Result<Library> {
    let folder = file.with_extension(ending);
    let mut library = Library::open_or_create(folder, "peer", "peer", WIDTH, Precision::F32)?;
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
fn scores(library: &Library, queries: &[f32], batch: usize) -> Result<Vec<Vec<f32>>> {
    let mut scores = Vec::new();
    for queries in queries.chunks(batch * WIDTH) {
        let queries: Vec<&[f32]> = queries.chunks_exact(WIDTH).collect();
        for hits in library.search_all(&queries, TOP, &Filter::default())? {
            scores.push(hits.iter().map(|hit| hit.score).collect());
        }
    }
    Ok(scores)
}

fn rows(vectors: Tensor<2>) -> Result<Vec<Vec<f32>>> {
    let [_, width] = vectors.dims();
    let values = vectors.into_data().try_to_vec::<f32>().map_err(|error| format!("{error:?}"))?;
    Ok(values.chunks_exact(width).map(<[f32]>::to_vec).collect())
}
