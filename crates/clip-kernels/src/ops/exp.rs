//! The exponential function without a branch or a call, so that loops over it vectorize.

use crate::dispatch::MulAdd;

/// eˣ within two units in the last place, without a branch or a call: x = n ln 2 + r, a polynomial
/// for eʳ (the coefficients of Cephes' `expf`), and n into the exponent.
#[inline(always)]
pub(crate) fn exp(x: f32, mul_add: MulAdd) -> f32 {
    /// Adding it rounds to an integer and leaves that integer in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    let shifted = mul_add.of(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = mul_add.of(n, -LN2_LOW, mul_add.of(n, -LN2_HIGH, x));
    // By Estrin's scheme: half as many operations wait for another as by Horner's.
    let r2 = r * r;
    let [high, middle, low] = [
        mul_add.of(1.987_569_1e-4, r, 1.398_2e-3),
        mul_add.of(8.333_452e-3, r, 4.166_579_6e-2),
        mul_add.of(1.666_666_5e-1, r, 0.5),
    ];
    let power = mul_add.of(mul_add.of(mul_add.of(high, r2, middle), r2, low), r2, r + 1.0);
    let two_to_n = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    power * two_to_n
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::dispatch_fused;

    #[test]
    fn exp_is_within_three_units() {
        dispatch_fused(|fused| {
            for mul_add in [fused, MulAdd::SEPARATE] {
                for i in -87_000..88_000 {
                    let x = i as f32 / 1000.0;
                    let (found, expected) = (exp(x, mul_add), f64::from(x).exp());
                    let error = (f64::from(found) - expected).abs() / expected;
                    assert!(error < 3e-7, "exp({x}) = {found}, not {expected}");
                }
                assert!(exp(-1e30, mul_add) < 1e-37 && exp(1e30, mul_add).is_finite());
            }
        });
    }
}
