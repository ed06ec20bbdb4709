//! candle's CLIP, f32 on the CPU: `clip-peer-candle FOLDER`; `RAYON_NUM_THREADS` sets the threads.

#[expect(dead_code, reason = "candle reads no picture files")]
#[path = "../../../src/protocol.rs"]
mod protocol;

use std::path::PathBuf;
use std::rc::Rc;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::clip::{ClipConfig, ClipModel};
use protocol::{Ids, Inputs, Pass, Result, serve};

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("name the prepared folder")?);
    let weights = std::fs::read(folder.join("hf/model.safetensors"))?;
    let weights = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)?;
    let model = Rc::new(ClipModel::new(weights, &ClipConfig::vit_base_patch32())?);
    serve(&folder, |inputs| pass(Rc::clone(&model), inputs))
}

fn pass(model: Rc<ClipModel>, inputs: Inputs) -> Result<Pass> {
    match inputs {
        Inputs::Pixels { values, batch, side } => {
            let pixels = Tensor::from_vec(values, (batch, 3, side, side), &Device::Cpu)?;
            Ok(Box::new(move || Ok(model.get_image_features(&pixels)?.to_vec2()?)))
        }
        Inputs::Ids(batches) => {
            let tensor = |Ids { values, rows, length }| {
                Tensor::from_vec(values, (rows, length), &Device::Cpu)
            };
            let batches: Vec<_> =
                batches.into_iter().map(tensor).collect::<candle_core::Result<_>>()?;
            Ok(Box::new(move || {
                let rows = batches.iter().map(|ids| model.get_text_features(ids)?.to_vec2());
                Ok(rows.collect::<candle_core::Result<Vec<_>>>()?.concat())
            }))
        }
        _ => Err("candle runs the towers alone".into()),
    }
}
