//! Multi-head self-attention with one fused projection for queries, keys and values.

use burn::config::Config;
use burn::module::Module;
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::module::attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Device, Tensor};

use crate::fused::Mix;

/// Which tokens a token may look at.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum AttentionMask {
    /// Every token looks at every token (the picture tower).
    Full,
    /// A token looks at itself and at those before it (the text tower).
    Causal,
}

/// Configuration of [`MultiHeadAttention`].
#[derive(Config, Debug)]
pub struct MultiHeadAttentionConfig {
    /// Width of a token.
    pub width: usize,
    /// Number of heads; they divide the width evenly.
    pub heads: usize,
    /// Which tokens a token may look at.
    #[config(default = "AttentionMask::Full")]
    pub mask: AttentionMask,
    /// Initial distribution of the fused input projection.
    #[config(default = "Initializer::Normal{mean: 0.0, std: 0.02}")]
    pub in_initializer: Initializer,
    /// Initial distribution of the output projection.
    #[config(default = "Initializer::Normal{mean: 0.0, std: 0.02}")]
    pub out_initializer: Initializer,
}

/// Multi-head self-attention (Vaswani et al. 2017).
#[derive(Module, Debug)]
pub struct MultiHeadAttention {
    /// Queries, keys and values side by side: `[W, 3W]`.
    pub in_proj: Linear,
    /// `[W, W]`.
    pub out_proj: Linear,
    heads: usize,
    #[module(skip)]
    mask: AttentionMask,
}

impl MultiHeadAttentionConfig {
    /// Builds the module; parameters are drawn when they are first used.
    ///
    /// # Panics
    ///
    /// Where the heads do not divide the width evenly.
    pub fn init(&self, device: &Device) -> MultiHeadAttention {
        assert!(
            self.heads > 0 && self.width.is_multiple_of(self.heads),
            "{} heads do not divide a width of {}",
            self.heads,
            self.width
        );
        MultiHeadAttention {
            in_proj: LinearConfig::new(self.width, 3 * self.width)
                .with_initializer(self.in_initializer.clone())
                .init(device),
            out_proj: LinearConfig::new(self.width, self.width)
                .with_initializer(self.out_initializer.clone())
                .init(device),
            heads: self.heads,
            mask: self.mask,
        }
    }
}

impl MultiHeadAttention {
    /// Mixes the tokens of each sequence.
    ///
    /// # Shapes
    ///
    /// - `x`, output: `[B, L, W]`
    ///
    /// # Panics
    ///
    /// Where `W` is not the configured width.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, length, width] = x.dims();
        let head_width = width / self.heads;
        let qkv = self
            .in_proj
            .forward(x)
            .reshape([batch, length, 3, self.heads, head_width])
            .permute([2, 0, 3, 1, 4]);
        let [q, k, v] = [0, 1, 2].map(|i| qkv.clone().select_dim::<4>(0, i));
        let options = AttentionModuleOptions {
            is_causal: self.mask == AttentionMask::Causal,
            ..AttentionModuleOptions::default()
        };
        let mixed = attention(q, k, v, None, None, options);
        self.out_proj.forward(mixed.swap_dims(1, 2).reshape([batch, length, width]))
    }

    /// What stands between the two projections.
    pub(crate) fn mix(&self) -> Mix {
        Mix::Attention { heads: self.heads, causal: self.mask == AttentionMask::Causal }
    }
}
