//! Layer norm (Ba et al. 2016, arXiv:1607.06450) and its gradient.

use super::sums::{LANES, centered_dot, reduce, sum};
use crate::dispatch;

/// Mean and inverse standard deviation of a row.
#[derive(Clone, Copy)]
struct Moments {
    mean: f32,
    inverse_std: f32,
}

/// Each row of `width` values normalized, scaled and shifted.
pub fn layer_norm(x: &[f32], gamma: &[f32], beta: &[f32], epsilon: f32, out: &mut [f32]) {
    let width = gamma.len();
    dispatch(
        #[inline(always)]
        || {
            for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
                let Moments { mean, inverse_std } = moments(x, epsilon);
                for (((out, x), gamma), beta) in out.iter_mut().zip(x).zip(gamma).zip(beta) {
                    *out = (x - mean) * inverse_std * gamma + beta;
                }
            }
        },
    );
}

/// Adds the gradient of [`layer_norm`] to `dx`, `dgamma` and `dbeta`.
pub fn layer_norm_backward(
    x: &[f32],
    gamma: &[f32],
    epsilon: f32,
    dy: &[f32],
    dx: &mut [f32],
    [dgamma, dbeta]: [&mut [f32]; 2],
) {
    let width = gamma.len();
    let mut scaled = vec![0.0; width];
    dispatch(
        #[inline(always)]
        || {
            let rows = x.chunks_exact(width).zip(dy.chunks_exact(width));
            for ((x, dy), dx) in rows.zip(dx.chunks_exact_mut(width)) {
                let Moments { mean, inverse_std } = moments(x, epsilon);
                for i in 0..width {
                    let normal = (x[i] - mean) * inverse_std;
                    dgamma[i] += dy[i] * normal;
                    dbeta[i] += dy[i];
                    scaled[i] = dy[i] * gamma[i];
                }
                let along = centered_dot(&scaled, x, mean) * inverse_std / width as f32;
                let level = sum(&scaled) / width as f32;
                for ((dx, x), scaled) in dx.iter_mut().zip(x).zip(&scaled) {
                    *dx += inverse_std * (scaled - level - (x - mean) * inverse_std * along);
                }
            }
        },
    );
}

#[inline(always)]
fn moments(x: &[f32], epsilon: f32) -> Moments {
    let mean = sum(x) / x.len() as f32;
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for i in 0..LANES {
            let off = chunk[i] - mean;
            lanes[i] += off * off;
        }
    }
    let rest: f32 = rest.iter().map(|x| (x - mean) * (x - mean)).sum();
    let variance = (reduce(lanes, |a, b| a + b) + rest) / x.len() as f32;
    Moments { mean, inverse_std: 1.0 / (variance + epsilon).sqrt() }
}
