//! Softmax of attention scores, and its gradient.

use super::exp::exp;
use super::sums::{centered_dot, highest, sum};
use crate::dispatch;
use crate::dispatch::dispatch_fused;

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
