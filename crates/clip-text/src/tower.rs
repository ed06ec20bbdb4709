//! The tower.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::{Embedding, EmbeddingConfig, Initializer, LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Int, Tensor};
use clip_nn::{Activation, AttentionMask, Transformer, TransformerConfig};

use crate::Pooling;

/// Configuration of [`TextTransformer`].
#[derive(Config, Debug)]
pub struct TextTransformerConfig {
    /// The longest text in tokens.
    pub context_length: usize,
    /// Number of token ids.
    pub vocab_size: usize,
    /// Width of a token.
    pub width: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Attention heads; they divide the width evenly.
    pub heads: usize,
    /// Width of the hidden layer of each MLP.
    pub mlp_width: usize,
    /// Which token stands for the whole text.
    pub pooling: Pooling,
    /// Which tokens a token may look at.
    #[config(default = "AttentionMask::Causal")]
    pub mask: AttentionMask,
    /// Nonlinearity of each MLP.
    #[config(default = "Activation::QuickGelu")]
    pub activation: Activation,
    /// Epsilon of every layer norm.
    #[config(default = 1e-5)]
    pub layer_norm_eps: f64,
}

/// The text tower.
#[derive(Module, Debug)]
pub struct TextTransformer {
    /// One vector a token id: `[V, W]`.
    pub token_embedding: Embedding,
    /// One vector a position: `[L, W]`.
    pub positional_embedding: Param<Tensor<2>>,
    /// The blocks.
    pub transformer: Transformer,
    /// After the blocks.
    pub ln_final: LayerNorm,
    #[module(skip)]
    pub(crate) pooling: Pooling,
    #[module(skip)]
    pub(crate) mask: AttentionMask,
}

impl TextTransformerConfig {
    /// Builds the tower; parameters are drawn when they are first used.
    ///
    /// # Panics
    ///
    /// Where the heads do not divide the width evenly.
    pub fn init(&self, device: &Device) -> TextTransformer {
        let normal = |std: f64| Initializer::Normal { mean: 0.0, std };
        TextTransformer {
            token_embedding: EmbeddingConfig::new(self.vocab_size, self.width)
                .with_initializer(normal(0.02))
                .init(device),
            positional_embedding: normal(0.01).init([self.context_length, self.width], device),
            transformer: TransformerConfig::new(
                self.width,
                self.layers,
                self.heads,
                self.mlp_width,
            )
            .with_mask(self.mask)
            .with_activation(self.activation)
            .with_layer_norm_eps(self.layer_norm_eps)
            .init(device),
            ln_final: LayerNormConfig::new(self.width)
                .with_epsilon(self.layer_norm_eps)
                .init(device),
            pooling: self.pooling,
            mask: self.mask,
        }
    }
}

impl TextTransformer {
    /// Pooled features of each text.
    ///
    /// # Shapes
    ///
    /// - `ids`: `[B, L]`, `L` at most the context length. A causal tower that pools at the end token
    ///   ignores what follows it; one that looks at all tokens wants the context filled up.
    /// - output: `[B, width]`
    ///
    /// # Panics
    ///
    /// Where `L` is more than the context length.
    pub fn forward(&self, ids: Tensor<2, Int>) -> Tensor<2> {
        self.forward_embedded(self.token_embedding.forward(ids.clone()), ids)
    }

    /// As [`Self::forward`], with the rows of the token embedding from elsewhere: see [`TokenLookup`].
    ///
    /// # Shapes
    ///
    /// - `rows`: `[B, L, width]`
    /// - `ids`: `[B, L]`
    /// - output: `[B, width]`
    ///
    /// # Panics
    ///
    /// Where `L` is more than the context length.
    pub fn forward_embedded(&self, rows: Tensor<3>, ids: Tensor<2, Int>) -> Tensor<2> {
        let tokens = add_positions(rows, self.positional_embedding.val());
        // Of the last block only the token that stands for the text is read.
        let features = self.transformer.forward_token(tokens, self.pooling.positions(ids));
        self.ln_final.forward(features)
    }

    /// One vector a token, with positions, before the first block.
    ///
    /// # Shapes
    ///
    /// - `ids`: `[B, L]`
    /// - output: `[B, L, width]`
    ///
    /// # Panics
    ///
    /// Where `L` is more than the context length.
    pub fn embed(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        add_positions(self.token_embedding.forward(ids), self.positional_embedding.val())
    }

    /// The normalized features of the token that stands for each text.
    ///
    /// # Shapes
    ///
    /// - `tokens`: `[B, L, width]`
    /// - `ids`: `[B, L]`
    /// - output: `[B, width]`
    pub fn pool(&self, tokens: Tensor<3>, ids: Tensor<2, Int>) -> Tensor<2> {
        let [batch, _, width] = tokens.dims();
        let positions = self.pooling.positions(ids).reshape([batch, 1, 1]);
        let pooled = tokens.gather(1, positions.expand([batch, 1, width]));
        // The norm works token by token: one row is enough.
        self.ln_final.forward(pooled.squeeze_dim::<2>(1))
    }
}

/// Adds the positions `[C, W]` of a context to the rows `[B, L, W]` of tokens.
///
/// # Panics
///
/// Where there are more tokens than positions.
pub(crate) fn add_positions(rows: Tensor<3>, positions: Tensor<2>) -> Tensor<3> {
    let ([_, length, _], [context, _]) = (rows.dims(), positions.dims());
    assert!(length <= context, "a text of {length} tokens exceeds the context of {context}");
    rows + positions.slice_dim(0, 0..length).unsqueeze()
}
