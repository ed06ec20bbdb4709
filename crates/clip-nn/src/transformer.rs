//! The stack of blocks in the middle of a tower.

use burn::config::Config;
use burn::module::Module;
use burn::nn::Initializer;
use burn::tensor::{Device, Int, Tensor};

use crate::attention::pick;
use crate::{
    Activation, AttentionMask, MlpConfig, MultiHeadAttentionConfig, Precision,
    ResidualAttentionBlock, ResidualAttentionBlockConfig, fused,
};

/// Configuration of [`Transformer`].
#[derive(Config, Debug)]
pub struct TransformerConfig {
    /// Width of a token.
    pub width: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Attention heads; they divide the width evenly.
    pub heads: usize,
    /// Width of the hidden layer of each MLP.
    pub mlp_width: usize,
    /// Nonlinearity of each MLP.
    #[config(default = "Activation::QuickGelu")]
    pub activation: Activation,
    /// Which tokens a token may look at.
    #[config(default = "AttentionMask::Full")]
    pub mask: AttentionMask,
    /// Epsilon of every layer norm.
    #[config(default = 1e-5)]
    pub layer_norm_eps: f64,
}

/// The stack of blocks in the middle of a tower.
#[derive(Module, Debug)]
pub struct Transformer {
    /// First to last.
    pub resblocks: Vec<ResidualAttentionBlock>,
}

impl TransformerConfig {
    /// Builds the module. Fresh parameters follow OpenAI's scheme: the projections that write to
    /// the residual stream shrink with the depth (`CLIP.initialize_parameters` of openai/CLIP).
    ///
    /// # Panics
    ///
    /// Where the heads do not divide the width evenly.
    pub fn init(&self, device: &Device) -> Transformer {
        let normal = |std: f64| Initializer::Normal { mean: 0.0, std };
        let width = self.width as f64;
        let residual = normal((width * 2.0 * self.layers as f64).powf(-0.5));
        let block = ResidualAttentionBlockConfig::new(
            MultiHeadAttentionConfig::new(self.width, self.heads)
                .with_mask(self.mask)
                .with_in_initializer(normal(width.powf(-0.5)))
                .with_out_initializer(residual.clone()),
            MlpConfig::new(self.width, self.mlp_width)
                .with_activation(self.activation)
                .with_in_initializer(normal((2.0 * width).powf(-0.5)))
                .with_out_initializer(residual),
        )
        .with_layer_norm_eps(self.layer_norm_eps);
        Transformer { resblocks: (0..self.layers).map(|_| block.init(device)).collect() }
    }
}

impl Transformer {
    /// # Shapes
    ///
    /// - `x`, output: `[B, L, W]`
    ///
    /// # Panics
    ///
    /// Where `W` is not the configured width.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        fused::on_pool(|| self.resblocks.iter().fold(x, |x, block| block.forward(x)))
    }

    /// One row of [`Self::forward`] for each sequence. The last block computes keys and values of
    /// all rows, and the rest of that row alone.
    ///
    /// # Shapes
    ///
    /// - `x`: `[B, L, W]`
    /// - `tokens`: `[B]`, the row's place in each sequence
    /// - output: `[B, W]`
    ///
    /// # Panics
    ///
    /// Where `W` is not the configured width.
    pub fn forward_token(&self, x: Tensor<3>, tokens: Tensor<1, Int>) -> Tensor<2> {
        let Some((last, before)) = self.resblocks.split_last() else {
            return pick(x, tokens).squeeze_dim(1);
        };
        let row = fused::on_pool(|| {
            let x = before.iter().fold(x, |x, block| block.forward(x));
            // Under training a whole branch in one piece is faster than a part of it in steps.
            match x.is_autodiff() {
                true => pick(last.forward(x), tokens),
                false => last.forward_token(x, tokens),
            }
        });
        row.squeeze_dim(1)
    }

    /// Computes the products of every block at another precision from now on, where the backend
    /// can.
    pub fn set_precision(&mut self, precision: Precision) {
        self.resblocks.iter_mut().for_each(|block| block.set_precision(precision));
    }
}
