//! Depthwise convolutions: each channel has a kernel of its own.
//!
//! Channels are last, so that a vector register holds neighboring channels of one position. Some
//! positions of a row are computed together, with their sums in registers: a weight is loaded once for
//! all of them. At the edges of a map, where positions have unlike taps, it is channels instead.
//!
//! Registers are those of [`pulp`]: LLVM took arrays in their place apart into single values.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::Padding;
use crate::dispatch::MulAdd;
use crate::ops::Activation;

/// Positions that are computed together: as many sums as keep both multipliers busy.
const POSITIONS: usize = 8;

/// Registers of channels that are computed together where a position is alone.
const REGISTERS: usize = 4;

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
        let channels = self.channels();
        let length = self.output(map.width) * channels;
        assert_eq!(out.len(), rows.len() * length, "rows of the output");
        let needed = self.inputs(rows.clone(), map.height);
        let has = map.first..map.first + map.values.len() / (map.width * channels);
        assert!(has.start <= needed.start && needed.end <= has.end, "rows {needed:?} of {has:?}");
        crate::arch().dispatch(Rows { layer: self, map, rows, out });
    }
}

/// Some rows of an output, to be computed with the registers of an instruction set.
struct Rows<'a> {
    layer: &'a Depthwise,
    map: MapRows<'a>,
    rows: Range<usize>,
    out: &'a mut [f32],
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layer, map, rows, out } = self;
        let length = out.len() / rows.len().max(1);
        let (channels, lanes) = (layer.channels(), S::F32_LANES);
        // Weights of a few channels stay in the first-level cache while all positions pass.
        let mut first = 0;
        while first < channels {
            let registers = ((channels - first) / lanes).min(REGISTERS);
            for (row, out) in rows.clone().zip(out.chunks_exact_mut(length)) {
                match registers {
                    REGISTERS => layer.row::<S, REGISTERS>(simd, map, row, first, out),
                    0 => layer.row::<S, 0>(simd, map, row, first, out),
                    _ => layer.row::<S, 1>(simd, map, row, first, out),
                }
            }
            first += match registers {
                REGISTERS => REGISTERS * lanes,
                0 => channels - first,
                _ => lanes,
            };
        }
        // One value of the activation at a time would be slower between the sums.
        layer.activation.apply(out, MulAdd::SEPARATE);
    }
}

/// Which taps of the kernel meet the map at a position, and where.
struct Taps {
    ys: Range<usize>,
    xs: Range<usize>,
    /// Row of what is there of the map, and column, that the first tap meets.
    at: [usize; 2],
    /// The position in the row of the output.
    x: usize,
}

impl Depthwise {
    /// The sums of a row of the output, in N registers of channels from one on; for N = 0 in all channels
    /// that are left, which are fewer than a register has.
    #[inline(always)]
    fn row<S: Simd, const N: usize>(
        &self,
        simd: S,
        map: MapRows<'_>,
        row: usize,
        first: usize,
        out: &mut [f32],
    ) {
        let channels = self.channels();
        let (before, _) = self.padding.around(map.width, self.size, self.stride);
        let (above, _) = self.padding.around(map.height, self.size, self.stride);
        let top = row * self.stride;
        // Taps whose row the map has.
        let ys = above.saturating_sub(top)..self.size.min(map.height + above - top);
        let taps = |x: usize| {
            let left = x * self.stride;
            let xs = before.saturating_sub(left)..self.size.min(map.width + before - left);
            let at = [top + ys.start - above - map.first, left + xs.start - before];
            Taps { ys: ys.clone(), xs, at, x }
        };
        let positions = self.output(map.width);
        // Positions all of whose taps the map has.
        let inner = before.div_ceil(self.stride).min(positions);
        let end = (map.width + before).checked_sub(self.size);
        let end = end.map_or(inner, |last| (last / self.stride + 1).clamp(inner, positions));
        if N == 0 {
            for x in 0..positions {
                let taps = taps(x);
                for channel in first..channels {
                    out[x * channels + channel] = self.single(map, &taps, channel);
                }
            }
            return;
        }
        let together = inner + (end - inner) / POSITIONS * POSITIONS;
        for x in (inner..together).step_by(POSITIONS) {
            let taps = taps(x);
            for n in 0..N {
                let channel = first + n * S::F32_LANES;
                self.tile::<S, POSITIONS, 1>(simd, map, &taps, channel, out);
            }
        }
        for x in (0..inner).chain(together..positions) {
            self.tile::<S, 1, N>(simd, map, &taps(x), first, out);
        }
    }

    /// The sums of P positions and N registers of channels.
    #[inline(always)]
    fn tile<S: Simd, const P: usize, const N: usize>(
        &self,
        simd: S,
        map: MapRows<'_>,
        taps: &Taps,
        channel: usize,
        out: &mut [f32],
    ) {
        let channels = self.channels();
        let load = |values: &[f32], at: usize| S::as_simd_f32s(&values[at..at + S::F32_LANES]).0[0];
        let mut sums = [[simd.splat_f32s(0.0); N]; P];
        for sums in &mut sums {
            for (n, sum) in sums.iter_mut().enumerate() {
                *sum = load(&self.bias, channel + n * S::F32_LANES);
            }
        }
        for (i, ky) in taps.ys.clone().enumerate() {
            let row = ((taps.at[0] + i) * map.width + taps.at[1]) * channels + channel;
            for (j, kx) in taps.xs.clone().enumerate() {
                let weights = (ky * self.size + kx) * channels + channel;
                for n in 0..N {
                    let weight = load(&self.weights, weights + n * S::F32_LANES);
                    for (p, sums) in sums.iter_mut().enumerate() {
                        let at = row + (j + p * self.stride) * channels + n * S::F32_LANES;
                        sums[n] = simd.mul_add_e_f32s(load(map.values, at), weight, sums[n]);
                    }
                }
            }
        }
        for (p, sums) in sums.iter().enumerate() {
            for (n, sum) in sums.iter().enumerate() {
                let at = (taps.x + p) * channels + channel + n * S::F32_LANES;
                S::as_mut_simd_f32s(&mut out[at..at + S::F32_LANES]).0[0] = *sum;
            }
        }
    }

    /// The sum of one channel of a position.
    #[inline(always)]
    fn single(&self, map: MapRows<'_>, taps: &Taps, channel: usize) -> f32 {
        let channels = self.channels();
        let mut sum = self.bias[channel];
        for (i, ky) in taps.ys.clone().enumerate() {
            let row = (taps.at[0] + i) * map.width + taps.at[1];
            for (j, kx) in taps.xs.clone().enumerate() {
                let weight = self.weights[(ky * self.size + kx) * channels + channel];
                sum += map.values[(row + j) * channels + channel] * weight;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use clip_testkit::{Random, assert_close, rerun_tests};

    use super::*;
    use crate::{Isa, MAX_CPU_ISA};

    /// The convolution as loops over a map `[height, width, channels]`.
    fn by_loops(
        map: &[f32],
        [height, width, channels]: [usize; 3],
        weights: &[f32],
        bias: &[f32],
        [size, stride]: [usize; 2],
        padding: Padding,
    ) -> Vec<f32> {
        let [(above, _), (before, _)] =
            [height, width].map(|length| padding.around(length, size, stride));
        let (rows, columns) = (height.div_ceil(stride), width.div_ceil(stride));
        let mut out = Vec::new();
        for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
            for c in 0..channels {
                let mut sum = f64::from(bias[c]);
                for (i, j) in (0..size).flat_map(|i| (0..size).map(move |j| (i, j))) {
                    let row = (y * stride + i).checked_sub(above).filter(|row| *row < height);
                    let column = (x * stride + j).checked_sub(before).filter(|x| *x < width);
                    if let (Some(row), Some(column)) = (row, column) {
                        sum += f64::from(map[(row * width + column) * channels + c])
                            * f64::from(weights[(c * size + i) * size + j]);
                    }
                }
                out.push(sum.clamp(0.0, 6.0) as f32);
            }
        }
        out
    }

    /// For kernels, strides and paddings that are used, for channels that fill registers and that do not,
    /// for maps smaller than a kernel, whole and in parts.
    #[test]
    fn convolutions_are_those_of_loops() {
        for (size, stride) in [(3, 1), (3, 2), (5, 1), (5, 2)] {
            for padding in [Padding::Same, Padding::Symmetric] {
                for shape @ [height, width, channels] in
                    [[1, 1, 3], [2, 3, 16], [7, 6, 19], [12, 13, 32], [9, 24, 40]]
                {
                    let mut random = Random::new(size as u64);
                    let map = random.values(shape.iter().product());
                    let map: Vec<f32> = map.into_iter().map(|x| 4.0 * x).collect();
                    let weights = random.values(channels * size * size);
                    let bias = random.values(channels);
                    let sizes = [size, stride];
                    let expected = by_loops(&map, shape, &weights, &bias, sizes, padding);
                    let layer = Depthwise::new(&weights, bias, sizes, padding, Activation::Relu6);
                    let rows = layer.output(height);
                    let length = layer.output(width) * channels;
                    for step in [1, 2, rows] {
                        let mut out = vec![f32::NAN; expected.len()];
                        for (i, out) in out.chunks_mut(step * length).enumerate() {
                            let part = i * step..i * step + out.len() / length;
                            // Nothing but what is needed is there.
                            let needed = layer.inputs(part.clone(), height);
                            let line = width * channels;
                            let values = &map[needed.start * line..needed.end * line];
                            let map = MapRows { values, first: needed.start, height, width };
                            layer.forward(map, part, out);
                        }
                        let what = format!("{size}/{stride} {padding:?} {shape:?}");
                        assert_close(&what, &out, &expected, 2e-5);
                    }
                }
            }
        }
    }

    /// The other tests again, with the loops of each instruction set that this processor has.
    #[test]
    fn every_instruction_set_agrees() {
        let names = Isa::enabled().map(Isa::name);
        rerun_tests("every_instruction_set", MAX_CPU_ISA, names);
    }

    #[test]
    #[should_panic(expected = "rows 2..5 of 3..6")]
    fn rows_that_are_not_there_are_refused() {
        let layer = Depthwise::new(&[0.0; 9], vec![0.0], [3, 1], Padding::Same, Activation::Relu6);
        let map = MapRows { values: &[0.0; 6], first: 3, height: 6, width: 2 };
        layer.forward(map, 3..4, &mut [0.0; 2]);
    }
}
