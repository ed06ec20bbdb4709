//! The middle of a residual branch, where the two branches of a block differ.

use rayon::prelude::*;

use super::packed::{Packed, Start};
use super::part::Part;
use super::product::{Into, Matrix, multiply};
use super::simd;
use crate::Activation;

/// From what the first projection wrote to what the second one reads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mix {
    /// Multi-head attention: rows of `3W` (queries, keys, values) to rows of `W`.
    Attention { heads: usize, causal: bool },
    /// A nonlinearity, value by value.
    Activation(Activation),
}

/// Room for one square of attention weights and its gradient, and for what they are made of.
#[derive(Default)]
pub(super) struct Squares {
    weights: Vec<f32>,
    gradient: Vec<f32>,
    keys: Packed,
    values: Packed,
}

impl Mix {
    /// Width of a mixed row, for a row of `hidden` values before.
    pub(super) fn mixed_width(self, hidden: usize) -> usize {
        match self {
            Self::Attention { .. } => hidden / 3,
            Self::Activation(_) => hidden,
        }
    }

    /// Whole sequences of `length` rows, `row` hidden values each.
    pub(super) fn forward(
        self,
        hidden: &[f32],
        [length, row]: [usize; 2],
        mixed: &mut [f32],
        squares: &mut Squares,
    ) {
        match self {
            Self::Activation(Activation::QuickGelu) => simd::quick_gelu(hidden, mixed),
            Self::Activation(Activation::Gelu) => simd::gelu(hidden, mixed),
            Self::Activation(Activation::GeluTanh) => simd::gelu_tanh(hidden, mixed),
            Self::Attention { heads, causal } => {
                let heads = Heads::new(hidden, [length, row], heads);
                for (sequence, mixed) in mixed.chunks_exact_mut(length * heads.width).enumerate() {
                    for head in 0..heads.count {
                        let out = &mut mixed[head * heads.size..];
                        let out = Part::whole(out, length, heads.size, heads.width);
                        heads.attend(sequence, head, causal, squares, out);
                    }
                }
            }
        }
    }

    /// Attention on all cores: each takes some heads of all sequences. A nonlinearity is left out,
    /// for it belongs to the product before.
    pub(super) fn attend_together(
        self,
        hidden: &[f32],
        [length, row]: [usize; 2],
        mixed: &mut [f32],
    ) {
        let Self::Attention { heads, causal } = self else { return };
        let heads = Heads::new(hidden, [length, row], heads);
        let rows = hidden.len() / row;
        let parts = Part::whole(mixed, rows, heads.width, heads.width)
            .split(heads.size, rayon::current_num_threads());
        parts.into_par_iter().for_each(|mut part| {
            let (mut squares, mut out) = (Squares::default(), vec![0.0; length * heads.size]);
            let columns = part.columns();
            for column in columns.clone().step_by(heads.size) {
                for sequence in 0..rows / length {
                    let head = column / heads.size;
                    let of_head = Part::whole(&mut out, length, heads.size, heads.size);
                    heads.attend(sequence, head, causal, &mut squares, of_head);
                    for (i, line) in out.chunks_exact(heads.size).enumerate() {
                        let row = part.row(sequence * length + i);
                        row[column - columns.start..][..heads.size].copy_from_slice(line);
                    }
                }
            }
        });
    }

    /// What one query of each sequence gathers, `[B, W]`; keys and values are where [`Self::forward`]
    /// finds them. A causal query sees the tokens up to its own.
    pub(super) fn gather(
        self,
        queries: &[f32],
        hidden: &[f32],
        [length, row]: [usize; 2],
        tokens: &[usize],
    ) -> Vec<f32> {
        let Self::Attention { heads, causal } = self else { return Vec::new() };
        let heads = Heads::new(hidden, [length, row], heads);
        let mut out = vec![0.0; queries.len()];
        let mut weights = vec![0.0; length];
        let sequences = queries.chunks_exact(heads.width).zip(out.chunks_exact_mut(heads.width));
        for (sequence, ((queries, out), token)) in sequences.zip(tokens).enumerate() {
            let seen = if causal { token + 1 } else { length };
            let of_heads = queries.chunks_exact(heads.size).zip(out.chunks_exact_mut(heads.size));
            for (head, (query, out)) in of_heads.enumerate() {
                let [_, k, v] = heads.matrices(sequence, head);
                let weights = &mut weights[..seen];
                let query = Matrix::new(query, heads.size);
                let keys = k.part(0, seen).transposed();
                multiply(query, keys, 1.0, Into::Replace, weights, seen);
                simd::softmax(weights, seen, heads.scale, false);
                let weights = Matrix::new(weights, seen);
                multiply(weights, v.part(0, seen), 1.0, Into::Replace, out, heads.size);
            }
        }
        out
    }

    /// The gradient of `hidden` from that of `mixed`.
    pub(super) fn backward(
        self,
        hidden: &[f32],
        [length, row]: [usize; 2],
        dmixed: &[f32],
        dhidden: &mut [f32],
        squares: &mut Squares,
    ) {
        match self {
            Self::Activation(Activation::QuickGelu) => {
                simd::quick_gelu_backward(hidden, dmixed, dhidden);
            }
            Self::Activation(Activation::Gelu) => simd::gelu_backward(hidden, dmixed, dhidden),
            Self::Activation(Activation::GeluTanh) => {
                simd::gelu_tanh_backward(hidden, dmixed, dhidden);
            }
            Self::Attention { heads, causal } => {
                squares.gradient.resize(length * length, 0.0);
                let heads = Heads::new(hidden, [length, row], heads);
                for (sequence, dhidden) in dhidden.chunks_exact_mut(length * row).enumerate() {
                    for head in 0..heads.count {
                        let [q, k, v] = heads.weigh(sequence, head, causal, squares);
                        let Squares { weights, gradient, .. } = &mut *squares;
                        let start = sequence * length * heads.width + head * heads.size;
                        let dout =
                            Matrix::strided(&dmixed[start..], length, heads.size, heads.width);
                        multiply(dout, v.transposed(), 1.0, Into::Replace, gradient, length);
                        simd::softmax_backward(weights, gradient, length, heads.scale);
                        let p = Matrix::new(weights, length);
                        let ds = Matrix::new(gradient, length);
                        let mut into = |part: usize, a: Matrix<'_>, b: Matrix<'_>| {
                            let out = &mut dhidden[part * heads.width + head * heads.size..];
                            multiply(a, b, 1.0, Into::Replace, out, row);
                        };
                        into(0, ds, k);
                        into(1, ds.transposed(), q);
                        into(2, p.transposed(), dout);
                    }
                }
            }
        }
    }
}

/// Queries, keys and values of whole sequences, side by side.
struct Heads<'a> {
    hidden: &'a [f32],
    length: usize,
    count: usize,
    /// Width of one head.
    size: usize,
    /// Width of all heads.
    width: usize,
    scale: f32,
}

impl<'a> Heads<'a> {
    fn new(hidden: &'a [f32], [length, row]: [usize; 2], count: usize) -> Self {
        let width = row / 3;
        let size = width / count;
        Self { hidden, length, count, size, width, scale: (size as f32).powf(-0.5) }
    }

    /// Queries, keys and values of one head: `[length, size]`.
    fn matrices(&self, sequence: usize, head: usize) -> [Matrix<'a>; 3] {
        let row = 3 * self.width;
        [0, 1, 2].map(|part| {
            let start = sequence * self.length * row + part * self.width + head * self.size;
            Matrix::strided(&self.hidden[start..], self.length, self.size, row)
        })
    }

    /// The attention weights of one head; its queries, keys and values: `[length, size]`.
    fn weigh(
        &self,
        sequence: usize,
        head: usize,
        causal: bool,
        squares: &mut Squares,
    ) -> [Matrix<'a>; 3] {
        let qkv = self.matrices(sequence, head);
        let [q, k, _] = qkv;
        let Squares { weights, keys, .. } = squares;
        weights.resize(self.length * self.length, 0.0);
        keys.fill(k.transposed());
        let scores = Part::whole(weights, self.length, self.length, self.length);
        keys.multiply(q, Start::Zero, None, scores);
        simd::softmax(weights, self.length, self.scale, causal);
        qkv
    }

    /// What the tokens of one head gather: `[length, size]`.
    fn attend(
        &self,
        sequence: usize,
        head: usize,
        causal: bool,
        squares: &mut Squares,
        out: Part<'_>,
    ) {
        let [_, _, v] = self.weigh(sequence, head, causal, squares);
        let Squares { weights, values, .. } = squares;
        values.fill(v);
        values.multiply(Matrix::new(weights, self.length), Start::Zero, None, out);
    }
}
