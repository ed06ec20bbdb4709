//! Comparing a checkpoint with what a reference implementation computed from the same weights.

use std::fmt;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use clip_checkpoint::Checkpoint;
use clip_projection::{Logits, similarity};
use safetensors::{Dtype, SafeTensors};

use crate::{Error, ImageEncoder, Result, Stage, TextEncoder, float_tensor, int_tensor, load};

/// A safetensors file with inputs and the outputs of stages, as `tests/scripts/goldens.py` writes
/// it: `pixel_values` `[B, 3, S, S]` (f32) and `input_ids` `[B, L]` (i32), and any of the stages that
/// [`ImageEncoder::stages`] and [`TextEncoder::stages`] name, `logits_per_image`, `logit_scale` and
/// `logit_bias`.
#[derive(Debug)]
pub struct Reference {
    path: PathBuf,
    bytes: Vec<u8>,
}

/// How far one stage is from the reference.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Name of the stage.
    pub stage: String,
    /// The largest absolute difference of a value.
    pub largest: f32,
    /// The mean absolute difference.
    pub mean: f32,
    /// The largest absolute value of the reference.
    pub scale: f32,
}

impl Difference {
    /// The largest difference, as a part of the largest value where that is above 1: inner stages
    /// are not unit vectors. Not a number where a value is none.
    pub fn relative(&self) -> f32 {
        self.largest / self.scale.max(1.0)
    }
}

/// A checkpoint beside a reference: every stage, and which are off.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The stages, in the order in which they are computed.
    pub differences: Vec<Difference>,
    /// The largest [`Difference::relative`] that is allowed.
    pub tolerance: f32,
}

impl Comparison {
    /// The first stage that is off.
    pub fn first_off(&self) -> Option<&Difference> {
        self.differences.iter().find(|difference| self.is_off(difference))
    }

    fn is_off(&self, difference: &Difference) -> bool {
        // What is not a number is off too.
        difference.relative().is_nan() || difference.relative() > self.tolerance
    }
}

impl fmt::Display for Comparison {
    /// A table of the stages, and what it says; the last line has no end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.differences.iter().map(|difference| difference.stage.len());
        let width = names.max().unwrap_or(0).max("STAGE".len());
        writeln!(f, "{:<width$}  LARGEST   MEAN      VALUES", "STAGE")?;
        for difference in &self.differences {
            let Difference { stage, largest, mean, scale } = difference;
            let off = if self.is_off(difference) { "  off" } else { "" };
            writeln!(f, "{stage:<width$}  {largest:8.1e}  {mean:8.1e}  {scale:8.1e}{off}")?;
        }
        let (stages, tolerance) = (self.differences.len(), self.tolerance);
        match self.first_off() {
            None => write!(f, "\nall {stages} stages are within {tolerance:e}"),
            Some(first) => write!(
                f,
                "\nthe first stage that is off is {}: by up to {:.1e}, allowed are {tolerance:e}",
                first.stage,
                first.relative()
            ),
        }
    }
}

impl Reference {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// [`Error::Reference`] where it cannot be read or is no safetensors file.
    pub fn open(path: &Path) -> Result<Self> {
        let path = path.to_owned();
        let bad = |reason: String| Error::Reference { path: path.clone(), reason };
        let bytes = std::fs::read(&path).map_err(|error| bad(error.to_string()))?;
        SafeTensors::deserialize(&bytes).map_err(|error| bad(error.to_string()))?;
        Ok(Self { path, bytes })
    }

    /// Runs the reference's inputs through a checkpoint and compares every stage that the reference
    /// holds, in the order in which they are computed.
    ///
    /// # Errors
    ///
    /// [`Error::Reference`] where the inputs do not fit the model, a stage has another shape, or
    /// there is nothing to compare; as [`ImageEncoder::load`] where the checkpoint is damaged.
    pub fn compare(&self, checkpoint: &Checkpoint, device: &Device) -> Result<Vec<Difference>> {
        let mut stages = Vec::new();
        // One half at a time: the other's weights need not be in memory.
        if let Some(pixels) = self.pixels(checkpoint)? {
            let (shape, values) = pixels;
            let encoder = ImageEncoder::load(checkpoint, device)?;
            stages.extend(encoder.stages(float_tensor(values, shape, device)));
        }
        if let Some((shape, ids)) = self.ids(checkpoint)? {
            let encoder = TextEncoder::load(checkpoint, device)?;
            stages.extend(encoder.stages(int_tensor(&ids, shape, device)));
        }
        let logits = load::logits(checkpoint, device)?;
        stages.extend(logits_per_image(&stages, &logits));
        stages.push(Stage::of("logit_scale", logits.log_scale.val()));
        stages.extend(logits.bias.map(|bias| Stage::of("logit_bias", bias.val())));

        let differences = stages.iter().filter_map(|stage| self.difference(stage).transpose());
        let differences: Vec<_> = differences.collect::<Result<_>>()?;
        match differences.is_empty() {
            true => Err(self.bad("it holds no stage of a CLIP".to_owned())),
            false => Ok(differences),
        }
    }

    fn difference(&self, stage: &Stage) -> Result<Option<Difference>> {
        let Some((shape, expected)) = self.f32(&stage.name)? else { return Ok(None) };
        if shape != stage.shape {
            let Stage { name, shape: own, .. } = stage;
            return Err(self.bad(format!("{name} has shape {shape:?}, the model's is {own:?}")));
        }
        let (mut largest, mut sum, mut scale) = (0.0f32, 0.0f64, 0.0f32);
        for (actual, expected) in stage.values.iter().zip(&expected) {
            let difference = (actual - expected).abs();
            // `max` would pass over what is not a number.
            let stays = largest.is_nan() || difference <= largest;
            largest = if stays { largest } else { difference };
            sum += f64::from(difference);
            scale = scale.max(expected.abs());
        }
        let mean = (sum / expected.len().max(1) as f64) as f32;
        Ok(Some(Difference { stage: stage.name.clone(), largest, mean, scale }))
    }

    fn pixels(&self, checkpoint: &Checkpoint) -> Result<Option<([usize; 4], Vec<f32>)>> {
        let Some((shape, values)) = self.f32("pixel_values")? else { return Ok(None) };
        let side = checkpoint.card().config.vision.image_size;
        match shape[..] {
            [pictures, 3, height, width] if pictures > 0 && (height, width) == (side, side) => {
                Ok(Some(([pictures, 3, side, side], values)))
            }
            _ => Err(self.bad(format!(
                "pixel_values has shape {shape:?}, the model takes [pictures, 3, {side}, {side}]"
            ))),
        }
    }

    fn ids(&self, checkpoint: &Checkpoint) -> Result<Option<([usize; 2], Vec<u32>)>> {
        let Some((dtype, shape, bytes)) = self.tensor("input_ids") else { return Ok(None) };
        let text = &checkpoint.card().config.text;
        let (context, vocabulary) = (text.context_length, text.vocab_size);
        let shape = match shape[..] {
            [texts, tokens] if texts > 0 && (1..=context).contains(&tokens) => [texts, tokens],
            _ => {
                return Err(self.bad(format!(
                    "input_ids has shape {shape:?}, the model takes [texts, up to {context}]"
                )));
            }
        };
        if dtype != Dtype::I32 {
            return Err(self.bad(format!("input_ids is {dtype:?}, it should be I32")));
        }
        let ids: Vec<u32> =
            bytes.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        match ids.iter().find(|id| **id as usize >= vocabulary) {
            Some(id) => Err(self.bad(format!(
                "input_ids holds {}, the model has {vocabulary} ids",
                id.cast_signed()
            ))),
            None => Ok(Some((shape, ids))),
        }
    }

    fn f32(&self, name: &str) -> Result<Option<(Vec<usize>, Vec<f32>)>> {
        let Some((dtype, shape, bytes)) = self.tensor(name) else { return Ok(None) };
        if dtype != Dtype::F32 {
            return Err(self.bad(format!("{name} is {dtype:?}, it should be F32")));
        }
        let values = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        Ok(Some((shape, values.collect())))
    }

    fn tensor(&self, name: &str) -> Option<(Dtype, Vec<usize>, Vec<u8>)> {
        let file = SafeTensors::deserialize(&self.bytes).expect("read when it was opened");
        let tensor = file.tensor(name).ok()?;
        Some((tensor.dtype(), tensor.shape().to_vec(), tensor.data().to_vec()))
    }

    fn bad(&self, reason: String) -> Error {
        Error::Reference { path: self.path.clone(), reason }
    }
}

/// The last stage, where both halves ran.
fn logits_per_image(stages: &[Stage], logits: &Logits) -> Option<Stage> {
    let device = logits.log_scale.device();
    let find = |name: &str| {
        let stage = stages.iter().find(|stage| stage.name == name)?;
        let shape = [stage.shape[0], stage.shape[1]];
        Some(float_tensor(stage.values.clone(), shape, &device))
    };
    let cosines = similarity(find("image_embeds")?, find("text_embeds")?);
    Some(Stage::of("logits_per_image", logits.forward(cosines)))
}
