//! The embedding of patches with a packed weight, forward only, over slices.
//!
//! Patches are taken out of the pictures when the product needs them: a copy of all would be as
//! large as the pictures, in fresh memory. For products of integers they become the levels that
//! pixels have in a file, so that rounding them loses nothing.

use std::ops::Range;

use rayon::prelude::*;

use super::packed::Start;
use super::part::Part;
use super::product::Matrix;
use super::serving::ROWS;
use super::weight::Weight;
use crate::{Pixels, WeightDtype};

/// Red, green, blue.
const CHANNELS: usize = 3;

/// The highest level of a pixel.
const HIGHEST: f32 = 255.0;

/// An embedding of patches with a packed weight, kept as a sum of matrices of one kind.
#[derive(Debug)]
pub(crate) struct PackedPatches {
    sum: Vec<Weight>,
    bias: Vec<f32>,
    levels: Option<Levels>,
}

/// What brings pixels back to the levels that they were.
#[derive(Debug)]
struct Levels {
    /// Levels in one, of each channel.
    steps: [f32; CHANNELS],
    /// The level of 0, of each channel.
    zeros: [f32; CHANNELS],
}

impl PackedPatches {
    /// Packs `[3·P·P, output]`, row-major, with one value of the bias for each column. What 8 bits lose
    /// is kept in 8 bits more.
    ///
    /// # Panics
    ///
    /// Where the matrix holds no whole number of rows.
    pub(crate) fn new(
        matrix: &[f32],
        mut bias: Vec<f32>,
        dtype: WeightDtype,
        pixels: &Pixels,
    ) -> Self {
        let columns = bias.len();
        if dtype != WeightDtype::Int8 {
            return Self { sum: vec![Weight::new(matrix, columns, dtype)], bias, levels: None };
        }
        let steps = pixels.std.map(|std| HIGHEST * std);
        let zeros = pixels.mean.map(|mean| HIGHEST * mean);
        let mut of_levels = matrix.to_vec();
        scale_channels(&mut of_levels, steps.map(f32::recip));
        let first = Weight::new(&of_levels, columns, dtype);
        let mut lost = of_levels;
        lost.iter_mut().zip(first.unpack()).for_each(|(value, kept)| *value -= kept);
        let sum = vec![first, Weight::new(&lost, columns, dtype)];
        // What the levels of 0 add to the product of a patch.
        let (channel, mut zero_sums) = (matrix.len() / CHANNELS, vec![0.0; columns]);
        for (matrix, zero) in add_up(&sum).chunks_exact(channel).zip(zeros) {
            for row in matrix.chunks_exact(columns) {
                zero_sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += zero * value);
            }
        }
        bias.iter_mut().zip(zero_sums).for_each(|(bias, sum)| *bias -= sum);
        Self { sum, bias, levels: Some(Levels { steps, zeros }) }
    }

    /// One row a patch, of images `[B, 3, H, W]` and patches of that side.
    ///
    /// # Panics
    ///
    /// Where the images do not have three channels of that size.
    pub(crate) fn forward(&self, pixels: &[f32], size: [usize; 2], side: usize) -> Vec<f32> {
        let [height, width] = size;
        let pictures = Pictures { pixels, height, width, side };
        let columns = self.bias.len();
        let rows = pixels.len() / (CHANNELS * height * width) * pictures.patches();
        let mut out = vec![0.0; rows * columns];
        let threads = rayon::current_num_threads();
        match rows >= threads * ROWS {
            true => {
                let parts = out.par_chunks_mut(ROWS * columns).enumerate();
                parts.for_each(|(i, out)| self.multiply(&pictures, i * ROWS, 1, out));
            }
            false => self.multiply(&pictures, 0, threads, &mut out),
        }
        out
    }

    /// The products of the patches from one on, by some threads.
    fn multiply(&self, pictures: &Pictures<'_>, first: usize, threads: usize, out: &mut [f32]) {
        let (weight, columns) = (&self.sum[0], self.bias.len());
        let rows = out.len() / columns;
        let share = rows.div_ceil(threads).max(1);
        let patches;
        let left = match &self.levels {
            None => {
                patches = pictures.cut(first..first + rows);
                weight.left(Matrix::new(&patches, pictures.values()), share, &[])
            }
            Some(levels) => weight.integers(rows, share, |i, row| {
                pictures.copy(first + i, row);
                levels.find(row);
            }),
        };
        for (i, weight) in self.sum.iter().enumerate() {
            let start = if i == 0 { Start::Bias(&self.bias) } else { Start::Out };
            let parts = Part::whole(out, rows, columns, columns).split(weight.unit(), threads);
            parts.into_par_iter().for_each(|out| weight.multiply(&left, start, None, out));
        }
    }
}

impl Levels {
    /// A patch as levels.
    fn find(&self, patch: &mut [f32]) {
        let channels = patch.chunks_exact_mut(patch.len() / CHANNELS);
        for ((channel, step), zero) in channels.zip(self.steps).zip(self.zeros) {
            channel.iter_mut().for_each(|value| *value = *value * step + zero);
        }
    }
}

/// Pictures to be cut into patches; a remainder at the right and bottom edge is ignored.
#[derive(Clone, Copy)]
struct Pictures<'a> {
    /// `[B, 3, H, W]`.
    pixels: &'a [f32],
    height: usize,
    width: usize,
    /// Side of a patch.
    side: usize,
}

impl Pictures<'_> {
    /// Patches of one picture.
    fn patches(&self) -> usize {
        (self.height / self.side) * (self.width / self.side)
    }

    /// Values of one patch.
    fn values(&self) -> usize {
        CHANNELS * self.side * self.side
    }

    fn cut(&self, patches: Range<usize>) -> Vec<f32> {
        let mut cut = vec![0.0; patches.len() * self.values()];
        for (patch, out) in patches.zip(cut.chunks_exact_mut(self.values())) {
            self.copy(patch, out);
        }
        cut
    }

    /// One patch: channels, rows, columns.
    fn copy(&self, patch: usize, out: &mut [f32]) {
        let (picture, patch) = (patch / self.patches(), patch % self.patches());
        let across = self.width / self.side;
        let (top, left) = (patch / across * self.side, patch % across * self.side);
        for (line, out) in out.chunks_exact_mut(self.side).enumerate() {
            let (channel, row) = (line / self.side, top + line % self.side);
            let line = ((picture * CHANNELS + channel) * self.height + row) * self.width;
            out.copy_from_slice(&self.pixels[line + left..][..self.side]);
        }
    }
}

/// Multiplies the rows of a matrix that belong to each channel.
fn scale_channels(matrix: &mut [f32], factors: [f32; CHANNELS]) {
    let channel = matrix.len() / CHANNELS;
    for (matrix, factor) in matrix.chunks_exact_mut(channel).zip(factors) {
        matrix.iter_mut().for_each(|value| *value *= factor);
    }
}

fn add_up(parts: &[Weight]) -> Vec<f32> {
    let mut parts = parts.iter().map(Weight::unpack);
    let mut sum = parts.next().unwrap_or_default();
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    sum
}
