//! Loops over rows that the compiler turns into the widest instructions of the machine.
//!
//! Each public function goes through [`dispatch`], which selects the instruction set at run time;
//! what it calls is inlined there. Sums run in [`LANES`] parallel lanes, because the compiler may not
//! reorder an addition of floats by itself.

use clip_kernels::dispatch;

use crate::Activation;
use crate::activation::{QUICK, TANH_CUBE, TANH_SCALE};

/// Lanes of a sum: one AVX-512 register, two of AVX2.
pub(super) const LANES: usize = 16;

/// Mean and inverse standard deviation of a row.
#[derive(Clone, Copy)]
struct Moments {
    mean: f32,
    inverse_std: f32,
}

/// Each row of `width` values normalized, scaled and shifted.
pub(super) fn layer_norm(x: &[f32], gamma: &[f32], beta: &[f32], epsilon: f32, out: &mut [f32]) {
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
pub(super) fn layer_norm_backward(
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

/// `out = x · sigmoid(1.702 x)`.
pub(super) fn quick_gelu(x: &[f32], out: &mut [f32]) {
    gated(x, out, |x| QUICK * x);
}

/// `dx = dy · d quick_gelu(x) / dx`.
pub(super) fn quick_gelu_backward(x: &[f32], dy: &[f32], dx: &mut [f32]) {
    gated_backward(x, dy, dx, |x| [QUICK * x, QUICK]);
}

/// `out = x · sigmoid(2 √(2/π) (x + 0.044715 x³))`: see [`crate::Activation::GeluTanh`].
pub(super) fn gelu_tanh(x: &[f32], out: &mut [f32]) {
    gated(x, out, tanh_level);
}

/// `dx = dy · d gelu_tanh(x) / dx`.
pub(super) fn gelu_tanh_backward(x: &[f32], dy: &[f32], dx: &mut [f32]) {
    gated_backward(x, dy, dx, |x| [tanh_level(x), TANH_SCALE * (1.0 + 3.0 * TANH_CUBE * x * x)]);
}

#[inline(always)]
fn tanh_level(x: f32) -> f32 {
    TANH_SCALE * (x + TANH_CUBE * x * x * x)
}

/// `out = x · sigmoid(level(x))`.
#[inline(always)]
fn gated(x: &[f32], out: &mut [f32], level: impl Fn(f32) -> f32) {
    dispatch(
        #[inline(always)]
        || {
            for (out, x) in out.iter_mut().zip(x) {
                *out = x * sigmoid(level(*x));
            }
        },
    );
}

/// The gradient of [`gated`], from the level and its slope.
#[inline(always)]
fn gated_backward(x: &[f32], dy: &[f32], dx: &mut [f32], level: impl Fn(f32) -> [f32; 2]) {
    dispatch(
        #[inline(always)]
        || {
            for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy) {
                let [level, slope] = level(*x);
                let gate = sigmoid(level);
                *dx = dy * gate * (1.0 + slope * x * (1.0 - gate));
            }
        },
    );
}

/// `out = x · Φ(x)`.
pub(super) fn gelu(x: &[f32], out: &mut [f32]) {
    dispatch(
        #[inline(always)]
        || {
            for (out, x) in out.iter_mut().zip(x) {
                *out = x * normal_below(*x);
            }
        },
    );
}

/// `dx = dy · d gelu(x) / dx`.
pub(super) fn gelu_backward(x: &[f32], dy: &[f32], dx: &mut [f32]) {
    /// `1 / √(2π)`.
    const DENSITY: f32 = 0.398_942_3;
    dispatch(
        #[inline(always)]
        || {
            for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy) {
                *dx = dy * (normal_below(*x) + x * DENSITY * exp(-0.5 * x * x));
            }
        },
    );
}

/// The nonlinearity of every value, in its place; for loops that have picked their instructions.
#[inline(always)]
pub(super) fn bend(activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::QuickGelu => values.iter_mut().for_each(|x| *x *= sigmoid(QUICK * *x)),
        Activation::Gelu => values.iter_mut().for_each(|x| *x *= normal_below(*x)),
        Activation::GeluTanh => values.iter_mut().for_each(|x| *x *= sigmoid(tanh_level(*x))),
    }
}

/// Each row becomes the softmax of `factor`, which is positive, times it. Row `i` of a causal square looks at columns `..=i` only; the rest
/// becomes 0.
pub(super) fn softmax(scores: &mut [f32], length: usize, factor: f32, causal: bool) {
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

#[inline(always)]
fn highest(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = if *value > *lane { *value } else { *lane };
        }
    }
    rest.iter().copied().chain(lanes).fold(f32::NEG_INFINITY, f32::max)
}

/// `d = p · (d − Σ d·p) · scale`, row by row: back through [`softmax`].
pub(super) fn softmax_backward(p: &[f32], d: &mut [f32], length: usize, scale: f32) {
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

/// Every row of `out` becomes `bias`.
pub(super) fn fill_rows(out: &mut [f32], bias: &[f32]) {
    for row in out.chunks_exact_mut(bias.len()) {
        row.copy_from_slice(bias);
    }
}

/// Every row of `out` becomes that of `x` and `bias`.
pub(super) fn add_rows(x: &[f32], bias: &[f32], out: &mut [f32]) {
    let width = bias.len();
    dispatch(
        #[inline(always)]
        || {
            for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
                for ((out, x), bias) in out.iter_mut().zip(x).zip(bias) {
                    *out = x + bias;
                }
            }
        },
    );
}

/// Adds the rows of `x` to `total`.
pub(super) fn sum_rows(x: &[f32], total: &mut [f32]) {
    let width = total.len();
    dispatch(
        #[inline(always)]
        || {
            for row in x.chunks_exact(width) {
                for (total, x) in total.iter_mut().zip(row) {
                    *total += x;
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
    let variance = (lanes.iter().sum::<f32>() + rest) / x.len() as f32;
    Moments { mean, inverse_std: 1.0 / (variance + epsilon).sqrt() }
}

#[inline(always)]
fn sum(x: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for i in 0..LANES {
            lanes[i] += chunk[i];
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

/// `Σ x · (y − center)`.
#[inline(always)]
fn centered_dot(x: &[f32], y: &[f32], center: f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let ((xs, x_rest), (ys, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    for (x, y) in xs.iter().zip(ys) {
        for i in 0..LANES {
            lanes[i] += x[i] * (y[i] - center);
        }
    }
    let rest: f32 = x_rest.iter().zip(y_rest).map(|(x, y)| x * (y - center)).sum();
    lanes.iter().sum::<f32>() + rest
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Φ(x), the standard normal distribution function, by formula 7.1.26 of Abramowitz and Stegun
/// (absolute error of erf below 1.5e-7).
#[inline(always)]
fn normal_below(x: f32) -> f32 {
    const A: [f32; 5] = [0.254_829_6, -0.284_496_72, 1.421_413_8, -1.453_152_1, 1.061_405_4];
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let series = ((((A[4] * t + A[3]) * t + A[2]) * t + A[1]) * t + A[0]) * t;
    let tail = 0.5 * series * exp(-z * z);
    if x < 0.0 { tail } else { 1.0 - tail }
}

/// eˣ within two units in the last place, without a branch or a call: x = n ln 2 + r, a polynomial
/// for eʳ (the coefficients of Cephes' `expf`), and n into the exponent.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Adding it rounds to an integer and leaves that integer in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN2_HIGH - n * LN2_LOW;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let power = p * r * r + r + 1.0;
    let two_to_n = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    power * two_to_n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_three_units() {
        for i in -87_000..88_000 {
            let x = i as f32 / 1000.0;
            let (found, expected) = (exp(x), f64::from(x).exp());
            let error = (f64::from(found) - expected).abs() / expected;
            assert!(error < 3e-7, "exp({x}) = {found}, not {expected}");
        }
        assert!(exp(-1e30) < 1e-37 && exp(1e30).is_finite());
    }

    #[test]
    fn gelu_and_its_slope_agree_with_a_finite_difference() {
        let x: Vec<f32> = (-600..600).map(|i| i as f32 / 100.0).collect();
        let ones = vec![1.0; x.len()];
        for (forward, backward) in [
            (gelu as fn(&[f32], &mut [f32]), gelu_backward as fn(&[f32], &[f32], &mut [f32])),
            (quick_gelu, quick_gelu_backward),
            (gelu_tanh, gelu_tanh_backward),
        ] {
            let at = |shift: f32| {
                let moved: Vec<f32> = x.iter().map(|x| x + shift).collect();
                let mut out = vec![0.0; x.len()];
                forward(&moved, &mut out);
                out
            };
            let mut slope = vec![0.0; x.len()];
            backward(&x, &ones, &mut slope);
            for ((above, below), slope) in at(0.01).iter().zip(at(-0.01)).zip(slope) {
                assert!(((above - below) / 0.02 - slope).abs() < 2e-4);
            }
        }
    }
}
