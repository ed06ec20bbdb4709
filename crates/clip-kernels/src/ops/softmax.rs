//! Softmax of attention scores, and its gradient.

use std::ops::Range;

use half::bf16;

use super::exp::exp;
use super::sums::{centered_dot, fold, highest, larger, sum};
use crate::dispatch;
use crate::dispatch::dispatch_fused;
use crate::gemm::Output;

/// Each row becomes the softmax of `factor`, which is positive, times it. Row `i` of a causal square
/// looks at columns `..=i` only; the rest becomes 0.
pub fn softmax(scores: &mut [f32], length: usize, factor: f32, causal: bool) {
    dispatch_fused(
        #[inline(always)]
        |mul_add| {
            for (i, row) in scores.chunks_exact_mut(length).enumerate() {
                let seen = if causal { i + 1 } else { length };
                let (row, hidden) = row.split_at_mut(seen);
                hidden.fill(0.0);
                let highest = highest(row);
                for score in &mut *row {
                    *score = exp(factor * (*score - highest), mul_add);
                }
                let scale = 1.0 / sum(row);
                for score in row {
                    *score *= scale;
                }
            }
        },
    );
}

/// Rows of one tile at most.
const TILE: usize = 16;

/// As [`softmax`], of some rows of scores that begin `stride` apart: `weights` before they are divided by their sum,
/// which is given for each row. The first row looks at `seen.start` columns, each after it at one more, up to
/// `seen.end`; up to the next multiple of two the rest becomes 0.
///
/// # Panics
///
/// Where there are more than 16 rows.
pub(crate) fn softmax_to_bf16(
    (scores, stride): (&mut [f32], usize),
    seen: Range<usize>,
    factor: f32,
    weights: &mut [bf16],
) -> [f32; TILE] {
    assert!(scores.len() <= TILE * stride, "rows of a tile");
    let mut sums = [0.0; TILE];
    dispatch_fused(
        #[inline(always)]
        |mul_add| {
            let rows = scores.chunks_exact_mut(stride).zip(weights.chunks_exact_mut(stride));
            for (i, ((row, weights), total)) in rows.zip(&mut sums).enumerate() {
                let own = (seen.start + i).min(seen.end);
                let row = &mut row[..own];
                let highest = fold::<4>(row, f32::NEG_INFINITY, larger, larger);
                let (weights, hidden) = weights[..seen.end.next_multiple_of(2)].split_at_mut(own);
                for (weight, score) in weights.iter_mut().zip(&mut *row) {
                    *weight = Output::from_f32(exp(factor * (*score - highest), mul_add));
                    // The rounded weights are divided by their own sum: they add up to 1.
                    *score = weight.to_f32();
                }
                *total = fold::<4>(row, 0.0, |sum, x| sum + x, |a, b| a + b);
                hidden.fill(bf16::ZERO);
            }
        },
    );
    sums
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
