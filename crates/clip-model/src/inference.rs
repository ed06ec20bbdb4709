//! Encoders that answer and do not learn, as a program that embeds wants them.
//!
//! Where the device has kernels of ours, weights are packed in the numbers of the checkpoint and owned
//! by types of their own; elsewhere the modules of Burn answer.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use clip_checkpoint::{Checkpoint, Dtype, PreprocessConfig, Tower};
use clip_projection::{PackedProjection, normalize};
use clip_text::{PackedTextTransformer, TokenLookup};
use clip_vision::{PackedVisionTransformer, Packer, Pixels, WeightDtype};

use crate::{ImageEncoder, Result, TextEncoder};

/// Pixels to unit vectors, for inference alone.
#[derive(Debug)]
pub struct InferenceImageEncoder(Image);

#[derive(Debug)]
enum Image {
    Packed { visual: Box<PackedVisionTransformer>, projection: Option<Box<PackedProjection>> },
    Module(Box<ImageEncoder>),
}

/// Token ids to unit vectors, for inference alone.
#[derive(Debug)]
pub struct InferenceTextEncoder(Text);

#[derive(Debug)]
enum Text {
    Packed { text: Box<PackedTextTransformer>, projection: Option<Box<PackedProjection>> },
    Module { encoder: Box<TextEncoder>, lookup: Option<TokenLookup> },
}

impl InferenceImageEncoder {
    /// Fills an encoder from the picture half of a checkpoint, in the numbers of its file.
    ///
    /// # Errors
    ///
    /// As [`ImageEncoder::load`].
    pub fn load(checkpoint: &Checkpoint, device: &Device) -> Result<Self> {
        let PreprocessConfig { mean, std, .. } = checkpoint.card().preprocess;
        let encoder = ImageEncoder::load(checkpoint, device)?;
        Ok(Self::new(encoder, weight_dtype(checkpoint, Tower::Vision), &Pixels { mean, std }))
    }

    /// Packs the weights of an encoder, for pixels as `pixels` describes them, where the device has
    /// kernels of ours.
    pub fn new(encoder: ImageEncoder, dtype: WeightDtype, pixels: &Pixels) -> Self {
        let devices = encoder.visual.devices();
        Self(match devices.first().and_then(|device| Packer::on(device, dtype)) {
            Some(packer) => Image::Packed {
                visual: Box::new(encoder.visual.pack(pixels, packer)),
                projection: encoder.visual_projection.map(|head| Box::new(head.pack(packer))),
            },
            None => Image::Module(Box::new(encoder)),
        })
    }

    /// What the tower makes of images, before the projection.
    ///
    /// # Shapes
    ///
    /// - `pixels`: `[B, 3, H, W]`, normalized
    /// - output: `[B, width]`
    ///
    /// # Panics
    ///
    /// Where the images are of another size than the tower's.
    pub fn features(&self, pixels: Tensor<4>) -> Tensor<2> {
        match &self.0 {
            Image::Packed { visual, .. } => visual.forward(pixels),
            Image::Module(encoder) => encoder.visual.forward(pixels),
        }
    }

    /// # Shapes
    ///
    /// - `pixels`: `[B, 3, H, W]`, normalized
    /// - output: `[B, E]`, unit vectors
    ///
    /// # Panics
    ///
    /// Where the images are of another size than the tower's.
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        match &self.0 {
            Image::Packed { visual, projection } => {
                project(projection.as_deref(), visual.forward(pixels))
            }
            Image::Module(encoder) => encoder.forward(pixels),
        }
    }
}

impl InferenceTextEncoder {
    /// Fills an encoder from the text half of a checkpoint, in the numbers of its file, but for the
    /// token embedding: a text needs few of its rows, which are read from the file.
    ///
    /// # Errors
    ///
    /// As [`TextEncoder::load`].
    pub fn load(checkpoint: &Checkpoint, device: &Device) -> Result<Self> {
        let encoder = TextEncoder::load(checkpoint, device)?;
        let dtype = weight_dtype(checkpoint, Tower::Text);
        let (width, file) = (checkpoint.card().config.text.width, checkpoint.clone());
        let lookup = TokenLookup::new(width, move |ids| {
            let rows = file.read_rows("text.token_embedding.weight", ids);
            rows.expect("a tensor that was checked")
        });
        Ok(Self::with(encoder, dtype, Some(lookup)))
    }

    /// Packs the weights of an encoder, where the device has kernels of ours.
    pub fn new(encoder: TextEncoder, dtype: WeightDtype) -> Self {
        Self::with(encoder, dtype, None)
    }

    fn with(encoder: TextEncoder, dtype: WeightDtype, lookup: Option<TokenLookup>) -> Self {
        let device = encoder.text.positional_embedding.lazy_device();
        let Some(packer) = Packer::on(&device, dtype) else {
            return Self(Text::Module { encoder: Box::new(encoder), lookup });
        };
        let TextEncoder { text, text_projection } = encoder;
        let text = match lookup {
            Some(lookup) => text.pack(packer).with_lookup(lookup),
            None => text.pack(packer),
        };
        let projection = text_projection.map(|head| Box::new(head.pack(packer)));
        Self(Text::Packed { text: Box::new(text), projection })
    }

    /// # Shapes
    ///
    /// - `ids`: `[B, L]`, `L` at most the context length, best no longer than the longest text
    /// - output: `[B, E]`, unit vectors
    ///
    /// # Panics
    ///
    /// Where `L` is more than the context length.
    pub fn forward(&self, ids: Tensor<2, Int>) -> Tensor<2> {
        match &self.0 {
            Text::Packed { text, projection } => project(projection.as_deref(), text.forward(ids)),
            Text::Module { encoder, lookup: None } => encoder.forward(ids),
            Text::Module { encoder, lookup: Some(lookup) } => {
                let rows = lookup.forward(&ids, &ids.device());
                encoder.project(encoder.text.forward_embedded(rows, ids))
            }
        }
    }
}

/// The numbers that a tower's packed weights are kept in: those of its file, or those that its values
/// are read as.
fn weight_dtype(checkpoint: &Checkpoint, tower: Tower) -> WeightDtype {
    match checkpoint.dtype_of(tower) {
        Dtype::F16 => WeightDtype::F16,
        Dtype::Bf16 => WeightDtype::Bf16,
        Dtype::Int8 => WeightDtype::Int8,
        _ => WeightDtype::F32,
    }
}

fn project(head: Option<&PackedProjection>, features: Tensor<2>) -> Tensor<2> {
    normalize(match head {
        Some(head) => head.forward(features),
        None => features,
    })
}
