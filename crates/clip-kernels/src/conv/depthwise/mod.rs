//! Depthwise convolutions: each channel has a kernel of its own.
//!
//! Channels are last, so that a vector register holds neighboring channels of one position. A register
//! of channels passes over all rows before the next. The rows of the map that a kernel meets are copied
//! for it, with zeros around them: they stay in the first-level cache, no position is a special case,
//! and registers do not cross cache lines. Some positions of a row are computed together, with their
//! sums in registers: a weight is loaded once for all of them, and no sum waits for the one before.
//!
//! Registers are those of [`pulp`]: LLVM took arrays in their place apart into single values.

use std::array::from_fn;
use std::ops::Range;

use half::bf16;
use pulp::bytemuck::{cast_slice, cast_slice_mut};
use pulp::{Simd, WithSimd};

use super::Padding;
use crate::dispatch::MulAdd;
use crate::gemm::{Output, sized};
use crate::ops::Activation;
use crate::tiling::tiles;

/// Positions that are computed together: as many sums as keep both multipliers busy.
const POSITIONS: usize = 8;

/// The weights of a depthwise convolution.
#[derive(Debug)]
pub struct Depthwise {
    /// `[size · size, channels]`.
    weights: Vec<f32>,
    bias: Vec<f32>,
    size: usize,
    stride: usize,
    padding: Padding,
    activation: Activation,
}

/// Some rows of a map, channels last.
#[derive(Debug, Clone, Copy)]
pub struct MapRows<'a> {
    /// `[rows, width, channels]`.
    pub values: &'a [f32],
    /// Which row of the map the first is.
    pub first: usize,
    /// Rows of the whole map.
    pub height: usize,
    /// Positions of a row.
    pub width: usize,
    /// Of each value, before the convolution.
    pub activation: Option<Activation>,
}

impl Depthwise {
    /// A convolution with weights `[channels, size, size]` and one value of the bias for each channel;
    /// the activation follows it.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub fn new(
        weights: &[f32],
        bias: Vec<f32>,
        [size, stride]: [usize; 2],
        padding: Padding,
        activation: Activation,
    ) -> Self {
        let (channels, taps) = (bias.len(), size * size);
        assert_eq!(weights.len(), channels * taps, "a kernel for each channel");
        let at = |i: usize| weights[i % channels * taps + i / channels];
        let weights = (0..weights.len()).map(at).collect();
        Self { weights, bias, size, stride, padding, activation }
    }

    /// Channels that come in and out.
    pub fn channels(&self) -> usize {
        self.bias.len()
    }

    /// Positions from one that comes out to the next.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// Rows that so many rows of the output are made of, at most.
    pub(super) fn span(&self, rows: usize) -> usize {
        (rows - 1) * self.stride + self.size
    }

    /// What comes out along an axis of so many values.
    pub fn output(&self, length: usize) -> usize {
        length.div_ceil(self.stride)
    }

    /// The rows of a map of that height which some rows of the output are made of.
    pub fn inputs(&self, rows: Range<usize>, height: usize) -> Range<usize> {
        let (before, _) = self.padding.around(height, self.size, self.stride);
        let start = (rows.start * self.stride).saturating_sub(before);
        let end = ((rows.end - 1) * self.stride + self.size).saturating_sub(before);
        start.min(height)..end.min(height)
    }

    /// Some rows of the output: `[rows, width of the output, channels]`.
    ///
    /// # Panics
    ///
    /// Where `map` does not have the rows that they are made of, or `out` has other room.
    pub fn forward(&self, map: MapRows<'_>, rows: Range<usize>, out: &mut [f32]) {
        self.write(map, rows, out);
    }

    /// As [`Self::forward`], in any numbers.
    pub(super) fn write<O: Rounded>(&self, map: MapRows<'_>, rows: Range<usize>, out: &mut [O]) {
        let channels = self.channels();
        let length = self.output(map.width) * channels;
        assert_eq!(out.len(), rows.len() * length, "rows of the output");
        let needed = self.inputs(rows.clone(), map.height);
        let has = map.first..map.first + map.values.len() / (map.width * channels);
        assert!(has.start <= needed.start && needed.end <= has.end, "rows {needed:?} of {has:?}");
        crate::arch().dispatch(Rows { layer: self, map, rows, out });
    }
}

/// A number that an output is written in.
pub(super) trait Rounded: Output {
    /// Sums in it; a loop of its own, which the compiler vectorizes.
    fn round<'a>(sums: &'a [f32], room: &'a mut Vec<Self>) -> &'a [Self];
}

impl Rounded for f32 {
    #[inline(always)]
    fn round<'a>(sums: &'a [f32], _: &'a mut Vec<Self>) -> &'a [Self] {
        sums
    }
}

impl Rounded for bf16 {
    #[inline(always)]
    fn round<'a>(sums: &'a [f32], room: &'a mut Vec<Self>) -> &'a [Self] {
        let room = sized(room, sums.len());
        room.iter_mut().zip(sums).for_each(|(place, sum)| *place = Output::from_f32(*sum));
        room
    }
}

/// Some rows of an output, to be computed with the registers of an instruction set.
struct Rows<'a, O> {
    layer: &'a Depthwise,
    map: MapRows<'a>,
    rows: Range<usize>,
    out: &'a mut [O],
}

impl<O: Rounded> WithSimd for Rows<'_, O> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        // The kernels that are used, whose loops the compiler unrolls.
        let whole = match (self.layer.size, self.layer.stride) {
            (3, 1) => self.whole_registers::<S, 3, 1>(simd),
            (3, 2) => self.whole_registers::<S, 3, 2>(simd),
            (5, 1) => self.whole_registers::<S, 5, 1>(simd),
            (5, 2) => self.whole_registers::<S, 5, 2>(simd),
            _ => 0,
        };
        self.singles(whole);
    }
}

/// A kernel of K × K for a register of channels.
struct Kernel<S: Simd, const K: usize> {
    weights: [[S::f32s; K]; K],
    bias: S::f32s,
}

impl<O: Rounded> Rows<'_, O> {
    /// The channels that fill registers; gives their number.
    #[inline(always)]
    fn whole_registers<S: Simd, const K: usize, const STRIDE: usize>(&mut self, simd: S) -> usize {
        let Self { layer, map, ref rows, ref mut out } = *self;
        let channels = layer.channels();
        let whole = channels / S::F32_LANES * S::F32_LANES;
        let positions = layer.output(map.width);
        let (before, _) = layer.padding.around(map.width, K, STRIDE);
        let (above, _) = layer.padding.around(map.height, K, STRIDE);
        let zero = simd.splat_f32s(0.0);
        // The last K rows of the padded map, each in the place of the one that is not needed any more.
        let columns = (before + map.width).max((positions - 1) * STRIDE + K);
        let mut lines = vec![zero; K * columns];
        let (mut sums, mut rounded) = (vec![zero; positions], Vec::new());
        for first in (0..whole).step_by(S::F32_LANES) {
            let kernel = Kernel::<S, K> {
                weights: from_fn(
                    #[inline(always)]
                    |y| {
                        from_fn(
                            #[inline(always)]
                            |x| load::<S>(&layer.weights, (y * K + x) * channels + first),
                        )
                    },
                ),
                bias: load::<S>(&layer.bias, first),
            };
            let mut copied = 0;
            let out = out.chunks_exact_mut(positions * channels);
            for (row, out) in rows.clone().zip(out) {
                let top = row * STRIDE;
                for y in copied.max(top)..top + K {
                    let line = &mut lines[y % K * columns..][..columns];
                    match y.checked_sub(above).filter(|y| *y < map.height) {
                        None => line.fill(zero),
                        Some(y) => {
                            let line = &mut line[before..before + map.width];
                            let values = &map.values[(y - map.first) * map.width * channels..];
                            copy(simd, values, [first, channels], map.activation, line);
                        }
                    }
                }
                copied = top + K;
                let lines = from_fn(
                    #[inline(always)]
                    |y| &lines[(top + y) % K * columns..][..columns],
                );
                kernel.row::<STRIDE>(simd, lines, &mut sums);
                activate(simd, layer.activation, &mut sums);
                let places = out[first..].chunks_mut(channels);
                let values = O::round(cast_slice(&sums), &mut rounded);
                for (place, values) in places.zip(values.chunks_exact(S::F32_LANES)) {
                    place[..S::F32_LANES].copy_from_slice(values);
                }
            }
        }
        whole
    }

    /// The channels from one on, one by one: those that fill no register, and all where the kernel is of
    /// another size.
    fn singles(&mut self, first: usize) {
        let Self { layer, map, ref rows, ref mut out } = *self;
        let channels = layer.channels();
        if first == channels {
            return;
        }
        for (row, out) in rows.clone().zip(out.chunks_exact_mut(layer.output(map.width) * channels))
        {
            for (x, out) in out.chunks_exact_mut(channels).enumerate() {
                let taps = layer.taps(map, row, x);
                for (channel, out) in out.iter_mut().enumerate().skip(first) {
                    let mut sum = [layer.single(map, &taps, channel)];
                    layer.activation.apply(&mut sum, MulAdd::SEPARATE);
                    *out = O::from_f32(sum[0]);
                }
            }
        }
    }
}

impl<S: Simd, const K: usize> Kernel<S, K> {
    /// The sums of a row of the output, from the rows of the padded map that it is made of.
    #[inline(always)]
    fn row<const STRIDE: usize>(&self, simd: S, lines: [&[S::f32s]; K], sums: &mut [S::f32s]) {
        for tile in tiles(0..sums.len(), POSITIONS) {
            let (x, sums) = (tile.start, &mut sums[tile]);
            macro_rules! tile {
                ($($positions:literal)*) => {
                    match sums.len() {
                        $($positions => sums.copy_from_slice(
                            &self.tile::<STRIDE, $positions>(simd, &lines, x),
                        ),)*
                        _ => unreachable!("a tile has 1 to {POSITIONS} positions"),
                    }
                };
            }
            tile!(1 2 3 4 5 6 7 8);
        }
    }

    /// The sums of P positions from one on.
    #[inline(always)]
    fn tile<const STRIDE: usize, const P: usize>(
        &self,
        simd: S,
        lines: &[&[S::f32s]; K],
        x: usize,
    ) -> [S::f32s; P] {
        let mut sums = [self.bias; P];
        for (line, weights) in lines.iter().zip(&self.weights) {
            // A length that the compiler knows.
            let line = &line[x * STRIDE..][..(P - 1) * STRIDE + K];
            for (x, weight) in weights.iter().enumerate() {
                for (p, sum) in sums.iter_mut().enumerate() {
                    *sum = simd.mul_add_e_f32s(line[p * STRIDE + x], *weight, *sum);
                }
            }
        }
        sums
    }
}

/// A register of values.
#[inline(always)]
fn load<S: Simd>(values: &[f32], at: usize) -> S::f32s {
    S::as_simd_f32s(&values[at..at + S::F32_LANES]).0[0]
}

/// Some channels of the positions of a row.
#[inline(always)]
fn copy<S: Simd>(
    simd: S,
    values: &[f32],
    [first, channels]: [usize; 2],
    activation: Option<Activation>,
    line: &mut [S::f32s],
) {
    for (place, values) in line.iter_mut().zip(values.chunks_exact(channels)) {
        *place = load::<S>(values, first);
    }
    if let Some(activation) = activation {
        activate(simd, activation, line);
    }
}

#[inline(always)]
fn activate<S: Simd>(simd: S, activation: Activation, values: &mut [S::f32s]) {
    match activation {
        Activation::Relu6 => {
            let [zero, six] = [0.0, 6.0].map(
                #[inline(always)]
                |bound| simd.splat_f32s(bound),
            );
            for value in values {
                // In this order of the operands what is not a number stays so.
                *value = simd.min_f32s(six, simd.max_f32s(zero, *value));
            }
        }
        other => other.apply(cast_slice_mut(values), MulAdd::SEPARATE),
    }
}

/// Which taps of the kernel meet the map at a position, and where.
struct Taps {
    ys: Range<usize>,
    xs: Range<usize>,
    /// Row of what is there of the map, and column, that the first tap meets.
    at: [usize; 2],
}

impl Depthwise {
    fn taps(&self, map: MapRows<'_>, row: usize, x: usize) -> Taps {
        let (before, _) = self.padding.around(map.width, self.size, self.stride);
        let (above, _) = self.padding.around(map.height, self.size, self.stride);
        let (top, left) = (row * self.stride, x * self.stride);
        let ys = above.saturating_sub(top)..self.size.min(map.height + above - top);
        let xs = before.saturating_sub(left)..self.size.min(map.width + before - left);
        let at = [top + ys.start - above - map.first, left + xs.start - before];
        Taps { ys, xs, at }
    }

    /// The sum of one channel of a position.
    fn single(&self, map: MapRows<'_>, taps: &Taps, channel: usize) -> f32 {
        let channels = self.channels();
        let mut sum = self.bias[channel];
        for (i, ky) in taps.ys.clone().enumerate() {
            let row = (taps.at[0] + i) * map.width + taps.at[1];
            for (j, kx) in taps.xs.clone().enumerate() {
                let weight = self.weights[(ky * self.size + kx) * channels + channel];
                let mut value = [map.values[(row + j) * channels + channel]];
                if let Some(activation) = map.activation {
                    activation.apply(&mut value, MulAdd::SEPARATE);
                }
                sum += value[0] * weight;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests;
