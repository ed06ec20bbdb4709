//! The stack of blocks with packed weights.

use burn::tensor::{Int, Tensor};
use clip_kernels::residual::PackedResidual;
use rayon::prelude::*;

use super::{Packer, places, tensor, values};
use crate::fused::on_pool;
use crate::{ResidualAttentionBlock, Transformer};

/// A [`Transformer`] with packed weights.
#[derive(Debug)]
pub struct PackedTransformer {
    blocks: Vec<PackedBlock>,
}

/// The two branches of a [`ResidualAttentionBlock`].
#[derive(Debug)]
struct PackedBlock {
    attn: PackedResidual,
    mlp: PackedResidual,
}

impl Transformer {
    /// Packs the matrices of every block.
    pub fn pack(self, packer: Packer) -> PackedTransformer {
        let blocks = self.resblocks.into_par_iter().map(|block| block.pack(packer));
        PackedTransformer { blocks: blocks.collect() }
    }
}

impl ResidualAttentionBlock {
    fn pack(self, packer: Packer) -> PackedBlock {
        let Self { ln_1, attn, ln_2, mlp, layer_norm_eps, .. } = self;
        let sublayers = [attn.sublayer(), mlp.sublayer()];
        PackedBlock {
            attn: packer.branch(ln_1, layer_norm_eps, attn.in_proj, sublayers[0], attn.out_proj),
            mlp: packer.branch(ln_2, layer_norm_eps, mlp.c_fc, sublayers[1], mlp.c_proj),
        }
    }
}

impl PackedTransformer {
    /// # Shapes
    ///
    /// - `x`, output: `[B, L, W]`
    ///
    /// # Panics
    ///
    /// Where `W` is not the configured width.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let shape @ [_, length, _] = x.dims();
        let x = on_pool(|| run(&self.blocks, values(x), length, &[]));
        tensor(x, shape)
    }

    /// One row of [`Self::forward`] for each sequence. The last block computes keys and values of
    /// all rows, and the rest of that row alone. Where activations are quantized to 8 bits, that row
    /// keeps a few bits more in every block, for its rounding errors are most of the answer's.
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
        let [batch, length, width] = x.dims();
        let (x, tokens) = (values(x), places(&tokens));
        let Some((last, before)) = self.blocks.split_last() else {
            let rows = x.chunks_exact(length * width).zip(&tokens);
            let rows = rows.flat_map(|(x, token)| &x[token * width..][..width]);
            return tensor(rows.copied().collect(), [batch, width]);
        };
        let row = on_pool(|| {
            let x = run(before, x, length, &tokens);
            let mut row = vec![0.0; batch * width];
            last.attn.forward_token(&x, length, &tokens, &mut row);
            last.mlp.forward(&mut row, 1, &vec![0; batch]);
            row
        });
        tensor(row, [batch, width])
    }
}

/// Sends rows through blocks.
fn run(blocks: &[PackedBlock], mut x: Vec<f32>, length: usize, tokens: &[usize]) -> Vec<f32> {
    for block in blocks {
        block.attn.forward(&mut x, length, tokens);
        block.mlp.forward(&mut x, length, tokens);
    }
    x
}
