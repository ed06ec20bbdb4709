//! Vectors in 8 bits, and how far off they can be.
//!
//! A code is a whole number for each value of a vector, after the mean of its segment was taken away:
//! `v ≈ center + step · (code − 128)`. What that loses has a length, which is kept beside it. By
//! Cauchy and Schwarz no dot product with a query of length 1 is off by more, so a scan of the codes
//! knows which vectors cannot be among the best, and needs the others only to rank them exactly. The
//! mean is taken away because vectors of CLIP share a few large values, which would take all steps.

use crate::dot::dot;

/// The code of 0.
pub(crate) const ZERO: u8 = 128;

/// The largest distance of a code from [`ZERO`].
const LARGEST: f32 = 127.0;

/// What rounding in the arithmetic of bounds may add for a query of length 1.
const SLACK: f32 = 1e-5;

/// How the codes of a vector are read.
#[derive(Debug, Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct Scale {
    /// What a code above [`ZERO`] is worth.
    pub(crate) step: f32,
    /// Length of what the codes lose.
    pub(crate) lost: f32,
}

/// Writes the codes of a vector; codes beyond its length become [`ZERO`].
pub(crate) fn encode(vector: &[f32], center: &[f32], codes: &mut [u8]) -> Scale {
    let values = || vector.iter().zip(center).map(|(value, center)| value - center);
    let largest = values().fold(0f32, |largest, value| largest.max(value.abs()));
    let step = if largest > 0.0 { largest / LARGEST } else { 1.0 };
    let mut lost = 0.0;
    codes.fill(ZERO);
    for (code, value) in codes.iter_mut().zip(values()) {
        let whole = (value / step).round_ties_even();
        lost += f64::from(value - whole * step).powi(2);
        *code = (whole + f32::from(ZERO)) as u8;
    }
    Scale { step, lost: lost.sqrt() as f32 }
}

/// A query in whole numbers.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    pub(crate) exact: &'a [f32],
    /// One for each code of a vector; 0 beyond the query's own.
    pub(crate) digits: Vec<i16>,
    step: f32,
    /// Length of what the digits lose.
    lost: f32,
    norm: f32,
    /// What the zeros of a vector's codes add to its sum.
    zeros: i32,
}

/// What a scan knows of a dot product.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) low: f32,
    pub(crate) high: f32,
}

/// A [`Query`] before the vectors of a segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aim {
    /// With the center of the segment.
    base: f32,
    zeros: i32,
    step: f32,
    lost: f32,
    norm: f32,
}

impl<'a> Query<'a> {
    /// `stride` is the number of codes of a vector.
    pub(crate) fn new(exact: &'a [f32], stride: usize) -> Self {
        // Digits so fine that no sum leaves 32 bits.
        let highest = i32::MAX as f32 / (stride.max(1) as f32 * 255.0) - 1.0;
        let highest = highest.floor().clamp(1.0, f32::from(i16::MAX));
        let largest = exact.iter().fold(0f32, |largest, value| largest.max(value.abs()));
        let step = if largest > 0.0 { largest / highest } else { 1.0 };
        let mut digits = vec![0; stride];
        let mut lost = 0.0;
        for (digit, value) in digits.iter_mut().zip(exact) {
            let whole = (value / step).round_ties_even();
            lost += f64::from(value - whole * step).powi(2);
            *digit = whole as i16;
        }
        let zeros = digits.iter().map(|digit| i32::from(*digit) * i32::from(ZERO)).sum();
        let norm = dot(exact, exact).sqrt();
        Self { exact, digits, step, lost: lost.sqrt() as f32, norm, zeros }
    }

    /// The query before a segment with that center.
    pub(crate) fn aim(&self, center: &[f32]) -> Aim {
        let Self { step, lost, norm, zeros, .. } = *self;
        Aim { base: dot(self.exact, center), zeros, step, lost, norm }
    }
}

impl Aim {
    /// What the dot product is about.
    #[inline(always)]
    pub(crate) fn middle(&self, sum: i32, scale: Scale) -> f32 {
        self.base + (sum - self.zeros) as f32 * (scale.step * self.step)
    }

    /// From the sum of products of codes and digits.
    #[inline(always)]
    pub(crate) fn bounds(&self, sum: i32, scale: Scale) -> Bounds {
        self.around(self.middle(sum, scale), scale)
    }

    /// From what the dot product is about.
    #[inline(always)]
    pub(crate) fn around(&self, middle: f32, scale: Scale) -> Bounds {
        // No vector is longer than 2 without its center.
        let off = scale.lost * self.norm + 2.0 * self.lost + SLACK * self.norm;
        Bounds { low: middle - off, high: middle + off }
    }
}

#[cfg(test)]
mod tests {
    use clip_testkit::Random;

    use super::super::sums::Sums;
    use super::*;

    /// Whatever the vectors, the exact product lies between the bounds, and they are narrow.
    #[test]
    fn bounds_hold() {
        for (width, offset) in [(1usize, 0.0), (3, 0.5), (64, 0.0), (512, 0.3), (1000, 0.0)] {
            let stride = width.next_multiple_of(64);
            let mut random = Random::new(width as u64);
            let mut unit = |offset: f32| -> Vec<f32> {
                let mut vector = random.values(width);
                vector[0] += 4.0 * offset;
                let norm = dot(&vector, &vector).sqrt();
                vector.iter().map(|value| value / norm).collect()
            };
            let vectors: Vec<Vec<f32>> = (0..50).map(|_| unit(offset)).collect();
            let mean = |i| vectors.iter().map(|vector| vector[i]).sum::<f32>() / 50.0;
            let center: Vec<f32> = (0..width).map(mean).collect();
            for length in [1.0, 3.0, 1e-3] {
                let query: Vec<f32> = unit(0.0).iter().map(|value| value * length).collect();
                let query = Query::new(&query, stride);
                let aim = query.aim(&center);
                for vector in &vectors {
                    let mut codes = vec![0; stride];
                    let scale = encode(vector, &center, &mut codes);
                    let mut sum = [0];
                    Sums { codes: &codes, digits: &query.digits, out: &mut sum }.run();
                    let bounds = aim.bounds(sum[0], scale);
                    let exact = dot(query.exact, vector);
                    assert!(bounds.low <= exact && exact <= bounds.high, "{bounds:?}: {exact}");
                    assert!(bounds.high - bounds.low < 0.03 * length, "{bounds:?} of {width}");
                }
            }
        }
    }
}
