//! Multi-head attention (Vaswani et al. 2017, arXiv:1706.03762) over queries, keys and values that lie
//! side by side, and its gradient.

mod tiled;

use rayon::prelude::*;

pub(crate) use tiled::{Room, TiledAttention};

use crate::gemm::{Epilogue, Product, WeightDtype, sized};
use crate::matrix::{ColumnsMut, MatrixView};
use crate::ops;

/// Which heads there are, and which tokens a token may look at.
#[derive(Debug, Clone, Copy)]
pub struct Attention {
    /// Number of heads; they divide the width evenly.
    pub heads: usize,
    /// Whether a token looks at itself and those before it only.
    pub causal: bool,
}

/// Room for the attention weights of one head and their gradient, and for what they are made of.
#[derive(Debug)]
pub struct Scratch {
    weights: Vec<f32>,
    gradient: Vec<f32>,
    product: Product,
}

impl Default for Scratch {
    fn default() -> Self {
        let product = Product::new(WeightDtype::F32);
        Self { weights: Vec::new(), gradient: Vec::new(), product }
    }
}

impl Attention {
    /// What tokens gather: rows of `3W` (queries, keys, values) to rows of `W`, of whole sequences of
    /// `length` rows.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub fn forward(
        self,
        qkv: MatrixView<'_>,
        length: usize,
        out: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let heads = Heads::new(qkv, length, self);
        for (sequence, out) in out.chunks_exact_mut(length * heads.width).enumerate() {
            for head in 0..self.heads {
                let out = &mut out[head * heads.size..];
                let out = ColumnsMut::strided(out, length, heads.size, heads.width);
                heads.attend(sequence, head, scratch, out);
            }
        }
    }

    /// As [`Self::forward`], on all cores: each takes some heads of all sequences.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub fn forward_by_heads(self, qkv: MatrixView<'_>, length: usize, out: &mut [f32]) {
        let heads = Heads::new(qkv, length, self);
        let parts =
            ColumnsMut::new(out, heads.width).split(heads.size, rayon::current_num_threads());
        parts.into_par_iter().for_each(|mut part| {
            let (mut scratch, mut of_head) = (Scratch::default(), vec![0.0; length * heads.size]);
            let columns = part.columns();
            for column in columns.clone().step_by(heads.size) {
                for sequence in 0..qkv.rows() / length {
                    let out = ColumnsMut::new(&mut of_head, heads.size);
                    heads.attend(sequence, column / heads.size, &mut scratch, out);
                    for (i, line) in of_head.chunks_exact(heads.size).enumerate() {
                        let row = part.row(sequence * length + i);
                        row[column - columns.start..][..heads.size].copy_from_slice(line);
                    }
                }
            }
        });
    }

    /// What one query of each sequence gathers, `[B, W]`; keys and values are where [`Self::forward`]
    /// finds them. A causal query sees the tokens up to its own.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub fn gather(
        self,
        queries: &[f32],
        qkv: MatrixView<'_>,
        length: usize,
        tokens: &[usize],
    ) -> Vec<f32> {
        let heads = Heads::new(qkv, length, self);
        let mut out = vec![0.0; queries.len()];
        let mut weights = vec![0.0; length];
        let sequences = queries.chunks_exact(heads.width).zip(out.chunks_exact_mut(heads.width));
        for (sequence, ((queries, out), token)) in sequences.zip(tokens).enumerate() {
            let seen = if self.causal { token + 1 } else { length };
            let of_heads = queries.chunks_exact(heads.size).zip(out.chunks_exact_mut(heads.size));
            for (head, (query, out)) in of_heads.enumerate() {
                let [_, keys, values] = heads.matrices(sequence, head);
                let weights = &mut weights[..seen];
                ops::dot_rows(keys.part(0, seen), query, weights);
                ops::softmax(weights, seen, heads.scale, false);
                ops::weighted_sum(values.part(0, seen), weights, out);
            }
        }
        out
    }

    /// The gradient of `qkv` from that of what [`Self::forward`] wrote, and that once more: both have
    /// the attention weights in common.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub fn backward(
        self,
        qkv: &[f32],
        [length, row]: [usize; 2],
        dout: &[f32],
        dqkv: &mut [f32],
        out: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let heads = Heads::new(MatrixView::new(qkv, row), length, self);
        for (sequence, dqkv) in dqkv.chunks_exact_mut(length * row).enumerate() {
            for head in 0..self.heads {
                let [q, k, v] = heads.weigh(sequence, head, scratch);
                let Scratch { weights, gradient, product } = &mut *scratch;
                let (weights, gradient) =
                    (&weights[..length * length], sized(gradient, length * length));
                let start = sequence * length * heads.width + head * heads.size;
                let p = MatrixView::new(weights, length);
                let out = ColumnsMut::strided(&mut out[start..], length, heads.size, heads.width);
                product.multiply(p, v, Epilogue::OVERWRITE, out);
                let dout = MatrixView::strided(&dout[start..], length, heads.size, heads.width);
                let scores = ColumnsMut::new(gradient, length);
                product.multiply(dout, v.transposed(), Epilogue::OVERWRITE, scores);
                ops::softmax_backward(weights, gradient, length, heads.scale);
                let ds = MatrixView::new(gradient, length);
                let mut into = |part: usize, a: MatrixView<'_>, b: MatrixView<'_>| {
                    let out = &mut dqkv[part * heads.width + head * heads.size..];
                    let out = ColumnsMut::strided(out, length, heads.size, row);
                    product.multiply(a, b, Epilogue::OVERWRITE, out);
                };
                into(0, ds, k);
                into(1, ds.transposed(), q);
                into(2, p.transposed(), dout);
            }
        }
    }
}

/// Queries, keys and values of whole sequences, side by side.
struct Heads<'a> {
    qkv: MatrixView<'a>,
    length: usize,
    causal: bool,
    /// Width of one head.
    size: usize,
    /// Width of all heads.
    width: usize,
    scale: f32,
}

impl<'a> Heads<'a> {
    fn new(qkv: MatrixView<'a>, length: usize, attention: Attention) -> Self {
        let width = qkv.columns() / 3;
        let size = width / attention.heads;
        let (causal, scale) = (attention.causal, (size as f32).powf(-0.5));
        Self { qkv, length, causal, size, width, scale }
    }

    /// Queries, keys and values of one head: `[length, size]`.
    fn matrices(&self, sequence: usize, head: usize) -> [MatrixView<'a>; 3] {
        let rows = self.qkv.part(sequence * self.length, self.length);
        [0, 1, 2].map(|part| {
            let start = part * self.width + head * self.size;
            rows.only(start..start + self.size)
        })
    }

    /// The attention weights of one head; its queries, keys and values: `[length, size]`.
    fn weigh(&self, sequence: usize, head: usize, scratch: &mut Scratch) -> [MatrixView<'a>; 3] {
        let [q, k, v] = self.matrices(sequence, head);
        let Scratch { weights, product, .. } = scratch;
        let weights = sized(weights, self.length * self.length);
        let scores = ColumnsMut::new(weights, self.length);
        product.multiply(q, k.transposed(), Epilogue::OVERWRITE, scores);
        ops::softmax(weights, self.length, self.scale, self.causal);
        [q, k, v]
    }

    /// What the tokens of one head gather: `[length, size]`.
    fn attend(&self, sequence: usize, head: usize, scratch: &mut Scratch, out: ColumnsMut<'_>) {
        let [_, _, v] = self.weigh(sequence, head, scratch);
        let Scratch { weights, product, .. } = scratch;
        let weights = MatrixView::new(&weights[..self.length * self.length], self.length);
        product.multiply(weights, v, Epilogue::OVERWRITE, out);
    }
}
