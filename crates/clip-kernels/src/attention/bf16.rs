//! Attention with products of `bf16`, forward only: sums and the softmax stay in `f32`.

use half::bf16;

use super::{Attention, Heads};
use crate::gemm::{Bf16Product, Output, sized};
use crate::matrix::{ColumnsMut, MatrixView};
use crate::ops;

/// Room for the attention weights of one head, and for what they are made of.
pub(crate) struct Scratch {
    scores: Vec<f32>,
    weights: Vec<bf16>,
    product: Bf16Product,
}

impl Default for Scratch {
    /// # Panics
    ///
    /// Where kernels may not use the instructions.
    fn default() -> Self {
        Self { scores: Vec::new(), weights: Vec::new(), product: Bf16Product::new() }
    }
}

impl Attention {
    /// Whether rows of queries, keys and values of that width may be `bf16`: heads of odd width do not
    /// fill the pairs that are multiplied.
    pub(crate) fn takes_bf16(self, row: usize) -> bool {
        Bf16Product::is_enabled() && (row / 3 / self.heads).is_multiple_of(2)
    }

    /// As [`Self::forward`], of the heads whose columns `out` has.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub(crate) fn forward_bf16<O: Output>(
        self,
        qkv: &[bf16],
        [length, row]: [usize; 2],
        mut out: ColumnsMut<'_, O>,
        scratch: &mut Scratch,
    ) {
        let heads = Heads::new(qkv, [length, row], self);
        let Scratch { scores, weights, product } = scratch;
        // Rows of whole registers; what is too much weighs nothing.
        let stride = length.next_multiple_of(product.panel_width());
        let (scores, weights) = (sized(scores, length * stride), sized(weights, length * stride));
        for sequence in 0..qkv.len() / (length * row) {
            for column in out.columns().step_by(heads.size) {
                let [q, k, v] = heads.matrices(sequence, column / heads.size);
                product.pack_transposed(k);
                product.multiply(q, ColumnsMut::new(scores, stride));
                ops::softmax_to_bf16(scores, [length, stride], heads.scale, self.causal, weights);
                product.pack(v);
                let pairs = length.next_multiple_of(2);
                let weights = MatrixView::strided(weights, length, pairs, stride);
                let out = out.reborrow().part(sequence * length, length);
                let out = out.only(column..column + heads.size).renumbered();
                product.multiply(weights, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clip_testkit::{Random, assert_close, say};

    use super::*;

    /// Rounding to eight bits is all that it loses, for sequences that fill pairs and panels and that do
    /// not, and for some heads alone.
    #[test]
    fn it_is_near_attention_in_f32() {
        if !Bf16Product::is_enabled() {
            say(format_args!("attention in bf16: not on this processor"));
            return;
        }
        let (heads, size) = (3, 8);
        let width = heads * size;
        for (length, causal) in [(1, false), (2, true), (33, true), (50, false)] {
            let attention = Attention { heads, causal };
            let (batch, row) = (2, 3 * width);
            let values = Random::new(length as u64).values(batch * length * row);
            let rounded: Vec<bf16> = values.iter().map(|value| bf16::from_f32(*value)).collect();
            let exact: Vec<f32> = rounded.iter().map(|value| value.to_f32()).collect();
            let mut expected = vec![0.0; batch * length * width];
            attention.forward(&exact, [length, row], &mut expected, &mut Default::default());
            let mut out = vec![0.0; expected.len()];
            for part in ColumnsMut::new(&mut out, width).split(size, 2) {
                attention.forward_bf16(&rounded, [length, row], part, &mut Scratch::default());
            }
            assert_close(&format!("{length} tokens"), &out, &expected, 4e-3);
            let mut out = vec![bf16::ZERO; expected.len()];
            let all = ColumnsMut::new(&mut out, width);
            attention.forward_bf16(&rounded, [length, row], all, &mut Scratch::default());
            let out: Vec<f32> = out.iter().map(|value| value.to_f32()).collect();
            assert_close(&format!("{length} tokens, rounded"), &out, &expected, 8e-3);
        }
    }
}
