//! Matrix products in 8-bit integers: dynamic quantization, as that of ONNX Runtime.
//!
//! A weight is quantized once, symmetrically, with a scale for each column. Activations are quantized
//! when they come in, each row with a scale and a zero point of its own, since what a row holds is not
//! known before. The products are exact; a scale a row and a column dequantizes them.
//!
//! Rounding the activations is most of what int8 loses. Kernels that take 16-bit activations get 12
//! bits of each row ([`clip_kernels::int8`]). For those that take 8 bits the row that the answer is
//! read from, whose rounding costs as much as that of all others together, is split in two: its upper
//! 8 bits stand in its place, and its last bits are multiplied as a row of their own.

use std::fmt;
use std::ops::Range;

use clip_kernels::int8::{ActivationType, Activations, Kernel, Panels};
use rayon::prelude::*;
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedAMatrix, PackedBMatrix};
use rten_tensor::NdTensorView;

use super::packed::Start;
use super::part::Part;
use super::product::Matrix;
use super::rounding::{self, Integer, QuantParams, Scales};
use super::tiles::{steps, tiles};
use crate::Activation;

/// Columns that the portable kernels take at once.
const BLOCK: usize = 128;

/// The largest integer of a weight.
const LARGEST: f32 = 127.0;

/// Bits that an activation gets beyond 8, where the kernel allows: more show no difference.
const EXTRA_BITS: u32 = 4;

/// The kernels of the crate rten for processors that ours are not written for.
type Portable = GemmExecutor<u8, i8, i32>;

/// The right side of products.
pub(super) struct Quantized {
    values: Values,
    rows: usize,
    /// One for each column.
    scales: Vec<f32>,
    /// Sum of the integers of a column.
    sums: Vec<i32>,
    /// Bits that an activation may have beyond 8 without an overflow of the sums.
    extra_bits: u32,
}

/// Integers as kernels want them.
enum Values {
    Panels(Panels),
    /// [`BLOCK`] columns each.
    Portable(Vec<PackedBMatrix<i8>>),
}

/// Activations: first the last bits of split rows, then all rows.
pub(super) struct Rows {
    values: RowValues,
    params: Vec<QuantParams>,
    /// Which rows are split, in order.
    split: Vec<usize>,
}

pub(super) enum RowValues {
    U8(Vec<u8>),
    I16(Vec<i16>),
    Portable(PackedAMatrix<u8>),
}

impl Quantized {
    /// Quantizes a matrix, so that the largest value of each column becomes 127, and packs it for
    /// the best kernel of this processor.
    pub(super) fn new(matrix: &[f32], columns: usize) -> Self {
        match cfg!(target_arch = "x86_64") {
            true => Self::for_kernel(Kernel::best(), matrix, columns),
            false => Self::portable(matrix, columns),
        }
    }

    fn for_kernel(kernel: Kernel, matrix: &[f32], columns: usize) -> Self {
        let pack = |integers: &[i8]| Values::Panels(Panels::new(kernel, integers, columns));
        Self::with(matrix, columns, pack)
    }

    fn portable(matrix: &[f32], columns: usize) -> Self {
        Self::with(matrix, columns, |integers| {
            let (rows, kernels) = (integers.len() / columns, Portable::new());
            let block = |first: usize| {
                let width = BLOCK.min(columns - first);
                let lines = integers.chunks_exact(columns).flat_map(|row| &row[first..][..width]);
                let block: Vec<i8> = lines.copied().collect();
                kernels.prepack_b(NdTensorView::from_data([rows, width], block.as_slice()))
            };
            Values::Portable((0..columns).step_by(BLOCK).map(block).collect())
        })
    }

    fn with(matrix: &[f32], columns: usize, pack: impl FnOnce(&[i8]) -> Values) -> Self {
        let mut largest = vec![0.0; columns];
        rounding::largest(matrix, &mut largest);
        let scale = |largest| if largest > 0.0 { largest / LARGEST } else { 1.0 };
        let scales: Vec<f32> = largest.into_iter().map(scale).collect();
        let (mut integers, mut sums) = (vec![0; matrix.len()], vec![0; columns]);
        rounding::quantize_columns(matrix, &scales, &mut integers, &mut sums);
        let rows = matrix.len() / columns;
        // Sums of products stay below 2³¹.
        let fits = |bits: &u32| (rows << (8 + bits)) as f32 * LARGEST < i32::MAX as f32;
        let extra_bits = (0..=EXTRA_BITS).rev().find(fits).unwrap_or(0);
        Self { values: pack(&integers), rows, scales, sums, extra_bits }
    }

    /// The matrix as it is kept.
    pub(super) fn unpack(&self) -> Vec<f32> {
        let (rows, columns) = (self.rows, self.columns());
        let mut matrix = vec![0.0; rows * columns];
        // Rows of the unit matrix bring the rows back, a few at a time.
        for (part, out) in matrix.chunks_mut(BLOCK * columns).enumerate() {
            let count = out.len() / columns;
            let unit = self.integer_rows(count, count, |i, row| row[part * BLOCK + i] = 1.0);
            self.multiply(&unit, Start::Zero, None, Part::whole(out, count, columns, columns));
        }
        matrix
    }

    /// Number of columns.
    pub(super) fn columns(&self) -> usize {
        self.scales.len()
    }

    /// Columns that a part of a product begins at a multiple of.
    pub(super) fn unit(&self) -> usize {
        match &self.values {
            Values::Panels(panels) => panels.kernel().columns(),
            Values::Portable(_) => BLOCK,
        }
    }

    /// Quantizes rows for products with this; cores take `share` of them each. Those of `precise`,
    /// in order, get a few bits more where a kernel takes 8 bits.
    pub(super) fn rows(&self, rows: Matrix<'_>, share: usize, precise: &[usize]) -> Rows {
        let (count, bits, highest) = (rows.rows(), self.extra_bits, self.highest());
        if self.activations() == ActivationType::I16 {
            return self.left::<i16>(&[], count, share, |i, line| {
                rounding::quantize(rows.row(i), highest, |integer| integer as i16, line)
            });
        }
        let split_highest = ((highest + 1) << bits) - 1;
        self.left::<u8>(precise, count, share, |i, line| {
            let row = |i| rows.row(i);
            match i.checked_sub(precise.len()) {
                None => {
                    let last = |integer: u32| integer as u8 & ((1 << bits) - 1);
                    rounding::quantize(row(precise[i]), split_highest, last, line)
                }
                Some(i) if precise.binary_search(&i).is_ok() => {
                    let upper = |integer: u32| (integer >> bits) as u8;
                    rounding::quantize(row(i), split_highest, upper, line)
                }
                Some(i) => rounding::quantize(row(i), highest, |integer| integer as u8, line),
            }
        })
    }

    /// Rows that `fill` writes, of values that are integers of 8 bits already: see
    /// [`rounding::keep`].
    pub(super) fn integer_rows(
        &self,
        count: usize,
        share: usize,
        fill: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Rows {
        match self.activations() {
            ActivationType::U8 => self.kept_rows::<u8>(count, share, fill),
            ActivationType::I16 => self.kept_rows::<i16>(count, share, fill),
        }
    }

    fn kept_rows<T: RowInteger>(
        &self,
        count: usize,
        share: usize,
        fill: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Rows {
        self.left::<T>(&[], count, share, |i, line| {
            let mut row = vec![0.0; self.rows];
            fill(i, &mut row);
            rounding::keep(&row, self.highest(), line)
        })
    }

    fn activations(&self) -> ActivationType {
        match &self.values {
            Values::Panels(panels) => panels.kernel().activations(),
            Values::Portable(_) => ActivationType::U8,
        }
    }

    /// The largest integer of a row that is not split.
    fn highest(&self) -> u16 {
        match (&self.values, self.activations()) {
            // Where instructions add two products in 16 bits, 7 bits keep them from overflowing.
            (Values::Portable(_), _) if Portable::new().may_saturate() => 127,
            (_, ActivationType::U8) => 255,
            (_, ActivationType::I16) => (256 << self.extra_bits) - 1,
        }
    }

    /// The last bits of split rows and then all rows, which `fill` writes, given zeros.
    fn left<T: RowInteger>(
        &self,
        split: &[usize],
        count: usize,
        share: usize,
        fill: impl Fn(usize, &mut [T]) -> QuantParams + Sync,
    ) -> Rows {
        let split = split.to_vec();
        let lines = count + split.len();
        let stride = match &self.values {
            Values::Panels(panels) => panels.row_length(),
            Values::Portable(_) => self.rows,
        };
        let mut params = vec![QuantParams { scale: 1.0, zero: 0 }; lines];
        let mut values = vec![T::default(); lines * stride];
        let shares = values.par_chunks_mut(share * stride);
        let shares = shares.zip(params.par_chunks_mut(share)).enumerate();
        shares.for_each(|(number, (values, params))| {
            let lines = values.chunks_exact_mut(stride).zip(params).enumerate();
            for (i, (line, params)) in lines {
                *params = fill(number * share + i, &mut line[..self.rows]);
            }
        });
        let values = match (&self.values, T::rows(values)) {
            (Values::Portable(_), RowValues::U8(values)) => {
                let values = NdTensorView::from_data([lines, stride], values.as_slice());
                RowValues::Portable(Portable::new().prepack_a(values))
            }
            (_, values) => values,
        };
        params.drain(..split.len());
        Rows { values, params, split }
    }

    /// Writes the columns of `rows` times this that `out` has.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit, the part does not begin with a unit, or the rows were quantized
    /// for other kernels.
    pub(super) fn multiply(
        &self,
        rows: &Rows,
        start: Start<'_>,
        after: Option<Activation>,
        mut out: Part<'_>,
    ) {
        assert_eq!(rows.params.len(), out.rows(), "rows of a product");
        let (columns, unit) = (out.columns(), self.unit());
        assert!(columns.start.is_multiple_of(unit) && columns.end <= self.columns(), "whole units");
        let tail = Tail { weight: self, params: &rows.params, start, after };
        match (&self.values, &rows.values) {
            (Values::Panels(panels), RowValues::U8(values)) => {
                let left = |range: Range<usize>| Activations::U8(&values[range]);
                self.multiply_panels(panels, left, rows, &tail, &mut out);
            }
            (Values::Panels(panels), RowValues::I16(values)) => {
                let left = |range: Range<usize>| Activations::I16(&values[range]);
                self.multiply_panels(panels, left, rows, &tail, &mut out);
            }
            (Values::Portable(blocks), RowValues::Portable(values)) => {
                self.multiply_blocks(blocks, values, rows, &tail, &mut out);
            }
            _ => panic!("rows quantized for other kernels"),
        }
    }

    fn multiply_panels<'a>(
        &self,
        panels: &Panels,
        left: impl Fn(Range<usize>) -> Activations<'a>,
        rows: &Rows,
        tail: &Tail<'_>,
        out: &mut Part<'_>,
    ) {
        let (kernel, length) = (panels.kernel(), panels.row_length());
        let (columns, width, split) = (out.columns(), kernel.columns(), rows.split.len());
        let mut sums = vec![0; kernel.rows() * width];
        let mut last_bits = vec![0; split * width];
        let tiles = tiles(0..split + rows.params.len(), kernel.rows());
        for part in steps(columns.clone(), width) {
            let next = if part.end < columns.end { part.end } else { columns.start };
            for (i, tile) in tiles.clone().enumerate() {
                let prefetch = panels.prefetch(next / width).part(i, tiles.len());
                let sums = &mut sums[..tile.len() * width];
                let activations = left(tile.start * length..tile.end * length);
                panels.multiply(activations, part.start / width, prefetch, sums);
                let first = split.clamp(tile.start, tile.end);
                let (last, sums) = sums.split_at_mut((first - tile.start) * width);
                if !last.is_empty() {
                    last_bits[tile.start * width..][..last.len()].copy_from_slice(last);
                }
                if sums.is_empty() {
                    continue;
                }
                let range = first - split..tile.end - split;
                for (row, i) in rows.split_among(range.clone()) {
                    let sums = &mut sums[(row - range.start) * width..][..width];
                    rounding::join(sums, &last_bits[i * width..][..width], self.extra_bits);
                }
                tail.write(sums, range, part.clone(), out);
            }
        }
    }

    fn multiply_blocks(
        &self,
        blocks: &[PackedBMatrix<i8>],
        values: &PackedAMatrix<u8>,
        rows: &Rows,
        tail: &Tail<'_>,
        out: &mut Part<'_>,
    ) {
        let lines = rows.params.len() + rows.split.len();
        let (kernels, mut sums) = (Portable::new(), vec![0; lines * BLOCK]);
        for part in steps(out.columns(), BLOCK) {
            let width = part.len();
            let sums = &mut sums[..lines * width];
            let a = GemmInputA::Packed(values);
            let b = GemmInputB::Packed(&blocks[part.start / BLOCK]);
            let done = kernels.gemm(sums, a, b, GemmOptions::default());
            done.expect("sides that the same kernels packed");
            let (last_bits, sums) = sums.split_at_mut(rows.split.len() * width);
            for (row, i) in rows.split_among(0..rows.params.len()) {
                let sums = &mut sums[row * width..][..width];
                rounding::join(sums, &last_bits[i * width..], self.extra_bits);
            }
            tail.write(sums, 0..rows.params.len(), part, out);
        }
    }
}

impl Rows {
    /// Those of some rows that are split, and the how-manieth of all split rows each is.
    fn split_among(&self, rows: Range<usize>) -> impl Iterator<Item = (usize, usize)> {
        let first = self.split.partition_point(|row| *row < rows.start);
        let split = self.split[first..].iter().copied();
        split.take_while(move |row| *row < rows.end).zip(first..)
    }
}

/// An integer type of activations.
trait RowInteger: Integer + Send + Sync {
    fn rows(values: Vec<Self>) -> RowValues;
}

impl RowInteger for u8 {
    fn rows(values: Vec<Self>) -> RowValues {
        RowValues::U8(values)
    }
}

impl RowInteger for i16 {
    fn rows(values: Vec<Self>) -> RowValues {
        RowValues::I16(values)
    }
}

/// What follows the sums.
struct Tail<'a> {
    weight: &'a Quantized,
    params: &'a [QuantParams],
    start: Start<'a>,
    after: Option<Activation>,
}

impl Tail<'_> {
    fn write(&self, sums: &[i32], rows: Range<usize>, columns: Range<usize>, out: &mut Part<'_>) {
        let scales = Scales {
            columns: &self.weight.scales[columns.clone()],
            sums: &self.weight.sums[columns.clone()],
        };
        let at = columns.start - out.columns().start;
        let start = match self.start {
            Start::Bias(bias) => Start::Bias(&bias[columns]),
            start => start,
        };
        let params = &self.params[rows.clone()];
        rounding::dequantize(sums, params, scales, (start, self.after), (out, rows.start, at));
    }
}

impl fmt::Debug for Quantized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, columns) = (self.rows, self.columns());
        f.debug_struct("Quantized").field("rows", &rows).field("columns", &columns).finish()
    }
}

#[cfg(test)]
mod tests;
