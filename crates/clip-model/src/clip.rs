//! Both encoders and the scale that relates them.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use clip_checkpoint::{Checkpoint, ModelConfig};
use clip_projection::{Logits, similarity};

use crate::{ImageEncoder, Result, TextEncoder, config, load};

/// A whole CLIP.
#[derive(Module, Debug)]
pub struct Clip {
    /// Pixels to unit vectors.
    pub image: ImageEncoder,
    /// Token ids to unit vectors.
    pub text: TextEncoder,
    /// From cosines to logits.
    pub logits: Logits,
}

impl Clip {
    /// Builds the model with fresh parameters, drawn when they are first used.
    ///
    /// # Panics
    ///
    /// For a configuration that [`ModelConfig::validate`] refuses.
    pub fn init(config: &ModelConfig, device: &Device) -> Self {
        Self {
            image: ImageEncoder::init(config, device),
            text: TextEncoder::init(config, device),
            logits: config::logits(config).init(device),
        }
    }

    /// Builds the model and fills it from a checkpoint.
    ///
    /// # Errors
    ///
    /// Where a tensor is missing, misshapen, not finite or left over.
    pub fn load(checkpoint: &Checkpoint, device: &Device) -> Result<Self> {
        Ok(Self {
            image: ImageEncoder::load(checkpoint, device)?,
            text: TextEncoder::load(checkpoint, device)?,
            logits: load::logits(checkpoint, device)?,
        })
    }

    /// Logits of each picture with each text.
    ///
    /// # Shapes
    ///
    /// - `pixels`: `[N, 3, H, W]`, normalized
    /// - `ids`: `[M, L]`
    /// - output: `[N, M]`
    ///
    /// # Panics
    ///
    /// Where the pictures are of another size than the tower's, or `L` exceeds the context.
    pub fn forward(&self, pixels: Tensor<4>, ids: Tensor<2, Int>) -> Tensor<2> {
        self.logits.forward(similarity(self.image.forward(pixels), self.text.forward(ids)))
    }
}
