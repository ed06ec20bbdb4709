//! What pools the tokens of a sequence by attention, with packed weights.

use burn::nn::LayerNorm;
use burn::tensor::Tensor;
use clip_kernels::residual::PackedResidual;

use super::{Packer, bias_or_zeros, take, tensor, values};
use crate::{Mlp, MultiHeadAttention};

/// A [`MultiHeadAttention`] of one query that is the same for all sequences
/// ([`MultiHeadAttention::gather`]), with packed weights.
#[derive(Debug)]
pub struct PackedQueryAttention(clip_kernels::PackedQueryAttention);

impl PackedQueryAttention {
    /// Packs the projections of an attention for a query `[W]`.
    pub fn new(query: Tensor<1>, attention: MultiHeadAttention, packer: Packer) -> Self {
        let heads = attention.heads;
        let (in_proj, out_proj) = (attention.in_proj, attention.out_proj);
        let output = packer.layer(out_proj.weight, out_proj.bias);
        let [_, columns] = in_proj.weight.lazy_shape().dims();
        let bias = bias_or_zeros(in_proj.bias, columns);
        let weight = values(take(in_proj.weight));
        Self(clip_kernels::PackedQueryAttention::new(
            &values(query),
            [&weight, &bias],
            heads,
            output,
            packer.dtype,
        ))
    }

    /// # Shapes
    ///
    /// - `x`: `[B, L, W]`
    /// - output: `[B, W]`
    ///
    /// # Panics
    ///
    /// Where `W` is not the configured width.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        let [batch, length, width] = x.dims();
        tensor(self.0.forward(&values(x), length), [batch, width])
    }
}

/// `x + mlp(norm(x))` with packed weights, for rows that answers are read from: where weights are
/// quantized, they keep a few bits more than others.
#[derive(Debug)]
pub struct PackedResidualMlp(PackedResidual);

impl PackedResidualMlp {
    /// Packs the matrices of an MLP behind a layer norm of that epsilon.
    pub fn new(norm: LayerNorm, epsilon: f64, mlp: Mlp, packer: Packer) -> Self {
        let sublayer = mlp.sublayer();
        Self(packer.branch(norm, epsilon, mlp.c_fc, sublayer, mlp.c_proj))
    }

    /// # Shapes
    ///
    /// - `x`, output: `[B, W]`
    ///
    /// # Panics
    ///
    /// Where `W` is not the configured width.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let shape @ [batch, _] = x.dims();
        let mut x = values(x);
        self.0.forward(&mut x, 1, &vec![0; batch]);
        tensor(x, shape)
    }
}
