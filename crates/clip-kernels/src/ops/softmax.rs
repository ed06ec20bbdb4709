//! Softmax of attention scores, and its gradient.

use super::exp::exp;
use half::bf16;

use super::sums::{LANES, centered_dot, highest, larger, reduce, sum};
use crate::dispatch;
use crate::gemm::Output;

/// Each row becomes the softmax of `factor`, which is positive, times it. Row `i` of a causal square
/// looks at columns `..=i` only; the rest becomes 0.
pub fn softmax(scores: &mut [f32], length: usize, factor: f32, causal: bool) {
    dispatch(
        #[inline(always)]
        || {
            for (i, row) in scores.chunks_exact_mut(length).enumerate() {
                let seen = if causal { i + 1 } else { length };
                let (row, hidden) = row.split_at_mut(seen);
                hidden.fill(0.0);
                let highest = highest(row);
                for score in &mut *row {
                    *score = exp(factor * (*score - highest));
                }
                let scale = 1.0 / sum(row);
                for score in row {
                    *score *= scale;
                }
            }
        },
    );
}

/// As [`softmax`], rounded to `bf16`, of rows that are `stride` apart, a multiple of 16: what stands
/// behind the first `length` values of each becomes 0.
pub(crate) fn softmax_to_bf16(
    scores: &mut [f32],
    [length, stride]: [usize; 2],
    factor: f32,
    causal: bool,
    out: &mut [bf16],
) {
    assert!(stride.is_multiple_of(LANES), "rows of whole registers");
    dispatch(
        #[inline(always)]
        || {
            let rows = scores.chunks_exact_mut(stride).zip(out.chunks_exact_mut(stride));
            for (i, (row, out)) in rows.enumerate() {
                let seen = if causal { i + 1 } else { length };
                let (chunks, _) = row.as_chunks_mut::<LANES>();
                let mut highest = [f32::NEG_INFINITY; LANES];
                for (first, chunk) in (0..).step_by(LANES).zip(&mut *chunks) {
                    for i in 0..LANES {
                        chunk[i] = if first + i < seen { chunk[i] } else { f32::NEG_INFINITY };
                        highest[i] = larger(highest[i], chunk[i]);
                    }
                }
                let highest = reduce(highest, larger);
                let mut sums = [0.0; LANES];
                for (first, chunk) in (0..).step_by(LANES).zip(&mut *chunks) {
                    for i in 0..LANES {
                        let power = exp(factor * (chunk[i] - highest));
                        // Its power is too small for fast products, but no zero.
                        chunk[i] = if first + i < seen { power } else { 0.0 };
                        sums[i] += chunk[i];
                    }
                }
                let scale = 1.0 / reduce(sums, |a, b| a + b);
                for (out, chunk) in out.as_chunks_mut::<LANES>().0.iter_mut().zip(chunks) {
                    for i in 0..LANES {
                        out[i] = Output::from_f32(chunk[i] * scale);
                    }
                }
            }
        },
    );
}

/// `d = p · (d − Σ d·p) · scale`, row by row: back through [`softmax`].
pub fn softmax_backward(p: &[f32], d: &mut [f32], length: usize, scale: f32) {
    dispatch(
        #[inline(always)]
        || {
            for (p, d) in p.chunks_exact(length).zip(d.chunks_exact_mut(length)) {
                let mean = centered_dot(p, d, 0.0);
                for (d, p) in d.iter_mut().zip(p) {
                    *d = p * (*d - mean) * scale;
                }
            }
        },
    );
}
