//! The embedding of patches, whose weight was laid out once, forward only.
//!
//! Patches are taken out of the pictures when the product needs them: a copy of all would be as
//! large as the pictures, in fresh memory. For products of whole numbers they become the levels that
//! pixels have in a file, so that rounding them loses nothing.

use std::ops::Range;

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::packed::Start;
use super::part::Part;
use super::product::Matrix;
use super::serving::{ROWS, host, on_flex};
use super::weight::Weight;
use crate::{Pixels, Storage};

/// Red, green, blue.
const CHANNELS: usize = 3;

/// The highest level of a pixel.
const HIGHEST: f32 = 255.0;

/// The weight of an embedding of patches, laid out, as a sum of matrices of one kind.
#[derive(Debug)]
pub(crate) struct Patches {
    sum: Vec<Weight>,
    levels: Option<Levels>,
}

/// What brings pixels back to the levels that they were.
#[derive(Debug)]
struct Levels {
    /// Levels in one, of each channel.
    steps: [f32; CHANNELS],
    /// The level of 0, of each channel.
    zeros: [f32; CHANNELS],
    /// What those of a patch add to its product, `[output]`.
    start: Vec<f32>,
}

impl Patches {
    /// Lays `[3·P·P, output]` out; nothing where it is not f32 on Flex, or on a gradient tape. What
    /// 8 bits lose is kept in 8 bits more.
    pub(crate) fn new(matrix: Tensor<2>, storage: Storage, pixels: &Pixels) -> Option<Self> {
        let [_, columns] = matrix.dims();
        let matrix = host(matrix)?;
        let matrix: &[f32] = matrix.as_slice()?;
        if storage != Storage::Int8 {
            return Some(Self { sum: vec![Weight::new(matrix, columns, storage)], levels: None });
        }
        let steps = pixels.std.map(|std| HIGHEST * std);
        let zeros = pixels.mean.map(|mean| HIGHEST * mean);
        let mut of_levels = matrix.to_vec();
        scale_channels(&mut of_levels, steps.map(f32::recip));
        let first = Weight::new(&of_levels, columns, storage);
        let mut lost = of_levels;
        lost.iter_mut().zip(first.unpack()).for_each(|(value, kept)| *value -= kept);
        let sum = vec![first, Weight::new(&lost, columns, storage)];
        let mut start = vec![0.0; columns];
        let channel = matrix.len() / CHANNELS;
        for (matrix, zero) in add_up(&sum).chunks_exact(channel).zip(zeros) {
            for row in matrix.chunks_exact(columns) {
                start.iter_mut().zip(row).for_each(|(start, value)| *start -= zero * value);
            }
        }
        Some(Self { sum, levels: Some(Levels { steps, zeros, start }) })
    }

    /// The matrix as it is kept, row-major.
    pub(crate) fn unpack(&self) -> Vec<f32> {
        let mut matrix = add_up(&self.sum);
        if let Some(levels) = &self.levels {
            scale_channels(&mut matrix, levels.steps);
        }
        matrix
    }

    /// `[B, 3, H, W]` to `[B · N, output]`, for patches of that side; nothing on another backend and
    /// on a gradient tape.
    pub(crate) fn forward(
        &self,
        pixels: &Tensor<4>,
        side: usize,
        bias: Option<Tensor<1>>,
    ) -> Option<Tensor<2>> {
        let [batch, channels, height, width] = pixels.dims();
        assert_eq!(channels, CHANNELS, "channels of a picture");
        let pixels = host(pixels.clone())?;
        let pictures = Pictures { pixels: pixels.as_slice()?, height, width, side };
        let columns = self.sum[0].columns();
        let mut start = match bias {
            Some(bias) => host(bias)?.as_slice::<f32>()?.to_vec(),
            None => vec![0.0; columns],
        };
        if let Some(levels) = &self.levels {
            start.iter_mut().zip(&levels.start).for_each(|(start, value)| *start += value);
        }
        let rows = batch * pictures.patches();
        let mut out = vec![0.0; rows * columns];
        let threads = rayon::current_num_threads();
        match rows >= threads * ROWS {
            true => {
                let parts = out.par_chunks_mut(ROWS * columns).enumerate();
                parts.for_each(|(i, out)| self.multiply(&pictures, i * ROWS, &start, 1, out));
            }
            false => self.multiply(&pictures, 0, &start, threads, &mut out),
        }
        Some(on_flex(out, [rows, columns]))
    }

    /// The products of the patches from one on, by some threads.
    fn multiply(
        &self,
        pictures: &Pictures<'_>,
        first: usize,
        start: &[f32],
        threads: usize,
        out: &mut [f32],
    ) {
        let (weight, columns) = (&self.sum[0], start.len());
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
            let start = if i == 0 { Start::Bias(start) } else { Start::Out };
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
