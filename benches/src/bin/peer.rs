//! Ours, as a peer of `cargo xtask bench-peers`: the towers alone, and files through the facade.
//!
//! `peer FOLDER [--dtype DTYPE | --products]`, where `FOLDER` is what the chore prepared for a model: with
//! the file of weights in that number format (f32), of a model or of a convolutional stem, or the products of
//! ViT-B/32's tower alone.
//! `RAYON_NUM_THREADS` sets the threads.

use std::path::PathBuf;

use clip::{Embedder, Embedding, ReadOptions};
use clip_benches::protocol::{Ids, Inputs, Pass, Result, serve};
use clip_benches::{Products, device, stem_tower};
use clip_checkpoint::{Checkpoint, ConvStemCheckpoint, Error, Tower};
use clip_model::{
    Device, InferenceImageEncoder, InferenceTextEncoder, Tensor, float_tensor, int_tensor,
};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().ok_or("name the prepared folder")?);
    let dtype = match (args.next().as_deref(), args.next()) {
        (None, _) => "f32".to_owned(),
        (Some("--dtype"), Some(name)) => name,
        (Some("--products"), None) => return serve(&folder, |inputs| products(&inputs)),
        (Some(other), _) => return Err(format!("{other} is no option").into()),
    };
    let model = Model { path: folder.join(format!("ours-{dtype}.safetensors")), dtype };
    let device = device();
    serve(&folder, |inputs| match inputs {
        Inputs::Pixels { values, batch, side } => image(&model, &device, values, [batch, side]),
        Inputs::Ids(batches) => text(&model, &device, &batches),
        Inputs::Files { paths, batch } => files(&model, &device, paths, batch),
        Inputs::Search { .. } | Inputs::Graph { .. } => Err("the library has its own peer".into()),
    })
}

/// A file, and the number format that it was asked for.
struct Model {
    path: PathBuf,
    dtype: String,
}

impl Model {
    /// A row of the table would be of another format than it says where the tower is not in it.
    fn open(&self, tower: Tower) -> Result<Checkpoint> {
        let checkpoint = Checkpoint::open(&self.path)?;
        let found = checkpoint.dtype_of(tower).name();
        if found == self.dtype {
            return Ok(checkpoint);
        }
        let tower = if tower == Tower::Text { "text" } else { "image" };
        Err(format!("the {tower} tower of its {} file is in {found}", self.dtype).into())
    }
}

fn image(
    model: &Model,
    device: &Device,
    values: Vec<f32>,
    [batch, side]: [usize; 2],
) -> Result<Pass> {
    let pixels = float_tensor(values, [batch, 3, side, side], device);
    match ConvStemCheckpoint::open(&model.path) {
        Ok(checkpoint) => {
            let tower = stem_tower(&checkpoint, &model.dtype, device)?;
            return Ok(Box::new(move || rows(tower.forward(pixels.clone()))));
        }
        Err(Error::NotStem { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let encoder = InferenceImageEncoder::load(&model.open(Tower::Vision)?, device)?;
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

fn text(model: &Model, device: &Device, batches: &[Ids]) -> Result<Pass> {
    let encoder = InferenceTextEncoder::load(&model.open(Tower::Text)?, device)?;
    let tensor = |ids: &Ids| int_tensor(&ids.values, [ids.rows, ids.length], device);
    let batches: Vec<_> = batches.iter().map(tensor).collect();
    Ok(Box::new(move || {
        let vectors = batches.iter().map(|ids| rows(encoder.forward(ids.clone())));
        Ok(vectors.collect::<Result<Vec<_>>>()?.concat())
    }))
}

fn files(model: &Model, device: &Device, paths: Vec<PathBuf>, batch: usize) -> Result<Pass> {
    model.open(Tower::Vision)?;
    let embedder = Embedder::open(&model.path, device)?.with_batch_size(batch);
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
