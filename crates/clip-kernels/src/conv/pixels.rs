//! The convolution of pixels, from which the first feature map comes.
//!
//! Pixels are planar and maps channels last: a value of a pixel is broadcast to a register of channels.
//! The rows of pixels that a row of the output is made of are copied with zeros around them, so that no
//! position is a special case.

use std::array::from_fn;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::Padding;
use crate::dispatch::MulAdd;
use crate::ops::Activation;
use crate::tiling::tiles;

/// Red, green, blue.
pub(super) const CHANNELS: usize = 3;

/// Side of the kernel.
const SIDE: usize = 3;

/// Positions from one that comes out to the next.
const STRIDE: usize = 2;

/// Rows of all colors that a row of the output is made of.
const LINES: usize = CHANNELS * SIDE;

/// Positions that are computed together, in two registers of channels each: as many sums as keep both
/// multipliers busy, and few enough for sixteen registers.
const POSITIONS: usize = 6;

/// A 3×3 convolution of pixels at stride 2, and what follows it.
#[derive(Debug)]
pub(super) struct PixelConvolution {
    /// `[CHANNELS · SIDE · SIDE, channels]`.
    weights: Vec<f32>,
    bias: Vec<f32>,
    padding: Padding,
    activation: Activation,
}

impl PixelConvolution {
    /// A convolution with weights `[channels, 3, 3, 3]` and one value of the bias for each channel.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub(super) fn new(
        weights: &[f32],
        bias: Vec<f32>,
        padding: Padding,
        activation: Activation,
    ) -> Self {
        let (channels, taps) = (bias.len(), LINES * SIDE);
        assert_eq!(weights.len(), channels * taps, "weights of a convolution of pixels");
        let at = |i: usize| weights[i % channels * taps + i / channels];
        let weights = (0..weights.len()).map(at).collect();
        Self { weights, bias, padding, activation }
    }

    /// Channels that come out.
    pub(super) fn channels(&self) -> usize {
        self.bias.len()
    }

    /// Height and width of what comes out.
    pub(super) fn output_size(size: [usize; 2]) -> [usize; 2] {
        size.map(|length| length.div_ceil(STRIDE))
    }

    /// Some rows of the output, `[rows, width of the output, channels]`, of an image `[3, height, width]`.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub(super) fn forward(
        &self,
        pixels: &[f32],
        size @ [height, width]: [usize; 2],
        rows: Range<usize>,
        out: &mut [f32],
    ) {
        let [_, positions] = Self::output_size(size);
        assert_eq!(pixels.len(), CHANNELS * height * width, "an image of that size");
        assert_eq!(out.len(), rows.len() * positions * self.channels(), "rows of the output");
        crate::arch().dispatch(Rows { layer: self, pixels, size, rows, out });
    }

    /// The rows of pixels that a row of the output is made of, with zeros around them.
    #[inline(always)]
    fn pad(&self, pixels: &[f32], [height, width]: [usize; 2], row: usize, lines: &mut [f32]) {
        let (above, _) = self.padding.around(height, SIDE, STRIDE);
        let (before, _) = self.padding.around(width, SIDE, STRIDE);
        let columns = lines.len() / LINES;
        for (i, line) in lines.chunks_exact_mut(columns).enumerate() {
            // What stands around the pixels of a line is zero from the start.
            let line = &mut line[before..before + width];
            match (row * STRIDE + i % SIDE).checked_sub(above).filter(|y| *y < height) {
                None => line.fill(0.0),
                Some(y) => {
                    line.copy_from_slice(&pixels[(i / SIDE * height + y) * width..][..width])
                }
            }
        }
    }
}

/// Some rows of an output, to be computed with the registers of an instruction set.
struct Rows<'a> {
    layer: &'a PixelConvolution,
    pixels: &'a [f32],
    size: [usize; 2],
    rows: Range<usize>,
    out: &'a mut [f32],
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layer, pixels, size: size @ [_, width], rows, out } = self;
        let (channels, [_, positions]) = (layer.channels(), PixelConvolution::output_size(size));
        let (before, _) = layer.padding.around(width, SIDE, STRIDE);
        let columns = (before + width).max((positions - 1) * STRIDE + SIDE);
        let mut lines = vec![0.0; LINES * columns];
        for (row, out) in rows.zip(out.chunks_exact_mut(positions * channels)) {
            layer.pad(pixels, size, row, &mut lines);
            let mut first = 0;
            while first < channels {
                let lines = from_fn(
                    #[inline(always)]
                    |i| &lines[i * columns..][..columns],
                );
                first += match (channels - first) / S::F32_LANES {
                    0 => layer.singles(lines, first, out),
                    1 => layer.registers::<S, 1>(simd, lines, first, out),
                    _ => layer.registers::<S, 2>(simd, lines, first, out),
                };
            }
            if layer.activation != Activation::Relu6 {
                layer.activation.apply(out, MulAdd::SEPARATE);
            }
        }
    }
}

impl PixelConvolution {
    /// N registers of channels of a row, but for an activation other than ReLU6; gives how many channels
    /// that are.
    #[inline(always)]
    fn registers<S: Simd, const N: usize>(
        &self,
        simd: S,
        lines: [&[f32]; LINES],
        first: usize,
        out: &mut [f32],
    ) -> usize {
        for tile in tiles(0..out.len() / self.channels(), POSITIONS) {
            let out = &mut out[tile.start * self.channels()..];
            macro_rules! tile {
                ($($positions:literal)*) => {
                    match tile.len() {
                        $($positions => self.tile::<S, $positions, N>(
                            simd, &lines, tile.start, first, out,
                        ),)*
                        _ => unreachable!("a tile has 1 to {POSITIONS} positions"),
                    }
                };
            }
            tile!(1 2 3 4 5 6);
        }
        N * S::F32_LANES
    }

    /// The sums of P positions from one on, the first of `out`, and N registers of channels.
    #[inline(always)]
    fn tile<S: Simd, const P: usize, const N: usize>(
        &self,
        simd: S,
        lines: &[&[f32]; LINES],
        x: usize,
        first: usize,
        out: &mut [f32],
    ) {
        let channels = self.channels();
        let mut sums = [load::<S, N>(&self.bias, first); P];
        for (i, line) in lines.iter().enumerate() {
            // A length that the compiler knows.
            let line = &line[x * STRIDE..][..(P - 1) * STRIDE + SIDE];
            for kx in 0..SIDE {
                let weights = load::<S, N>(&self.weights, (i * SIDE + kx) * channels + first);
                for (p, sums) in sums.iter_mut().enumerate() {
                    let value = simd.splat_f32s(line[p * STRIDE + kx]);
                    for (sum, weight) in sums.iter_mut().zip(weights) {
                        *sum = simd.mul_add_e_f32s(value, weight, *sum);
                    }
                }
            }
        }
        let [zero, six] = [0.0, 6.0].map(
            #[inline(always)]
            |bound| simd.splat_f32s(bound),
        );
        for (sums, out) in sums.iter().zip(out.chunks_mut(channels)) {
            let out = &mut out[first..first + N * S::F32_LANES];
            for (out, sum) in S::as_mut_simd_f32s(out).0.iter_mut().zip(sums) {
                *out = match self.activation {
                    // In this order of the operands what is not a number stays so.
                    Activation::Relu6 => simd.min_f32s(six, simd.max_f32s(zero, *sum)),
                    _ => *sum,
                };
            }
        }
    }

    /// The channels from one on of a row, one by one; gives their number.
    fn singles(&self, lines: [&[f32]; LINES], first: usize, out: &mut [f32]) -> usize {
        let channels = self.channels();
        for (x, out) in out.chunks_exact_mut(channels).enumerate() {
            for (channel, out) in out.iter_mut().enumerate().skip(first) {
                let mut sum = self.bias[channel];
                for (i, kx) in (0..LINES).flat_map(|i| (0..SIDE).map(move |kx| (i, kx))) {
                    let weight = self.weights[(i * SIDE + kx) * channels + channel];
                    sum += lines[i][x * STRIDE + kx] * weight;
                }
                *out = match self.activation {
                    Activation::Relu6 => sum.clamp(0.0, 6.0),
                    _ => sum,
                };
            }
        }
        channels - first
    }
}

/// N registers of values.
#[inline(always)]
fn load<S: Simd, const N: usize>(values: &[f32], at: usize) -> [S::f32s; N] {
    let values = &S::as_simd_f32s(&values[at..at + N * S::F32_LANES]).0[..N];
    from_fn(
        #[inline(always)]
        |n| values[n],
    )
}

#[cfg(test)]
mod tests {
    use clip_testkit::{Random, assert_close, rerun_tests};

    use super::*;
    use crate::{Isa, MAX_CPU_ISA};

    /// The convolution as loops, without an activation.
    fn by_loops(
        pixels: &[f32],
        [height, width]: [usize; 2],
        weights: &[f32],
        bias: &[f32],
        padding: Padding,
    ) -> Vec<f32> {
        let [(above, _), (before, _)] =
            [height, width].map(|length| padding.around(length, SIDE, STRIDE));
        let [rows, columns] = PixelConvolution::output_size([height, width]);
        let mut out = Vec::new();
        for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
            for (bias, weights) in bias.iter().zip(weights.chunks_exact(LINES * SIDE)) {
                let mut sum = f64::from(*bias);
                for (tap, weight) in weights.iter().enumerate() {
                    let (plane, ky, kx) = (tap / SIDE / SIDE, tap / SIDE % SIDE, tap % SIDE);
                    let row = (y * STRIDE + ky).checked_sub(above).filter(|row| *row < height);
                    let column = (x * STRIDE + kx).checked_sub(before).filter(|x| *x < width);
                    if let (Some(row), Some(column)) = (row, column) {
                        let pixel = pixels[(plane * height + row) * width + column];
                        sum += f64::from(pixel) * f64::from(*weight);
                    }
                }
                out.push(sum as f32);
            }
        }
        out
    }

    /// For sizes of both parities, for channels that fill registers and that do not, in parts.
    #[test]
    fn convolutions_are_those_of_loops() {
        for padding in [Padding::Same, Padding::Symmetric] {
            for (size @ [height, width], channels) in
                [([1, 1], 3), ([2, 3], 16), ([7, 12], 19), ([12, 25], 32), ([9, 54], 72)]
            {
                let mut random = Random::new(5);
                let pixels = random.values(CHANNELS * height * width);
                let weights = random.values(LINES * SIDE * channels);
                let weights: Vec<f32> = weights.into_iter().map(|x| 4.0 * x).collect();
                let bias = random.values(channels);
                let sums = by_loops(&pixels, size, &weights, &bias, padding);
                let [rows, columns] = PixelConvolution::output_size(size);
                for activation in [Activation::Relu6, Activation::Gelu] {
                    let mut expected = vec![0.0; sums.len()];
                    activation.forward(&sums, &mut expected);
                    let layer = PixelConvolution::new(&weights, bias.clone(), padding, activation);
                    for step in [1, 2, rows] {
                        let mut out = vec![f32::NAN; expected.len()];
                        for (i, out) in out.chunks_mut(step * columns * channels).enumerate() {
                            let part = i * step..i * step + out.len() / columns / channels;
                            layer.forward(&pixels, size, part, out);
                        }
                        let what = format!("{padding:?} {size:?} {channels} {activation:?}");
                        assert_close(&what, &out, &expected, 2e-5);
                    }
                }
            }
        }
    }

    /// The other test again, with the loops of each instruction set that this processor has.
    #[test]
    fn every_instruction_set_agrees() {
        let names = Isa::enabled().map(Isa::name);
        rerun_tests("every_instruction_set", MAX_CPU_ISA, names);
    }
}
