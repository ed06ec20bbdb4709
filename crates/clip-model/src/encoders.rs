//! A tower and its head: pixels or token ids to unit vectors.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use clip_checkpoint::{Checkpoint, ModelConfig, Tower};
use clip_projection::{Projection, normalize};
use clip_text::TextTransformer;
use clip_vision::VisionTransformer;

use crate::{Result, config, load};

/// Pixels to unit vectors.
#[derive(Module, Debug)]
pub struct ImageEncoder {
    /// The ViT tower.
    pub visual: VisionTransformer,
    /// From the tower to the shared space; nothing where the tower ends there.
    pub visual_projection: Option<Projection>,
}

/// Token ids to unit vectors.
#[derive(Module, Debug)]
pub struct TextEncoder {
    /// The text tower.
    pub text: TextTransformer,
    /// From the tower to the shared space; nothing where the tower ends there.
    pub text_projection: Option<Projection>,
}

impl ImageEncoder {
    /// Builds the encoder with fresh parameters, drawn when they are first used.
    ///
    /// # Panics
    ///
    /// For a configuration that [`ModelConfig::validate`] refuses.
    pub fn init(config: &ModelConfig, device: &Device) -> Self {
        let (tower, head) = config::vision(config);
        Self { visual: tower.init(device), visual_projection: head.map(|head| head.init(device)) }
    }

    /// Builds the encoder and fills it from the picture half of a checkpoint.
    ///
    /// # Errors
    ///
    /// Where a tensor is missing, misshapen, not finite or left over.
    pub fn load(checkpoint: &Checkpoint, device: &Device) -> Result<Self> {
        let fresh = Self::init(&checkpoint.card().config, device);
        load::fill(fresh, checkpoint, Tower::Vision, device)
    }

    /// # Shapes
    ///
    /// - `pixels`: `[B, 3, H, W]`, normalized
    /// - output: `[B, E]`, unit vectors
    ///
    /// # Panics
    ///
    /// Where the pictures are of another size than the tower's.
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        self.project(self.visual.forward(pixels))
    }

    /// Unit vectors from what the tower says.
    ///
    /// # Shapes
    ///
    /// - `features`: `[B, width]`
    /// - output: `[B, E]`
    pub fn project(&self, features: Tensor<2>) -> Tensor<2> {
        project(self.visual_projection.as_ref(), features)
    }
}

impl TextEncoder {
    /// Builds the encoder with fresh parameters, drawn when they are first used.
    ///
    /// # Panics
    ///
    /// For a configuration that [`ModelConfig::validate`] refuses.
    pub fn init(config: &ModelConfig, device: &Device) -> Self {
        let (tower, head) = config::text(config);
        Self { text: tower.init(device), text_projection: head.map(|head| head.init(device)) }
    }

    /// Builds the encoder and fills it from the text half of a checkpoint.
    ///
    /// # Errors
    ///
    /// Where a tensor is missing, misshapen, not finite or left over.
    pub fn load(checkpoint: &Checkpoint, device: &Device) -> Result<Self> {
        let fresh = Self::init(&checkpoint.card().config, device);
        load::fill(fresh, checkpoint, Tower::Text, device)
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
        self.project(self.text.forward(ids))
    }

    /// Unit vectors from what the tower says.
    ///
    /// # Shapes
    ///
    /// - `features`: `[B, width]`
    /// - output: `[B, E]`
    pub fn project(&self, features: Tensor<2>) -> Tensor<2> {
        project(self.text_projection.as_ref(), features)
    }
}

fn project(head: Option<&Projection>, features: Tensor<2>) -> Tensor<2> {
    normalize(match head {
        Some(head) => head.forward(features),
        None => features,
    })
}

/// A float tensor from row-major values.
///
/// # Panics
///
/// Where the number of values does not fit the shape.
pub fn float_tensor<const D: usize>(
    values: Vec<f32>,
    shape: [usize; D],
    device: &Device,
) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// A tensor of token ids from row-major values.
///
/// # Panics
///
/// Where the number of ids does not fit the shape.
pub fn int_tensor(ids: &[u32], shape: [usize; 2], device: &Device) -> Tensor<2, Int> {
    // 32 bits hold every id and every backend has them; not all have 64.
    let ids: Vec<i32> = ids.iter().map(|id| id.cast_signed()).collect();
    Tensor::from_data(TensorData::new(ids, shape), device)
}
