//! Ours, as a peer of `cargo xtask bench-peers`: the towers alone, and files through the facade.
//!
//! `peer FOLDER [--int8 | --products]`, where `FOLDER` is what the chore prepared: with the file in 8
//! bits, or the products of the tower alone. `RAYON_NUM_THREADS` sets the threads.

use std::path::{Path, PathBuf};

use clip::{Embedder, Embedding, ReadOptions};
use clip_benches::protocol::{Ids, Inputs, Pass, Result, SIDE, serve};
use clip_benches::{Products, device};
use clip_checkpoint::Checkpoint;
use clip_model::{
    Device, InferenceImageEncoder, InferenceTextEncoder, Tensor, float_tensor, int_tensor,
};

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
        Inputs::Search { .. } | Inputs::Graph { .. } => Err("the library has its own peer".into()),
    })
}

fn image(model: &Path, device: &Device, values: Vec<f32>, batch: usize) -> Result<Pass> {
    let encoder = InferenceImageEncoder::load(&Checkpoint::open(model)?, device)?;
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
    let encoder = InferenceTextEncoder::load(&Checkpoint::open(model)?, device)?;
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

fn rows(vectors: Tensor<2>) -> Result<Vec<Vec<f32>>> {
    let [_, width] = vectors.dims();
    let values = vectors.into_data().try_to_vec::<f32>().map_err(|error| format!("{error:?}"))?;
    Ok(values.chunks_exact(width).map(<[f32]>::to_vec).collect())
}
