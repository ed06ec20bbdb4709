//! The tower with packed weights.

use burn::nn::{Embedding, LayerNorm};
use burn::tensor::{Int, Tensor};
use clip_nn::{AttentionMask, PackedTransformer, Packer};

use crate::tower::add_positions;
use crate::{Pooling, TextTransformer, TokenLookup};

/// Texts of like length that run together, where each group is cut to its longest: enough for full
/// products.
const GROUP: usize = 16;

/// A [`TextTransformer`] with packed weights, for inference.
#[derive(Debug)]
pub struct PackedTextTransformer {
    token_embedding: TokenEmbedding,
    positional_embedding: Tensor<2>,
    transformer: PackedTransformer,
    ln_final: LayerNorm,
    pooling: Pooling,
    /// Whether what follows the token that stands for a text changes nothing.
    ignores_the_rest: bool,
}

/// Where the rows of the token embedding are.
#[derive(Debug)]
enum TokenEmbedding {
    Table(Embedding),
    Elsewhere(TokenLookup),
}

impl TextTransformer {
    /// Packs the matrices of the blocks.
    pub fn pack(self, packer: Packer) -> PackedTextTransformer {
        PackedTextTransformer {
            token_embedding: TokenEmbedding::Table(self.token_embedding),
            positional_embedding: self.positional_embedding.val(),
            transformer: self.transformer.pack(packer),
            ln_final: self.ln_final,
            pooling: self.pooling,
            ignores_the_rest: self.mask == AttentionMask::Causal && self.pooling != Pooling::Last,
        }
    }
}

impl PackedTextTransformer {
    /// Takes the rows of the token embedding from elsewhere, and drops the parameter.
    #[must_use]
    pub fn with_lookup(self, lookup: TokenLookup) -> Self {
        Self { token_embedding: TokenEmbedding::Elsewhere(lookup), ..self }
    }

    /// Pooled features of each text.
    ///
    /// # Shapes
    ///
    /// - `ids`: `[B, L]`, as [`TextTransformer::forward`] wants them
    /// - output: `[B, width]`
    ///
    /// # Panics
    ///
    /// Where `L` is more than the context length.
    pub fn forward(&self, ids: Tensor<2, Int>) -> Tensor<2> {
        let tokens = self.pooling.positions(ids.clone());
        let [batch, _] = ids.dims();
        if !self.ignores_the_rest || batch <= GROUP {
            return self.run(ids, tokens);
        }
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

    fn run(&self, ids: Tensor<2, Int>, tokens: Tensor<1, Int>) -> Tensor<2> {
        let rows = match &self.token_embedding {
            TokenEmbedding::Table(table) => table.forward(ids),
            TokenEmbedding::Elsewhere(lookup) => lookup.forward(&ids, &ids.device()),
        };
        let x = add_positions(rows, self.positional_embedding.clone());
        self.ln_final.forward(self.transformer.forward_token(x, tokens))
    }
}
