use std::ops::Range;

use clip_checkpoint::Interpolation;

use super::{Arithmetic, Axis, Filter, Sample};

/// Pillow: 32 bits less 8 for the level and 2 for the filter's overshoot.
const PRECISION_BITS: u32 = 32 - 8 - 2;

/// What each wanted pixel takes from the source, along one axis.
pub(super) struct Weights<T: Sample> {
    pixels: Vec<Taps<T>>,
    bits: u32,
}

/// One resized pixel: source pixels `start..start + weights.len()` and their weights.
struct Taps<T: Sample> {
    start: usize,
    weights: Vec<T::Weight>,
}

impl<T: Sample> Weights<T> {
    pub(super) fn new(axis: &Axis, filter: Filter, arithmetic: Arithmetic) -> Self {
        match filter {
            Filter::Nearest => Self::nearest(axis),
            Filter::Weighted(filter) => Self::weighted(axis, filter, arithmetic),
        }
    }

    /// `ImagingScaleAffine` of `Geometry.c`, which adds up the step instead of multiplying it.
    fn nearest(axis: &Axis) -> Self {
        let step = axis.source.length / axis.resized as f64;
        // Sums that would take long belong to pictures that Pillow has no memory for.
        let begin = axis.window.start.saturating_sub(1 << 24);
        let position = (begin as f64 + 0.5) * step;
        let positions = std::iter::successors(Some(position), |position| Some(position + step));
        let tap = |position: f64| Taps {
            start: (position as usize).min(axis.source.pixels as usize - 1),
            weights: vec![T::weight(1.0, PRECISION_BITS)],
        };
        let skipped = (axis.window.start - begin) as usize;
        let pixels = positions.skip(skipped).take(axis.wanted()).map(tap).collect();
        Self { pixels, bits: PRECISION_BITS }
    }

    /// `precompute_coeffs` and `normalize_coeffs_8bpc` of the reference. Along an axis that keeps
    /// its length, each pixel has weight 1 and its neighbors 0: the pass changes nothing.
    fn weighted(axis: &Axis, filter: Interpolation, arithmetic: Arithmetic) -> Self {
        let bits = match arithmetic {
            Arithmetic::Pillow => PRECISION_BITS,
            Arithmetic::Torch => torch_bits(axis, filter),
        };
        let taps = |position| {
            let (start, exact) = exact(axis, filter, position);
            let weights = exact.iter().map(|weight| T::weight(*weight, bits)).collect();
            Taps { start, weights }
        };
        Self { pixels: axis.window.clone().map(taps).collect(), bits }
    }

    /// The source pixels that any wanted pixel looks at.
    pub(super) fn needed(&self) -> Range<usize> {
        match (self.pixels.first(), self.pixels.last()) {
            (Some(first), Some(last)) => first.start..last.start + last.weights.len(),
            _ => 0..0,
        }
    }

    /// Horizontal pass to the wanted pixels `wanted`, over rows of `stride` samples that begin with
    /// column `left` of the source.
    pub(super) fn across<const N: usize>(
        &self,
        samples: &[T],
        stride: usize,
        left: usize,
        wanted: Range<usize>,
    ) -> Vec<T> {
        let pixels = &self.pixels[wanted];
        let mut out = Vec::with_capacity(samples.len() / stride * N * pixels.len());
        for row in samples.chunks_exact(stride) {
            let (row, _) = row.as_chunks::<N>();
            for Taps { start, weights } in pixels {
                out.extend(self.pixel(&row[start - left..], weights));
            }
        }
        out
    }

    fn pixel<const N: usize>(&self, pixels: &[[T; N]], weights: &[T::Weight]) -> [T; N] {
        let mut sums = [T::half(self.bits); N];
        for (pixel, weight) in pixels.iter().zip(weights) {
            for (sum, sample) in sums.iter_mut().zip(pixel) {
                *sum = sample.add(*weight, *sum);
            }
        }
        sums.map(|sum| T::round(sum, self.bits))
    }

    /// Vertical pass over the samples `wanted` of each row of `stride`; the first row is row `top`
    /// of the source.
    pub(super) fn down(
        &self,
        samples: &[T],
        stride: usize,
        wanted: Range<usize>,
        top: usize,
    ) -> Vec<T> {
        let mut out = Vec::with_capacity(self.pixels.len() * wanted.len());
        let half = T::half(self.bits);
        let mut sums = vec![half; wanted.len()];
        for Taps { start, weights } in &self.pixels {
            sums.fill(half);
            let rows = samples[(start - top) * stride..].chunks_exact(stride);
            for (row, weight) in rows.zip(weights) {
                for (sum, sample) in sums.iter_mut().zip(&row[wanted.clone()]) {
                    *sum = sample.add(*weight, *sum);
                }
            }
            out.extend(sums.iter().map(|sum| T::round(*sum, self.bits)));
        }
        out
    }
}

/// The first source pixel and the weights of one resized pixel; they add up to 1.
fn exact(axis: &Axis, filter: Interpolation, position: u64) -> (usize, Vec<f64>) {
    let scale = axis.source.length / axis.resized as f64;
    // The filter widens when the picture shrinks: antialiasing.
    let widening = scale.max(1.0);
    let support = support(filter) * widening;
    let narrowing = 1.0 / widening;
    let center = (position as f64 + 0.5) * scale + axis.source.start;
    // Truncated, not rounded down: the reference casts to int.
    let start = (center - support + 0.5).max(0.0) as u32;
    let end = ((center + support + 0.5) as u32).min(axis.source.pixels);
    let weight = |x: u32| kernel(filter, (f64::from(x) - center + 0.5) * narrowing);
    let mut weights: Vec<f64> = (start..end).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    (start as usize, weights)
}

/// `compute_index_ranges_int16_weights` of `aten/src/ATen/native/cpu/UpSampleKernel.cpp`: as many
/// bits as let the largest weight of the whole axis fit 16.
fn torch_bits(axis: &Axis, filter: Interpolation) -> u32 {
    // Of an axis that grows, the first pixel has it: its filter is cut off, and the rest scaled up.
    let positions = 0..axis.resized.min(u64::from(axis.source.pixels));
    let largest =
        positions.flat_map(|position| exact(axis, filter, position).1).fold(0.0, f64::max);
    let fits = |bits: &u32| 0.5 + largest * f64::from(1 << bits) < f64::from(1 << 15);
    (1..=PRECISION_BITS).take_while(fits).last().unwrap_or(1)
}

/// Half the width of the filter in source pixels, where the picture does not shrink.
pub(super) fn support(filter: Interpolation) -> f64 {
    match filter {
        Interpolation::Bilinear => 1.0,
        Interpolation::Bicubic => 2.0,
    }
}

/// `bilinear_filter` and `bicubic_filter` of the reference, in its order of operations.
pub(super) fn kernel(filter: Interpolation, x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    match filter {
        Interpolation::Bilinear if x < 1.0 => 1.0 - x,
        Interpolation::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        Interpolation::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
        _ => 0.0,
    }
}
