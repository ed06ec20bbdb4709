//! Pillow's resize, restricted to the window that is wanted.
//!
//! Follows `src/libImaging/Resample.c` of Pillow: each axis in turn, with weights in 22-bit fixed
//! point, and rounding to 8 bits after each axis. A resized pixel depends on few source pixels, so
//! the window comes out equal to the same part of the whole, and a picture of 1×65,500 never
//! becomes one of 224×14,672,000 on the way.

use std::ops::Range;

use clip_checkpoint::Interpolation;
use image::RgbImage;

/// 32 bits less 8 for the level and 2 for the filter's overshoot.
const PRECISION_BITS: u32 = 32 - 8 - 2;

/// One axis of the resize.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    /// Length of the source in pixels.
    pub(crate) source: u32,
    /// Length of the whole resized picture.
    pub(crate) resized: u64,
    /// The pixels of the resized picture that are wanted.
    pub(crate) window: Range<u64>,
}

impl Axis {
    /// How many pixels are wanted.
    pub(crate) fn wanted(&self) -> usize {
        (self.window.end - self.window.start) as usize
    }
}

/// What each wanted pixel takes from the source, along one axis.
struct Weights {
    pixels: Vec<Taps>,
}

/// One resized pixel: source pixels `start..start + weights.len()` and their weights.
struct Taps {
    start: usize,
    weights: Vec<i32>,
}

/// The samples of the window, row by row, RGB.
///
/// # Panics
///
/// Panics if an axis does not have the source's length.
pub(crate) fn resize(
    source: &RgbImage,
    horizontal: &Axis,
    vertical: &Axis,
    filter: Interpolation,
) -> Vec<u8> {
    assert_eq!(source.dimensions(), (horizontal.source, vertical.source), "axes of the picture");
    let columns = Weights::new(horizontal, filter);
    let rows = Weights::new(vertical, filter);
    let (x, y) = (columns.needed(), rows.needed());
    let stride = 3 * source.width() as usize;
    if vertical_first(horizontal, vertical) {
        let short = rows.down(source, stride, 3 * x.start..3 * x.end, 0);
        columns.across(&short, 3 * x.len(), x.start)
    } else {
        let needed = &source.as_raw()[y.start * stride..y.end * stride];
        let narrow = columns.across(needed, stride, 0);
        let stride = 3 * horizontal.wanted();
        rows.down(&narrow, stride, 0..stride, y.start)
    }
}

/// Whether Pillow 13 begins with the columns: where the height loses more than twice what the
/// width loses. (Found by comparing 13.0.0 with itself, one axis at a time, over 1,500 sizes.
/// Earlier versions begin with the rows, except where the height is over 100 times the width.)
fn vertical_first(horizontal: &Axis, vertical: &Axis) -> bool {
    let loss = |axis: &Axis| i128::from(axis.source) - i128::from(axis.resized);
    loss(vertical) > 0 && loss(vertical) > 2 * loss(horizontal)
}

impl Weights {
    /// `precompute_coeffs` and `normalize_coeffs_8bpc` of the reference. Along an axis that keeps
    /// its length, each pixel has weight 1 and its neighbors 0: the pass changes nothing.
    fn new(axis: &Axis, filter: Interpolation) -> Self {
        let scale = f64::from(axis.source) / axis.resized as f64;
        // The filter widens when the picture shrinks: antialiasing.
        let widening = scale.max(1.0);
        let support = support(filter) * widening;
        let taps = |position: u64| {
            let center = (position as f64 + 0.5) * scale;
            // Truncated, not rounded down: the reference casts to int.
            let start = (center - support + 0.5).max(0.0) as u32;
            let end = ((center + support + 0.5) as u32).min(axis.source);
            let narrowing = 1.0 / widening;
            let weight = |x: u32| kernel(filter, (f64::from(x) - center + 0.5) * narrowing);
            let exact: Vec<f64> = (start..end).map(weight).collect();
            let sum: f64 = exact.iter().sum();
            let fixed = |weight: &f64| {
                let scaled = weight / sum * f64::from(1 << PRECISION_BITS);
                (scaled + 0.5_f64.copysign(scaled)) as i32
            };
            Taps { start: start as usize, weights: exact.iter().map(fixed).collect() }
        };
        Self { pixels: axis.window.clone().map(taps).collect() }
    }

    /// The source pixels that any wanted pixel looks at.
    fn needed(&self) -> Range<usize> {
        match (self.pixels.first(), self.pixels.last()) {
            (Some(first), Some(last)) => first.start..last.start + last.weights.len(),
            _ => 0..0,
        }
    }

    /// Horizontal pass over rows of `stride` samples that begin with column `left` of the source.
    fn across(&self, samples: &[u8], stride: usize, left: usize) -> Vec<u8> {
        let rows = samples.chunks_exact(stride);
        let width = self.pixels.len();
        let mut out = vec![0; rows.len() * 3 * width];
        for (row, out) in rows.zip(out.chunks_exact_mut(3 * width)) {
            let (row, _) = row.as_chunks::<3>();
            let (out, _) = out.as_chunks_mut::<3>();
            for (Taps { start, weights }, pixel) in self.pixels.iter().zip(out) {
                *pixel = weighted(&row[start - left..], weights);
            }
        }
        out
    }

    /// Vertical pass over the samples `wanted` of each row of `stride`; the first row is row `top`
    /// of the source.
    fn down(&self, samples: &[u8], stride: usize, wanted: Range<usize>, top: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.pixels.len() * wanted.len());
        let mut sums = vec![HALF; wanted.len()];
        for Taps { start, weights } in &self.pixels {
            sums.fill(HALF);
            let rows = samples[(start - top) * stride..].chunks_exact(stride);
            for (row, weight) in rows.zip(weights) {
                for (sum, level) in sums.iter_mut().zip(&row[wanted.clone()]) {
                    *sum += i32::from(*level) * weight;
                }
            }
            out.extend(sums.iter().copied().map(to_level));
        }
        out
    }
}

fn weighted(pixels: &[[u8; 3]], weights: &[i32]) -> [u8; 3] {
    let mut sums = [HALF; 3];
    for (pixel, weight) in pixels.iter().zip(weights) {
        for (sum, level) in sums.iter_mut().zip(pixel) {
            *sum += i32::from(*level) * weight;
        }
    }
    sums.map(to_level)
}

/// One half in fixed point: sums start here, so that they are rounded, not truncated.
const HALF: i32 = 1 << (PRECISION_BITS - 1);

fn to_level(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}

/// Half the width of the filter in source pixels, where the picture does not shrink.
fn support(filter: Interpolation) -> f64 {
    match filter {
        Interpolation::Bilinear => 1.0,
        Interpolation::Bicubic => 2.0,
    }
}

/// `bilinear_filter` and `bicubic_filter` of the reference, in its order of operations.
fn kernel(filter: Interpolation, x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    match filter {
        Interpolation::Bilinear if x < 1.0 => 1.0 - x,
        Interpolation::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        Interpolation::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise of hard contrasts, so that the cubic overshoots and clips.
    fn noise(width: u32, height: u32) -> RgbImage {
        let mut state = 0x2545_F491_u32;
        RgbImage::from_fn(width, height, |_, _| {
            image::Rgb(std::array::from_fn(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if state >> 31 == 0 { (state >> 23) as u8 } else { 0 }
            }))
        })
    }

    /// The whole picture along one axis, pixel by pixel in floating point until the rounding.
    fn slow_width(source: &RgbImage, width: u32, filter: Interpolation) -> RgbImage {
        let scale = f64::from(source.width()) / f64::from(width);
        let wide = scale.max(1.0);
        RgbImage::from_fn(width, source.height(), |x, y| {
            let center = (f64::from(x) + 0.5) * scale;
            let near =
                |i: &u32| (f64::from(*i) + 0.5 - center).abs() <= support(filter) * wide + 0.5;
            let weights: Vec<(u32, f64)> = (0..source.width())
                .filter(near)
                .map(|i| (i, kernel(filter, (f64::from(i) + 0.5 - center) / wide)))
                .collect();
            let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
            image::Rgb(std::array::from_fn(|channel| {
                let level = |i| f64::from(source.get_pixel(i, y)[channel]);
                let sum: f64 = weights.iter().map(|(i, weight)| level(*i) * weight / total).sum();
                (sum + 0.5).clamp(0.0, 255.0) as u8
            }))
        })
    }

    /// The whole picture, one axis after the other.
    fn slow(source: &RgbImage, width: u32, height: u32, filter: Interpolation) -> RgbImage {
        let turn = |picture: &RgbImage| {
            RgbImage::from_fn(picture.height(), picture.width(), |x, y| *picture.get_pixel(y, x))
        };
        let tall = |picture: &RgbImage| turn(&slow_width(&turn(picture), height, filter));
        let wide = |picture: &RgbImage| slow_width(picture, width, filter);
        let loss = |from: u32, to: u32| i64::from(from) - i64::from(to);
        let (x, y) = (loss(source.width(), width), loss(source.height(), height));
        if y > 0 && y > 2 * x { wide(&tall(source)) } else { tall(&wide(source)) }
    }

    /// Every window of a few is the same part of the whole, and the whole is as it should be.
    fn check((width, height): (u32, u32), (to_width, to_height): (u32, u32)) {
        let source = noise(width, height);
        for filter in [Interpolation::Bilinear, Interpolation::Bicubic] {
            let resized = |x: Range<u64>, y: Range<u64>| {
                let axis = |source, resized: u32, window| Axis {
                    source,
                    resized: u64::from(resized),
                    window,
                };
                resize(&source, &axis(width, to_width, x), &axis(height, to_height, y), filter)
            };
            let (w, h) = (u64::from(to_width), u64::from(to_height));
            let whole = RgbImage::from_raw(to_width, to_height, resized(0..w, 0..h)).unwrap();
            // Fixed point and floating point may round differently, once in each pass.
            let expected = slow(&source, to_width, to_height, filter);
            let off =
                whole.iter().zip(expected.iter()).filter(|(a, b)| a.abs_diff(**b) > 1).count();
            assert_eq!(off, 0, "{width}×{height} to {to_width}×{to_height}, {filter:?}");

            for (x, y) in [(w / 3..w, 0..h), (w / 4..w - w / 4, h / 5..h / 2 + 1), (0..1, h - 1..h)]
            {
                let part = image::imageops::crop_imm(
                    &whole,
                    x.start as u32,
                    y.start as u32,
                    (x.end - x.start) as u32,
                    (y.end - y.start) as u32,
                );
                let what = format!("{x:?} and {y:?} of {to_width}×{to_height}, {filter:?}");
                assert_eq!(resized(x, y), part.to_image().into_raw(), "{what}");
            }
        }
    }

    #[test]
    fn a_window_is_that_part_of_the_whole() {
        check((50, 40), (20, 16));
        check((20, 16), (50, 40));
        check((31, 17), (31, 9));
        check((31, 17), (13, 17));
        check((31, 17), (31, 17));
        check((9, 70), (9, 20));
        check((10, 90), (4, 36));
        check((90, 10), (36, 4));
        check((1, 1), (5, 7));
        check((2, 60), (1, 30));
        check((3, 1), (40, 13));
    }
}
