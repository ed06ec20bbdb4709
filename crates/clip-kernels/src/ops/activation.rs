//! The nonlinearities of an MLP, and their gradients.

use super::exp::exp;
use crate::dispatch::{MulAdd, dispatch_fused};

/// Scale of QuickGELU.
pub const QUICK: f32 = 1.702;
/// `2 √(2/π)`, and the weight of the cube, of GELU by `tanh`.
pub const TANH_SCALE: f32 = 1.595_769_2;
/// See [`TANH_SCALE`].
pub const TANH_CUBE: f32 = 0.044_715;

/// Nonlinearity of an MLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x · sigmoid(1.702 x)`.
    QuickGelu,
    /// The exact GELU, `x · Φ(x)` (Hendrycks and Gimpel 2016).
    Gelu,
    /// The same paper's approximation of it by `tanh`.
    GeluTanh,
    /// `min(max(x, 0), 6)`, of convolutions.
    Relu6,
}

impl Activation {
    /// Of each value of `x`.
    ///
    /// # Panics
    ///
    /// Where the lengths differ.
    pub fn forward(self, x: &[f32], out: &mut [f32]) {
        out.copy_from_slice(x);
        dispatch_fused(
            #[inline(always)]
            |mul_add| self.apply(out, mul_add),
        );
    }

    /// The gradient of [`Self::forward`], `dx = dy · d forward(x) / dx`, and what that wrote, once more:
    /// both have the exponential function in common.
    pub fn backward(self, x: &[f32], dy: &[f32], dx: &mut [f32], out: &mut [f32]) {
        // A loop of its own for each, so that none asks which it is at every value.
        match self {
            Self::QuickGelu => {
                slopes(x, dy, dx, out, |x, mul_add| gated(x, [QUICK * x, QUICK], mul_add))
            }
            Self::GeluTanh => {
                let slope = |x: f32| TANH_SCALE * (1.0 + 3.0 * TANH_CUBE * x * x);
                slopes(x, dy, dx, out, |x, mul_add| gated(x, [tanh_level(x), slope(x)], mul_add));
            }
            Self::Relu6 => slopes(x, dy, dx, out, |x, _| {
                [x.clamp(0.0, 6.0), f32::from(u8::from(x > 0.0 && x < 6.0))]
            }),
            Self::Gelu => {
                /// `1 / √(2π)`.
                const DENSITY: f32 = 0.398_942_3;
                slopes(x, dy, dx, out, |x, mul_add| {
                    let below = normal_below(x, mul_add);
                    [x * below, below + x * DENSITY * exp(-0.5 * x * x, mul_add)]
                });
            }
        }
    }

    /// Of every value, in its place; for loops that [`dispatch_fused`] compiles.
    #[inline(always)]
    pub(crate) fn apply(self, values: &mut [f32], mul_add: MulAdd) {
        let each = values.iter_mut();
        match self {
            Self::QuickGelu => each.for_each(|x| *x = quick_gelu(*x, mul_add)),
            Self::Gelu => each.for_each(|x| *x = gelu(*x, mul_add)),
            Self::GeluTanh => each.for_each(|x| *x = gelu_tanh(*x, mul_add)),
            Self::Relu6 => each.for_each(|x| *x = relu6(*x, mul_add)),
        }
    }
}

/// `out` is the value of a function at `x`, and `dx = dy · slope(x)`.
#[inline(always)]
fn slopes(
    x: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    out: &mut [f32],
    value_and_slope: impl Fn(f32, MulAdd) -> [f32; 2],
) {
    dispatch_fused(
        #[inline(always)]
        |mul_add| {
            for (((dx, out), x), dy) in dx.iter_mut().zip(&mut *out).zip(x).zip(dy) {
                let [value, slope] = value_and_slope(*x, mul_add);
                *out = value;
                *dx = dy * slope;
            }
        },
    );
}

/// `x · sigmoid(level)` and its slope, from the level at `x` and the slope of that.
#[inline(always)]
fn gated(x: f32, [level, slope]: [f32; 2], mul_add: MulAdd) -> [f32; 2] {
    let gate = 1.0 / (1.0 + exp(-level, mul_add));
    [x * gate, gate * (1.0 + slope * x * (1.0 - gate))]
}

#[inline(always)]
pub(crate) fn relu6(x: f32, _: MulAdd) -> f32 {
    x.clamp(0.0, 6.0)
}

#[inline(always)]
pub(crate) fn quick_gelu(x: f32, mul_add: MulAdd) -> f32 {
    x / (1.0 + exp(-QUICK * x, mul_add))
}

#[inline(always)]
pub(crate) fn gelu_tanh(x: f32, mul_add: MulAdd) -> f32 {
    x / (1.0 + exp(-tanh_level(x), mul_add))
}

#[inline(always)]
fn tanh_level(x: f32) -> f32 {
    TANH_SCALE * (x + TANH_CUBE * x * x * x)
}

#[inline(always)]
pub(crate) fn gelu(x: f32, mul_add: MulAdd) -> f32 {
    x * normal_below(x, mul_add)
}

/// Φ(x), the standard normal distribution function, by formula 7.1.26 of Abramowitz and Stegun
/// (absolute error of erf below 1.5e-7).
#[inline(always)]
fn normal_below(x: f32, mul_add: MulAdd) -> f32 {
    const A: [f32; 5] = [0.254_829_6, -0.284_496_72, 1.421_413_8, -1.453_152_1, 1.061_405_4];
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / mul_add.of(0.327_591_1, z, 1.0);
    let series = A.iter().rev().fold(0.0, |sum, a| mul_add.of(sum, t, *a)) * t;
    let tail = 0.5 * series * exp(-z * z, mul_add);
    if x < 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use clip_testkit::assert_close;

    use super::*;

    #[test]
    fn slopes_agree_with_a_finite_difference() {
        let x: Vec<f32> = (-600..600).map(|i| i as f32 / 100.0).collect();
        let ones = vec![1.0; x.len()];
        for activation in [Activation::QuickGelu, Activation::Gelu, Activation::GeluTanh] {
            let at = |shift: f32| {
                let moved: Vec<f32> = x.iter().map(|x| x + shift).collect();
                let mut out = vec![0.0; x.len()];
                activation.forward(&moved, &mut out);
                out
            };
            let (mut slope, mut out) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            activation.backward(&x, &ones, &mut slope, &mut out);
            assert_close(&format!("{activation:?}, once more"), &out, &at(0.0), 1e-6);
            for ((above, below), slope) in at(0.01).iter().zip(at(-0.01)).zip(slope) {
                assert!(((above - below) / 0.02 - slope).abs() < 2e-4, "{activation:?}");
            }
        }
    }
}
