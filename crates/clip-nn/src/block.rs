//! One pre-norm residual attention block.

use burn::config::Config;
use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Int, Tensor};
use clip_kernels::residual::Sublayer;
use clip_kernels::residual::train::Residual;

use crate::attention::pick;
use crate::fused;
use crate::{Mlp, MlpConfig, MultiHeadAttention, MultiHeadAttentionConfig, Precision};

/// Configuration of [`ResidualAttentionBlock`].
#[derive(Config, Debug)]
pub struct ResidualAttentionBlockConfig {
    /// The attention; its width is the block's.
    pub attn: MultiHeadAttentionConfig,
    /// The perceptron, of the same width.
    pub mlp: MlpConfig,
    /// Epsilon of both layer norms.
    #[config(default = 1e-5)]
    pub layer_norm_eps: f64,
}

/// `x + attn(ln_1(x))`, then `x + mlp(ln_2(x))`.
#[derive(Module, Debug)]
pub struct ResidualAttentionBlock {
    /// Before the attention.
    pub ln_1: LayerNorm,
    /// Mixes tokens.
    pub attn: MultiHeadAttention,
    /// Before the perceptron.
    pub ln_2: LayerNorm,
    /// Works on each token alone.
    pub mlp: Mlp,
    pub(crate) layer_norm_eps: f64,
    #[module(skip)]
    precision: Precision,
}

impl ResidualAttentionBlockConfig {
    /// Builds the module; parameters are drawn when they are first used.
    ///
    /// # Panics
    ///
    /// Where the heads do not divide the width evenly.
    pub fn init(&self, device: &Device) -> ResidualAttentionBlock {
        let norm = LayerNormConfig::new(self.attn.width).with_epsilon(self.layer_norm_eps);
        ResidualAttentionBlock {
            ln_1: norm.init(device),
            attn: self.attn.init(device),
            ln_2: norm.init(device),
            mlp: self.mlp.init(device),
            layer_norm_eps: self.layer_norm_eps,
            precision: Precision::F32,
        }
    }
}

impl ResidualAttentionBlock {
    /// # Shapes
    ///
    /// - `x`, output: `[B, L, W]`
    ///
    /// # Panics
    ///
    /// Where `W` is not the configured width.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.think(self.attend(x))
    }

    /// One row of [`Self::forward`] for each sequence; most of the work on the others is left out.
    ///
    /// # Shapes
    ///
    /// - `x`: `[B, L, W]`
    /// - `tokens`: `[B]`, the row's place in each sequence
    /// - output: `[B, 1, W]`
    ///
    /// # Panics
    ///
    /// Where `W` is not the configured width.
    pub fn forward_token(&self, x: Tensor<3>, tokens: Tensor<1, Int>) -> Tensor<3> {
        let attended = self.attn.forward_token(self.ln_1.forward(x.clone()), tokens.clone());
        self.think(pick(x, tokens) + attended)
    }

    /// As [`Self::forward`], with the attention weights passed through `through`: see
    /// [`MultiHeadAttention::forward_through`].
    ///
    /// # Shapes
    ///
    /// - `x`, output: `[B, L, W]`
    /// - weights: `[B, heads, L, L]`
    ///
    /// # Panics
    ///
    /// Where `W` is not the configured width.
    pub fn forward_through(
        &self,
        x: Tensor<3>,
        through: impl FnOnce(Tensor<4>) -> Tensor<4>,
    ) -> Tensor<3> {
        self.think(x.clone() + self.attn.forward_through(self.ln_1.forward(x), through))
    }

    /// `x + attn(ln_1(x))`.
    fn attend(&self, x: Tensor<3>) -> Tensor<3> {
        let attn = &self.attn;
        fused::residual(
            &x,
            &self.ln_1,
            &attn.in_proj,
            &attn.out_proj,
            self.residual(attn.sublayer()),
        )
        .unwrap_or_else(|| x.clone() + attn.forward(self.ln_1.forward(x)))
    }

    /// `x + mlp(ln_2(x))`.
    fn think(&self, x: Tensor<3>) -> Tensor<3> {
        let mlp = &self.mlp;
        fused::residual(&x, &self.ln_2, &mlp.c_fc, &mlp.c_proj, self.residual(mlp.sublayer()))
            .unwrap_or_else(|| x.clone() + mlp.forward(self.ln_2.forward(x)))
    }

    /// Computes the products at another precision from now on, where the backend can.
    pub fn set_precision(&mut self, precision: Precision) {
        self.precision = precision;
    }

    fn residual(&self, sublayer: Sublayer) -> Residual {
        let (epsilon, dtype) = (self.layer_norm_eps as f32, self.precision.dtype());
        Residual { sublayer, epsilon, dtype }
    }
}
