//! Depthwise convolutions: each channel has a kernel of its own.
//!
//! Channels are last, so that a vector register holds neighboring channels of one position. Some
//! positions of a row are computed together, with their sums in registers: a weight is loaded once for
//! all of them.

use std::ops::Range;

use super::Padding;
use crate::dispatch;
use crate::ops::Activation;

/// Channels that are computed together: one register of AVX-512, two of AVX2.
const LANES: usize = 16;

/// Positions that are computed together.
const POSITIONS: usize = 4;

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
        dispatch(
            #[inline(always)]
            || {
                for (row, out) in rows.clone().zip(out.chunks_exact_mut(length)) {
                    self.row(map, row, out);
                }
            },
        );
    }

    /// A row of the output.
    #[inline(always)]
    fn row(&self, map: MapRows<'_>, row: usize, out: &mut [f32]) {
        let (before, _) = self.padding.around(map.width, self.size, self.stride);
        let (above, _) = self.padding.around(map.height, self.size, self.stride);
        let top = row * self.stride;
        // Taps whose row the map has.
        let ys = above.saturating_sub(top)..self.size.min(map.height + above - top);
        let positions = self.output(map.width);
        // Positions all of whose taps the map has.
        let inner = before.div_ceil(self.stride);
        let inner_end = (map.width + before).checked_sub(self.size);
        let inner_end = inner_end.map_or(inner, |last| (last / self.stride + 1).max(inner));
        let mut channel = 0;
        while channel < self.channels() {
            let mut x = 0;
            while x < positions {
                let is_inner = (inner..inner_end).contains(&x);
                let left = x * self.stride;
                let xs = before.saturating_sub(left)..self.size.min(map.width + before - left);
                // The first tap's row and column.
                let at = [top + ys.start - above, left + xs.start - before];
                let taps = Taps { ys: ys.clone(), xs, at, channel, x };
                let together = is_inner && x + POSITIONS <= inner_end;
                x += match (together, channel + LANES <= self.channels()) {
                    (true, true) => self.tile::<POSITIONS, LANES>(map, taps, out),
                    (false, true) => self.tile::<1, LANES>(map, taps, out),
                    (true, false) => self.tile::<POSITIONS, 1>(map, taps, out),
                    (false, false) => self.tile::<1, 1>(map, taps, out),
                };
            }
            channel += if channel + LANES <= self.channels() { LANES } else { 1 };
        }
    }

    /// Some channels of some positions; returns how many positions.
    #[inline(always)]
    fn tile<const P: usize, const N: usize>(
        &self,
        map: MapRows<'_>,
        taps: Taps,
        out: &mut [f32],
    ) -> usize {
        let channels = self.channels();
        let Taps { ys, xs, at: [top, left], channel, x } = taps;
        let bias = chunk::<N>(&self.bias, channel);
        let mut sums = [*bias; P];
        for (i, ky) in ys.enumerate() {
            let row = ((top + i - map.first) * map.width + left) * channels + channel;
            for (j, kx) in xs.clone().enumerate() {
                let weights = chunk::<N>(&self.weights, (ky * self.size + kx) * channels + channel);
                for (p, sums) in sums.iter_mut().enumerate() {
                    let values = row + (j + p * self.stride) * channels;
                    let values = chunk::<N>(map.values, values);
                    for ((sum, value), weight) in sums.iter_mut().zip(values).zip(weights) {
                        *sum += value * weight;
                    }
                }
            }
        }
        for (p, sums) in sums.iter_mut().enumerate() {
            self.activation.apply(sums);
            out[(x + p) * channels + channel..][..N].copy_from_slice(sums);
        }
        P
    }
}

/// Which taps of the kernel meet the map, and where.
struct Taps {
    ys: Range<usize>,
    xs: Range<usize>,
    /// Row and column of the map that the first of them meets.
    at: [usize; 2],
    /// The first channel.
    channel: usize,
    /// The first position in the row of the output.
    x: usize,
}

#[inline(always)]
fn chunk<const N: usize>(values: &[f32], at: usize) -> &[f32; N] {
    values[at..].first_chunk().expect("values of all channels")
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
