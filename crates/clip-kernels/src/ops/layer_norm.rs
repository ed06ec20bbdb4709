//! Layer norm (Ba et al. 2016, arXiv:1607.06450) and its gradient.

use super::sums::{centered_dot, fold, sum};
use crate::dispatch::{MulAdd, dispatch_fused};

/// Mean and inverse standard deviation of a row.
#[derive(Clone, Copy)]
struct Moments {
    mean: f32,
    inverse_std: f32,
}

/// Each row of `width` values normalized, scaled and shifted.
pub fn layer_norm(x: &[f32], gamma: &[f32], beta: &[f32], epsilon: f32, out: &mut [f32]) {
    let width = gamma.len();
    dispatch_fused(
        #[inline(always)]
        |mul_add| {
            for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
                let Moments { mean, inverse_std } = moments(x, epsilon, mul_add);
                for (((out, x), gamma), beta) in out.iter_mut().zip(x).zip(gamma).zip(beta) {
                    *out = mul_add.of((x - mean) * inverse_std, *gamma, *beta);
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
    dispatch_fused(
        #[inline(always)]
        |mul_add| {
            let rows = x.chunks_exact(width).zip(dy.chunks_exact(width));
            for ((x, dy), dx) in rows.zip(dx.chunks_exact_mut(width)) {
                let Moments { mean, inverse_std } = moments(x, epsilon, mul_add);
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
fn moments(x: &[f32], epsilon: f32, mul_add: MulAdd) -> Moments {
    let mean = fold::<4>(x, 0.0, |sum, x| sum + x, |a, b| a + b) / x.len() as f32;
    let add_square = |sum: f32, x: f32| mul_add.of(x - mean, x - mean, sum);
    let variance = fold::<4>(x, 0.0, add_square, |a, b| a + b) / x.len() as f32;
    Moments { mean, inverse_std: 1.0 / (variance + epsilon).sqrt() }
}
