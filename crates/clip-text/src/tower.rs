//! The tower.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::{Embedding, EmbeddingConfig, Initializer, LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Int, Tensor};
use clip_nn::{Activation, AttentionMask, Transformer, TransformerConfig};

use crate::Pooling;
use crate::lookup::Lookup;

/// Texts of like length that run together, where each group is cut to its longest: enough for full
/// products.
const GROUP: usize = 16;

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
    pooling: Pooling,
    /// Whether what follows the token that stands for a text changes nothing.
    #[module(skip)]
    ignores_the_rest: bool,
    #[module(skip)]
    lookup: Option<Lookup>,
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
            ignores_the_rest: self.mask == AttentionMask::Causal && self.pooling != Pooling::Last,
            lookup: None,
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
        let tokens = self.pooling.positions(ids.clone());
        let [batch, _] = ids.dims();
        if !self.ignores_the_rest || !self.transformer.is_prepacked() || batch <= GROUP {
            return self.run(ids, tokens);
        }
        // In memory already: nothing waits for a device.
        let ends: Vec<_> = tokens.to_data().iter::<i64>().collect();
        let mut order: Vec<_> = (0..batch).collect();
        order.sort_by_key(|text| ends[*text]);
        let place = |texts: &[usize]| -> Tensor<1, Int> {
            let texts: Vec<_> = texts.iter().map(|text| *text as i32).collect();
            Tensor::from_ints(texts.as_slice(), &ids.device())
        };
        let group = |texts: &[usize]| {
            let length = texts.last().map_or(0, |last| ends[*last] as usize + 1);
            let places = place(texts);
            let ids = ids.clone().select(0, places.clone()).slice_dim(1, 0..length);
            self.run(ids, tokens.clone().select(0, places))
        };
        let features = Tensor::cat(order.chunks(GROUP).map(group).collect(), 0);
        let mut back = vec![0; batch];
        order.iter().enumerate().for_each(|(place, text)| back[*text] = place);
        features.select(0, place(&back))
    }

    /// Of the last block only the token that stands for the text is read.
    fn run(&self, ids: Tensor<2, Int>, tokens: Tensor<1, Int>) -> Tensor<2> {
        self.ln_final.forward(self.transformer.forward_token(self.embed(ids), tokens))
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
        let [_, length] = ids.dims();
        let [context, width] = self.positional_embedding.dims();
        assert!(length <= context, "a text of {length} tokens exceeds the context of {context}");
        let positions = self.positional_embedding.val().slice_dim(0, 0..length);
        // A parameter that somebody asked for may have been changed since.
        let lookup = self.lookup.as_ref().filter(|_| !self.token_embedding.weight.is_initialized());
        let tokens = match lookup {
            Some(lookup) => lookup.rows(ids, width, &positions.device()),
            None => self.token_embedding.forward(ids),
        };
        tokens + positions.unsqueeze()
    }

    /// Takes the rows of the token embedding from `rows` as long as nobody asks for the parameter:
    /// a text has few of the many. For serving; no gradient reaches them.
    pub fn look_up(&mut self, rows: impl Fn(&[usize]) -> Vec<f32> + Send + Sync + 'static) {
        self.lookup = Some(Lookup::new(rows));
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
