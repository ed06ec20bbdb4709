//! Attention of one query that is the same for all sequences, with packed weights, forward only.
//!
//! The score of a token `x` is `q · (x Wk + bk) = x · (Wk q) + q · bk`: `Wk q` is known before any
//! token, and the softmax does not see what it adds to all scores. What is gathered is
//! `Σ p (x Wv + bv) = (Σ p x) Wv + bv`, for the weights `p` add up to 1. So tokens are weighed and
//! added up as they are; there is one row of values for each sequence, and keys there are none.

use rayon::prelude::*;

use crate::gemm::{Buffer, Epilogue, PackedGemm, Prepare, WeightDtype, select};
use crate::matrix::{ColumnsMut, MatrixView};
use crate::ops;
use crate::residual::PackedLinear;

/// Multi-head attention of one query, with packed weights.
#[derive(Debug)]
pub struct PackedQueryAttention {
    /// The query of each head times its keys' weight, `[W, heads]`.
    scores: Box<dyn PackedGemm>,
    /// For each head, `[W, W / heads]`.
    values: Vec<PackedLinear>,
    /// `[W, W]`.
    output: PackedLinear,
}

impl PackedQueryAttention {
    /// Packs the projections of an attention for a query `[W]`. `weight` `[W, 3W]` and `bias` `[3W]`
    /// are those of queries, keys and values side by side.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub fn new(
        query: &[f32],
        [weight, bias]: [&[f32]; 2],
        heads: usize,
        output: PackedLinear,
        dtype: WeightDtype,
    ) -> Self {
        let (width, row) = (query.len(), bias.len());
        assert_eq!([row, weight.len()], [3 * width, 3 * width * width], "projections of a query");
        let size = width / heads;
        let mut projected = bias[..width].to_vec();
        let lines = weight.chunks_exact(row);
        for (value, line) in query.iter().zip(lines.clone()) {
            projected.iter_mut().zip(line).for_each(|(sum, weight)| *sum += value * weight);
        }
        let scale = (size as f32).powf(-0.5);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let scores: Vec<f32> = lines
            .clone()
            .flat_map(|line| {
                let keys = line[width..2 * width].chunks_exact(size);
                keys.zip(projected.chunks_exact(size)).map(|(key, query)| scale * dot(key, query))
            })
            .collect();
        let values = |head: usize| {
            let columns = 2 * width + head * size..2 * width + (head + 1) * size;
            let matrix: Vec<f32> =
                lines.clone().flat_map(|line| &line[columns.clone()]).copied().collect();
            PackedLinear::new(&matrix, bias[columns].to_vec(), dtype)
        };
        Self {
            // Few columns, on whose rounding all weights depend.
            scores: select(WeightDtype::F32).pack(MatrixView::new(&scores, heads)),
            values: (0..heads).map(values).collect(),
            output,
        }
    }

    /// What the query gathers from each sequence of `length` rows.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub fn forward(&self, x: &[f32], length: usize) -> Vec<f32> {
        let (heads, width) = (self.values.len(), self.output.outputs());
        let sequences = x.len() / (length * width);
        let mut gathered = vec![0.0; sequences * heads * width];
        x.par_chunks_exact(length * width)
            .zip(gathered.par_chunks_exact_mut(heads * width))
            .for_each(|(x, gathered)| self.gather(MatrixView::new(x, width), gathered));
        let size = width / heads;
        let mut mixed = vec![0.0; sequences * width];
        for (head, values) in self.values.iter().enumerate() {
            let rows =
                MatrixView::strided(&gathered[head * width..], sequences, width, heads * width);
            let values = values.forward(rows);
            for (mixed, values) in mixed.chunks_exact_mut(width).zip(values.chunks_exact(size)) {
                mixed[head * size..][..size].copy_from_slice(values);
            }
        }
        self.output.forward(MatrixView::new(&mixed, width))
    }

    /// The sum of the rows of one sequence, weighed by each head: `[heads, W]`.
    fn gather(&self, x: MatrixView<'_>, gathered: &mut [f32]) {
        let (heads, length) = (self.values.len(), x.rows());
        let mut scores = vec![0.0; length * heads];
        let mut buffer = Buffer::default();
        let tokens = self.scores.prepare(x, Prepare::default(), &mut buffer);
        let out = ColumnsMut::new(&mut scores, heads);
        self.scores.multiply(&tokens, Epilogue::OVERWRITE, out);
        let mut weights: Vec<f32> =
            (0..heads).flat_map(|head| scores.iter().skip(head).step_by(heads).copied()).collect();
        ops::softmax(&mut weights, length, 1.0, false);
        let weights = weights.chunks_exact(length).zip(gathered.chunks_exact_mut(x.columns()));
        weights.for_each(|(weights, gathered)| ops::weighted_sum(x, weights, gathered));
    }
}
