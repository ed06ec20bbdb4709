//! The two-layer perceptron of a block.

use burn::config::Config;
use burn::module::Module;
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use clip_kernels::residual::Sublayer;

use crate::Activation;

/// Configuration of [`Mlp`].
#[derive(Config, Debug)]
pub struct MlpConfig {
    /// Width of a token.
    pub width: usize,
    /// Width of the hidden layer.
    pub hidden: usize,
    /// Nonlinearity of the hidden layer.
    #[config(default = "Activation::QuickGelu")]
    pub activation: Activation,
    /// Initial distribution of the first layer.
    #[config(default = "Initializer::Normal{mean: 0.0, std: 0.02}")]
    pub in_initializer: Initializer,
    /// Initial distribution of the second layer.
    #[config(default = "Initializer::Normal{mean: 0.0, std: 0.02}")]
    pub out_initializer: Initializer,
}

/// Token by token: widen, bend, narrow.
#[derive(Module, Debug)]
pub struct Mlp {
    /// `[W, hidden]`.
    pub c_fc: Linear,
    /// `[hidden, W]`.
    pub c_proj: Linear,
    #[module(skip)]
    activation: Activation,
}

impl MlpConfig {
    /// Builds the module; parameters are drawn when they are first used.
    pub fn init(&self, device: &Device) -> Mlp {
        Mlp {
            c_fc: LinearConfig::new(self.width, self.hidden)
                .with_initializer(self.in_initializer.clone())
                .init(device),
            c_proj: LinearConfig::new(self.hidden, self.width)
                .with_initializer(self.out_initializer.clone())
                .init(device),
            activation: self.activation,
        }
    }
}

impl Mlp {
    /// # Shapes
    ///
    /// - `x`, output: `[B, L, W]`
    ///
    /// # Panics
    ///
    /// Where `W` is not the configured width.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.c_proj.forward(self.activation.forward(self.c_fc.forward(x)))
    }

    /// What stands between the two layers.
    pub(crate) fn sublayer(&self) -> Sublayer {
        Sublayer::Mlp(self.activation.into())
    }
}
