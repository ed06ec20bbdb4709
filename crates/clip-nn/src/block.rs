//! One pre-norm residual attention block.

use std::sync::Arc;

use burn::config::Config;
use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear};
use burn::tensor::{Device, Int, Tensor};

use crate::attention::pick;
use crate::fused::{self, Branch, Mix, Served};
use crate::prepacked::lazily;
use crate::{Mlp, MlpConfig, MultiHeadAttention, MultiHeadAttentionConfig, Precision, Storage};

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
    layer_norm_eps: f64,
    #[module(skip)]
    precision: Precision,
    #[module(skip)]
    attn_served: Option<Arc<Served>>,
    #[module(skip)]
    mlp_served: Option<Arc<Served>>,
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
            attn_served: None,
            mlp_served: None,
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
        self.forward_in(x, None)
    }

    /// As [`Self::forward`], where later blocks lead to one row of each sequence: blocks in 8 bits
    /// round that row to a few bits more, for its noise is most of the answer's.
    ///
    /// # Shapes
    ///
    /// - `x`, output: `[B, L, W]`
    /// - `tokens`: `[B]`, the row's place in each sequence
    ///
    /// # Panics
    ///
    /// Where `W` is not the configured width.
    pub fn forward_towards(&self, x: Tensor<3>, tokens: &Tensor<1, Int>) -> Tensor<3> {
        self.forward_in(x, Some(tokens))
    }

    fn forward_in(&self, x: Tensor<3>, tokens: Option<&Tensor<1, Int>>) -> Tensor<3> {
        let x = self.attend(x, tokens);
        self.think(x, tokens)
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
        let attn = &self.attn;
        let (layers, branch) = ([&attn.in_proj, &attn.out_proj], self.branch(attn.mix()));
        let served = still_served(self.attn_served.as_deref(), layers);
        let row = served
            .and_then(|served| served.forward_token(&x, &tokens, &self.ln_1, layers, branch))
            .unwrap_or_else(|| {
                let attended = attn.forward_token(self.ln_1.forward(x.clone()), tokens.clone());
                pick(x, tokens) + attended
            });
        let [batch, ..] = row.dims();
        let own = Tensor::zeros([batch], &row.device());
        self.think(row, Some(&own))
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
        self.think(x.clone() + self.attn.forward_through(self.ln_1.forward(x), through), None)
    }

    /// `x + attn(ln_1(x))`.
    fn attend(&self, x: Tensor<3>, tokens: Option<&Tensor<1, Int>>) -> Tensor<3> {
        let attn = &self.attn;
        let (layers, branch) = ([&attn.in_proj, &attn.out_proj], self.branch(attn.mix()));
        branch_of(&x, tokens, &self.ln_1, layers, branch, self.attn_served.as_deref())
            .unwrap_or_else(|| x.clone() + attn.forward(self.ln_1.forward(x)))
    }

    /// `x + mlp(ln_2(x))`.
    fn think(&self, x: Tensor<3>, tokens: Option<&Tensor<1, Int>>) -> Tensor<3> {
        let mlp = &self.mlp;
        let (layers, branch) = ([&mlp.c_fc, &mlp.c_proj], self.branch(mlp.mix()));
        branch_of(&x, tokens, &self.ln_2, layers, branch, self.mlp_served.as_deref())
            .unwrap_or_else(|| x.clone() + mlp.forward(self.ln_2.forward(x)))
    }

    /// Lays the matrices out for products that serve many times, where the backend has kernels of
    /// ours; elsewhere nothing changes. The parameters stay what they were: whoever asks for one
    /// gets it back as rounded to `storage`, and the block computes as before from then on.
    pub fn prepack(&mut self, storage: Storage) {
        let (attn, mlp) = (&mut self.attn, &mut self.mlp);
        self.attn_served = served(&mut attn.in_proj, &mut attn.out_proj, storage);
        self.mlp_served = served(&mut mlp.c_fc, &mut mlp.c_proj, storage);
    }

    /// Whether [`Self::prepack`] found kernels for it.
    pub(crate) fn is_prepacked(&self) -> bool {
        self.attn_served.is_some() && self.mlp_served.is_some()
    }

    /// Computes the products at another precision from now on, where the backend can.
    pub fn set_precision(&mut self, precision: Precision) {
        self.precision = precision;
    }

    fn branch(&self, mix: Mix) -> Branch {
        Branch { mix, epsilon: self.layer_norm_eps as f32, precision: self.precision }
    }
}

/// A branch in one piece, or nothing where it has to be composed.
fn branch_of(
    x: &Tensor<3>,
    tokens: Option<&Tensor<1, Int>>,
    norm: &LayerNorm,
    layers: [&Linear; 2],
    branch: Branch,
    served: Option<&Served>,
) -> Option<Tensor<3>> {
    match still_served(served, layers) {
        Some(served) => served.forward(x, tokens, norm, layers, branch),
        None => fused::residual(x, norm, layers[0], layers[1], branch),
    }
}

/// A weight that somebody asked for may have been changed since.
fn still_served<'a>(served: Option<&'a Served>, layers: [&Linear; 2]) -> Option<&'a Served> {
    served.filter(|_| layers.iter().all(|layer| !layer.weight.is_initialized()))
}

/// Lays out the matrices of a branch, and leaves their parameters to be unpacked on demand.
fn served(input: &mut Linear, output: &mut Linear, storage: Storage) -> Option<Arc<Served>> {
    let served = Arc::new(Served::new(input, output, storage)?);
    let (first, second) = (Arc::clone(&served), Arc::clone(&served));
    lazily(&mut input.weight, move || first.input());
    lazily(&mut output.weight, move || second.output());
    Some(served)
}
