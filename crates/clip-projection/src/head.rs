//! The linear head of a tower.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::module::linear;
use burn::tensor::{Device, Tensor};
use clip_nn::{PackedLinear, Packer};

/// Configuration of [`Projection`].
#[derive(Config, Debug)]
pub struct ProjectionConfig {
    /// Width of the tower's features.
    pub width: usize,
    /// Width of the shared space.
    pub embed_dim: usize,
    /// Whether a bias is added: SigLIP's text head has one, CLIP's heads do not.
    #[config(default = false)]
    pub bias: bool,
}

/// A matrix from a tower's features to the shared space.
#[derive(Module, Debug)]
pub struct Projection {
    /// `[W, E]`.
    pub weight: Param<Tensor<2>>,
    /// `[E]`.
    pub bias: Option<Param<Tensor<1>>>,
}

impl ProjectionConfig {
    /// Builds the head; its parameters are drawn when they are first used.
    pub fn init(&self, device: &Device) -> Projection {
        let std = (self.width as f64).powf(-0.5);
        let weight =
            Initializer::Normal { mean: 0.0, std }.init([self.width, self.embed_dim], device);
        let bias = || Initializer::Zeros.init([self.embed_dim], device);
        Projection { weight, bias: self.bias.then(bias) }
    }
}

impl Projection {
    /// Features in the shared space, not normalized.
    ///
    /// # Shapes
    ///
    /// - `features`: `[B, W]`
    /// - output: `[B, E]`
    ///
    /// # Panics
    ///
    /// Where `W` is not the configured width.
    pub fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        linear(features, self.weight.val(), self.bias.as_ref().map(Param::val))
    }

    /// Packs the matrix for inference.
    pub fn pack(self, packer: Packer) -> PackedLinear {
        PackedLinear::new(self.weight, self.bias, packer)
    }
}
