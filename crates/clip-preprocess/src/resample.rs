//! The references' resize, restricted to the window that is wanted.
//!
//! Follows `src/libImaging/Resample.c` of Pillow: each axis in turn, with weights in fixed point,
//! and rounding to 8 bits after each axis. A resized pixel depends on few source pixels, so the
//! window comes out equal to the same part of the whole, and a picture of 1×65,500 never becomes
//! one of 224×14,672,000 on the way. PyTorch has the same passes with shorter weights.

mod sample;
mod weights;

use std::ops::Range;

use clip_checkpoint::Interpolation;

use crate::side::Side;
pub(crate) use sample::Sample;
use weights::Weights;

/// How many samples may lie between the passes at once. More are made in blocks of columns: a
/// picture of 1×9,000,000 that PyTorch squashes is 224×9,000,000 there.
const BETWEEN: usize = 1 << 26;

/// One axis of the resize.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    /// The source.
    pub(crate) source: Side,
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

    /// Whether the resize changes nothing along this axis.
    pub(crate) fn keeps(&self) -> bool {
        u64::from(self.source.whole) == self.resized
    }
}

/// What a resized pixel is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    /// The nearest pixel, unchanged.
    Nearest,
    /// All pixels near it.
    Weighted(Interpolation),
}

/// Whose fixed point and whose order of the axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    /// Pillow 13.
    Pillow,
    /// `interpolate(.., antialias=True)` of PyTorch for 8-bit tensors on a CPU with AVX2
    /// (`aten/src/ATen/native/cpu/UpSampleKernelAVXAntialias.h`).
    Torch,
}

/// The samples of the window, row by row, `N` for each pixel.
///
/// # Panics
///
/// Panics if there are not as many samples as the axes of the source call for.
pub(crate) fn resize<T: Sample, const N: usize>(
    source: &[T],
    horizontal: &Axis,
    vertical: &Axis,
    filter: Filter,
    arithmetic: Arithmetic,
) -> Vec<T> {
    let stride = N * horizontal.source.pixels as usize;
    assert_eq!(source.len(), stride * vertical.source.pixels as usize, "axes of the picture");
    let columns = Weights::<T>::new(horizontal, filter, arithmetic);
    let rows = Weights::<T>::new(vertical, filter, arithmetic);
    let (x, y) = (columns.needed(), rows.needed());
    let all = 0..horizontal.wanted();
    if arithmetic == Arithmetic::Pillow && vertical_first(horizontal, vertical) {
        let short = rows.down(source, stride, N * x.start..N * x.end, 0);
        return columns.across::<N>(&short, N * x.len(), x.start, all);
    }
    let needed = &source[y.start * stride..y.end * stride];
    let block = (BETWEEN / (N * y.len()).max(1)).clamp(1, all.len().max(1));
    let blocks = all.clone().step_by(block).map(|start| start..(start + block).min(all.end));
    let parts: Vec<(usize, Vec<T>)> = blocks
        .map(|block| {
            let width = N * block.len();
            let narrow = columns.across::<N>(needed, stride, 0, block);
            (width, rows.down(&narrow, width, 0..width, y.start))
        })
        .collect();
    side_by_side(parts, vertical.wanted())
}

/// Each row of the whole is that of the parts, one after the other.
fn side_by_side<T: Copy>(mut parts: Vec<(usize, Vec<T>)>, rows: usize) -> Vec<T> {
    if parts.len() == 1 {
        return parts.remove(0).1;
    }
    let row = |row: usize| parts.iter().flat_map(move |(n, part)| &part[row * n..(row + 1) * n]);
    (0..rows).flat_map(row).copied().collect()
}

/// Whether Pillow 13 begins with the columns: where the height loses more than twice what the
/// width loses. (Found by comparing 13.0.0 with itself, one axis at a time, over 1,500 sizes.
/// Earlier versions begin with the rows, except where the height is over 100 times the width.)
fn vertical_first(horizontal: &Axis, vertical: &Axis) -> bool {
    let loss = |axis: &Axis| i128::from(axis.source.pixels) - i128::from(axis.resized);
    loss(vertical) > 0 && loss(vertical) > 2 * loss(horizontal)
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::weights::{kernel, support};
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
                    source: Side::whole(source),
                    resized: u64::from(resized),
                    window,
                };
                let (x, y) = (axis(width, to_width, x), axis(height, to_height, y));
                let filter = Filter::Weighted(filter);
                resize::<u8, 3>(&source, &x, &y, filter, Arithmetic::Pillow)
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
    fn parts_lie_side_by_side() {
        let parts = vec![(2, vec![1, 2, 5, 6]), (1, vec![3, 7]), (1, vec![4, 8])];
        assert_eq!(side_by_side(parts, 2), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(side_by_side(vec![(1, vec![1, 2])], 2), [1, 2]);
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
