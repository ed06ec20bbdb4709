//! What stands for the whole picture.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::{Initializer, LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Tensor};
use clip_nn::{Activation, Mlp, MlpConfig, MultiHeadAttention, MultiHeadAttentionConfig};

/// What stands for the whole picture.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// A token of its own, put before the patches (CLIP).
    ClassToken,
    /// What a learned query gathers from the patches: [`AttentionPooling`] (SigLIP).
    Attention,
    /// The mean of all tokens (`gap` of big_vision; Beyer et al. 2022, arXiv:2205.01580).
    Mean,
}

/// Configuration of [`AttentionPooling`].
#[derive(Config, Debug)]
pub struct AttentionPoolingConfig {
    /// Width of a token.
    pub width: usize,
    /// Attention heads; they divide the width evenly.
    pub heads: usize,
    /// Width of the hidden layer of the MLP.
    pub mlp_width: usize,
    /// Nonlinearity of the MLP.
    #[config(default = "Activation::GeluTanh")]
    pub activation: Activation,
    /// Epsilon of the layer norm.
    #[config(default = 1e-6)]
    pub layer_norm_eps: f64,
}

/// Multi-head attention pooling (Zhai et al. 2021, arXiv:2106.04560, section 3.2): one learned query
/// gathers from all tokens; an MLP with a residual path follows. `MAPHead` of big_vision, and
/// `SiglipMultiheadAttentionPoolingHead` of transformers.
#[derive(Module, Debug)]
pub struct AttentionPooling {
    /// The query: `[W]`.
    pub probe: Param<Tensor<1>>,
    /// From the tokens to the query.
    pub attn: MultiHeadAttention,
    /// Before the MLP.
    pub ln: LayerNorm,
    /// On what was gathered.
    pub mlp: Mlp,
    pub(crate) layer_norm_eps: f64,
}

impl AttentionPoolingConfig {
    /// Builds the module; parameters are drawn when they are first used.
    ///
    /// # Panics
    ///
    /// Where the heads do not divide the width evenly.
    pub fn init(&self, device: &Device) -> AttentionPooling {
        let scale = Initializer::Normal { mean: 0.0, std: (self.width as f64).powf(-0.5) };
        AttentionPooling {
            probe: scale.init([self.width], device),
            attn: MultiHeadAttentionConfig::new(self.width, self.heads).init(device),
            ln: LayerNormConfig::new(self.width).with_epsilon(self.layer_norm_eps).init(device),
            mlp: MlpConfig::new(self.width, self.mlp_width)
                .with_activation(self.activation)
                .init(device),
            layer_norm_eps: self.layer_norm_eps,
        }
    }
}

impl AttentionPooling {
    /// One vector a picture.
    ///
    /// # Shapes
    ///
    /// - `tokens`: `[B, L, W]`
    /// - output: `[B, W]`
    ///
    /// # Panics
    ///
    /// Where `W` is not the configured width.
    pub fn forward(&self, tokens: Tensor<3>) -> Tensor<2> {
        self.think(self.attn.gather(self.query(), tokens))
    }

    /// As [`Self::forward`], with the attention weights passed through `through`: see
    /// [`MultiHeadAttention::forward_through`].
    ///
    /// # Shapes
    ///
    /// - `tokens`: `[B, L, W]`
    /// - weights: `[B, heads, 1, L]`
    /// - output: `[B, W]`
    ///
    /// # Panics
    ///
    /// Where `W` is not the configured width.
    pub fn forward_through(
        &self,
        tokens: Tensor<3>,
        through: impl FnOnce(Tensor<4>) -> Tensor<4>,
    ) -> Tensor<2> {
        self.think(self.attn.gather_through(self.query(), tokens, through))
    }

    fn query(&self) -> Tensor<2> {
        self.probe.val().unsqueeze()
    }

    /// `x + mlp(ln(x))` of what was gathered, `[B, 1, W]` to `[B, W]`.
    fn think(&self, gathered: Tensor<3>) -> Tensor<2> {
        (gathered.clone() + self.mlp.forward(self.ln.forward(gathered))).squeeze_dim(1)
    }
}
