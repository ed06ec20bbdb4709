//! The embedding of patches with a packed weight, forward only, over slices.
//!
//! Patches are taken out of the pictures when the product needs them: a copy of all would be as
//! large as the pictures, in fresh memory. For products in fewer bits than 32 they become the levels that
//! pixels have in a file, so that rounding them loses nothing.

use std::cell::Cell;

use rayon::prelude::*;

use crate::gemm::{Accumulate, Buffer, Epilogue, PackedGemm, Prepare, WeightDtype, select};
use crate::matrix::{ColumnsMut, MatrixView};
use crate::residual::{Cores, ROWS, multiply_on};

/// Red, green, blue.
const CHANNELS: usize = 3;

/// The highest level of a pixel.
const HIGHEST: f32 = 255.0;

/// How a tower wants pixels of 256 levels: of each channel, `(level / 255 - mean) / std`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pixels {
    /// Mean of each channel (R, G, B) of values in `0..=1`.
    pub mean: [f32; 3],
    /// Standard deviation of each channel; not 0.
    pub std: [f32; 3],
}

/// An embedding of patches with a packed weight, kept as a sum of matrices of one kind.
#[derive(Debug)]
pub struct PackedPatchEmbedding {
    sum: Vec<Box<dyn PackedGemm>>,
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

impl PackedPatchEmbedding {
    /// Packs `[3·P·P, output]`, row-major, with one value of the bias for each column. What 8 bits lose
    /// is kept in 8 bits more; levels are exact in bf16 too.
    ///
    /// # Panics
    ///
    /// Where the matrix holds no whole number of rows.
    pub fn new(matrix: &[f32], mut bias: Vec<f32>, dtype: WeightDtype, pixels: &Pixels) -> Self {
        let (kernel, columns) = (select(dtype), bias.len());
        let pack = |matrix: &[f32]| kernel.pack(MatrixView::new(matrix, columns));
        if kernel.arithmetic() == "f32" {
            return Self { sum: vec![pack(matrix)], bias, levels: None };
        }
        let steps = pixels.std.map(|std| HIGHEST * std);
        let zeros = pixels.mean.map(|mean| HIGHEST * mean);
        let mut of_levels = matrix.to_vec();
        scale_channels(&mut of_levels, steps.map(f32::recip));
        let mut sum = vec![pack(&of_levels)];
        if dtype == WeightDtype::Int8 {
            let mut lost = of_levels;
            lost.iter_mut().zip(sum[0].unpack()).for_each(|(value, kept)| *value -= kept);
            sum.push(pack(&lost));
        }
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
    pub fn forward(&self, pixels: &[f32], size: [usize; 2], side: usize) -> Vec<f32> {
        let [height, width] = size;
        let pictures = Pictures { pixels, height, width, side };
        let columns = self.bias.len();
        let rows = pixels.len() / (CHANNELS * height * width) * pictures.patches();
        let mut out = vec![0.0; rows * columns];
        let threads = rayon::current_num_threads();
        match rows >= threads * ROWS {
            true => {
                let parts = out.par_chunks_mut(ROWS * columns).enumerate();
                parts.for_each(|(i, out)| self.multiply(&pictures, i * ROWS, Cores::One, out));
            }
            false => self.multiply(&pictures, 0, Cores::All, &mut out),
        }
        out
    }

    /// The products of the patches from one on.
    fn multiply(&self, pictures: &Pictures<'_>, first: usize, cores: Cores, out: &mut [f32]) {
        let (weights, columns) = (&self.sum[0], self.bias.len());
        let rows = out.len() / columns;
        let fill = |i: usize, row: &mut [f32]| {
            pictures.copy(first + i, row);
            if let Some(levels) = &self.levels {
                levels.find(row);
            }
        };
        let mut buffer = BUFFER.take();
        let how = Prepare { threads: cores.count(), ..Prepare::default() };
        let patches = weights.prepare_integers(rows, &fill, how, &mut buffer);
        for (i, weights) in self.sum.iter().enumerate() {
            let accumulate = if i == 0 { Accumulate::Bias(&self.bias) } else { Accumulate::Add };
            let epilogue = Epilogue { accumulate, activation: None };
            multiply_on(cores, &**weights, &patches, epilogue, ColumnsMut::new(out, columns));
        }
        BUFFER.set(buffer);
    }
}

thread_local! {
    /// Kept from batch to batch: fresh memory is zeroed, and far from the cores.
    static BUFFER: Cell<Buffer> = Cell::default();
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

fn add_up(parts: &[Box<dyn PackedGemm>]) -> Vec<f32> {
    let mut parts = parts.iter().map(|part| part.unpack());
    let mut sum = parts.next().unwrap_or_default();
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    sum
}
