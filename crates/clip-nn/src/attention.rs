//! Multi-head self-attention with one fused projection for queries, keys and values.

use std::ops::Range;

use burn::config::Config;
use burn::module::Module;
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::activation::softmax;
use burn::tensor::module::{attention, linear};
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Bool, Device, Int, Tensor};
use clip_kernels::attention::Attention;
use clip_kernels::residual::Sublayer;

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
    pub(crate) heads: usize,
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
        let [q, k, v] = self.heads(x);
        self.join(attention(q, k, v, None, None, self.options()))
    }

    /// As [`Self::forward`], in separate steps: the weights with which tokens attend to tokens pass
    /// through `through` on their way, which may keep them, or put them on a gradient tape.
    ///
    /// # Shapes
    ///
    /// - `x`, output: `[B, L, W]`
    /// - weights: `[B, heads, L, L]`, each row adds up to 1
    ///
    /// # Panics
    ///
    /// Where `W` is not the configured width.
    pub fn forward_through(
        &self,
        x: Tensor<3>,
        through: impl FnOnce(Tensor<4>) -> Tensor<4>,
    ) -> Tensor<3> {
        let [q, k, v] = self.heads(x);
        self.join(mix_through(q, k, v, self.mask, through))
    }

    /// One row of [`Self::forward`] for each sequence: the others' queries are not computed.
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
        let [_, length, width] = x.dims();
        let hidden = match self.mask {
            AttentionMask::Full => None,
            AttentionMask::Causal => {
                // As floats: integers may come in two widths, which do not compare.
                let places = Tensor::<1, Int>::arange(0..length as i64, &x.device()).float();
                let own = tokens.clone().float().unsqueeze_dim(1);
                let later = places.unsqueeze::<2>().greater(own);
                Some(later.unsqueeze_dims::<4>(&[1, 1]))
            }
        };
        let [queries] = self.split(self.project(pick(x.clone(), tokens), 0..width));
        let [keys, values] = self.split(self.project(x, width..3 * width));
        let options = AttentionModuleOptions::default();
        let hidden = hidden.map(|hidden| {
            let [batch, heads, ..] = queries.dims();
            hidden.expand([batch, heads, 1, length])
        });
        self.join(attention(queries, keys, values, hidden, None, options))
    }

    /// What queries that are no tokens themselves gather from the tokens of each sequence. There is
    /// no order among queries and tokens, so no mask applies.
    ///
    /// # Shapes
    ///
    /// - `queries`: `[Q, W]`, the same for every sequence
    /// - `x`: `[B, L, W]`
    /// - output: `[B, Q, W]`
    ///
    /// # Panics
    ///
    /// Where `W` is not the configured width.
    pub fn gather(&self, queries: Tensor<2>, x: Tensor<3>) -> Tensor<3> {
        let [q, k, v] = self.queries_and_heads(queries, x);
        self.join(attention(q, k, v, None, None, AttentionModuleOptions::default()))
    }

    /// As [`Self::gather`], with the attention weights passed through `through`: see
    /// [`Self::forward_through`].
    ///
    /// # Shapes
    ///
    /// - `queries`: `[Q, W]`
    /// - `x`: `[B, L, W]`
    /// - weights: `[B, heads, Q, L]`
    /// - output: `[B, Q, W]`
    ///
    /// # Panics
    ///
    /// Where `W` is not the configured width.
    pub fn gather_through(
        &self,
        queries: Tensor<2>,
        x: Tensor<3>,
        through: impl FnOnce(Tensor<4>) -> Tensor<4>,
    ) -> Tensor<3> {
        let [q, k, v] = self.queries_and_heads(queries, x);
        self.join(mix_through(q, k, v, AttentionMask::Full, through))
    }

    /// Queries, keys and values: `[B, L, W]` to `[B, heads, L, W / heads]`.
    fn heads(&self, x: Tensor<3>) -> [Tensor<4>; 3] {
        self.split(self.in_proj.forward(x))
    }

    /// Queries of `[Q, W]`, keys and values of `[B, L, W]`.
    fn queries_and_heads(&self, queries: Tensor<2>, x: Tensor<3>) -> [Tensor<4>; 3] {
        let [count, width] = queries.dims();
        let [batch, ..] = x.dims();
        let queries = self.project(queries.unsqueeze(), 0..width);
        let [queries] = self.split(queries.expand([batch, count, width]));
        let [keys, values] = self.split(self.project(x, width..3 * width));
        [queries, keys, values]
    }

    /// Some columns of the fused projection.
    fn project(&self, x: Tensor<3>, columns: Range<usize>) -> Tensor<3> {
        let Linear { weight, bias } = &self.in_proj;
        let bias = bias.as_ref().map(|bias| bias.val().slice_dim(0, columns.clone()));
        linear(x, weight.val().slice_dim(1, columns), bias)
    }

    /// Projections side by side, apart: `[B, L, N · W]` to N of `[B, heads, L, W / heads]`.
    fn split<const N: usize>(&self, projected: Tensor<3>) -> [Tensor<4>; N] {
        let [batch, length, columns] = projected.dims();
        let projected = projected
            .reshape([batch, length, N, self.heads, columns / N / self.heads])
            .permute([2, 0, 3, 1, 4]);
        std::array::from_fn(|i| projected.clone().select_dim::<4>(0, i))
    }

    /// The heads side by side, projected: `[B, heads, L, W / heads]` to `[B, L, W]`.
    fn join(&self, mixed: Tensor<4>) -> Tensor<3> {
        let [batch, heads, length, head_width] = mixed.dims();
        self.out_proj.forward(mixed.swap_dims(1, 2).reshape([batch, length, heads * head_width]))
    }

    fn options(&self) -> AttentionModuleOptions {
        AttentionModuleOptions {
            is_causal: self.mask == AttentionMask::Causal,
            ..AttentionModuleOptions::default()
        }
    }

    /// What stands between the two projections.
    pub(crate) fn sublayer(&self) -> Sublayer {
        let causal = self.mask == AttentionMask::Causal;
        Sublayer::Attention(Attention { heads: self.heads, causal })
    }
}

/// Attention in separate steps; see [`MultiHeadAttention::forward_through`].
fn mix_through(
    q: Tensor<4>,
    k: Tensor<4>,
    v: Tensor<4>,
    mask: AttentionMask,
    through: impl FnOnce(Tensor<4>) -> Tensor<4>,
) -> Tensor<4> {
    let [_, _, length, head_width] = q.dims();
    let scores = q.matmul(k.transpose()) / (head_width as f64).sqrt();
    let scores = match mask {
        AttentionMask::Full => scores,
        AttentionMask::Causal => {
            let later = Tensor::<2, Bool>::tril_mask([length; 2], 0, &scores.device());
            scores.mask_fill(later.unsqueeze(), f32::NEG_INFINITY)
        }
    };
    through(softmax(scores, 3)).matmul(v)
}

/// One row of each sequence.
///
/// # Shapes
///
/// - `x`: `[B, L, W]`
/// - `tokens`: `[B]`
/// - output: `[B, 1, W]`
pub(crate) fn pick(x: Tensor<3>, tokens: Tensor<1, Int>) -> Tensor<3> {
    let [batch, _, width] = x.dims();
    x.gather(1, tokens.reshape([batch, 1, 1]).expand([batch, 1, width]))
}
