//! Products of whole numbers of 8 bits.
//!
//! A weight is rounded once, each column with a scale of its own. A row is rounded when it comes in,
//! with a scale and a zero of its own, for what a row holds is not known before. The products are
//! exact; a scale a row and a column turns them back.
//!
//! Rounding the rows is most of what 8 bits lose, and a row that is read in the end loses more than
//! all others together. Such a row gets a few bits more, which go through as a row of their own.

use std::fmt;
use std::ops::Range;

use rayon::prelude::*;
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedAMatrix, PackedBMatrix};
use rten_tensor::NdTensorView;

use super::packed::Start;
use super::part::Part;
use super::product::Matrix;
use super::rounding::{self, Level, Scales};
use super::tiles::{steps, tiles};
#[cfg(target_arch = "x86_64")]
use super::vnni;
use crate::Activation;

/// Columns that the portable kernels take at once.
const BLOCK: usize = 128;

/// The largest whole number of a weight.
const LARGEST: f32 = 127.0;

/// Bits that a row gets beyond 8, where the products allow: more show no difference.
const FINER: u32 = 4;

/// The portable kernels; picking those of this processor costs next to nothing.
type Portable = GemmExecutor<u8, i8, i32>;

/// The right side of products.
pub(super) struct Quantized {
    values: Values,
    rows: usize,
    /// What the whole numbers of a column are multiplied with.
    scales: Vec<f32>,
    /// Sum of the whole numbers of a column.
    sums: Vec<i32>,
    /// Bits that a row may have beyond 8.
    finer: u32,
}

/// Whole numbers as kernels want them.
enum Values {
    #[cfg(target_arch = "x86_64")]
    Vnni(vnni::Panels),
    /// [`BLOCK`] columns each.
    Portable(Vec<PackedBMatrix<i8>>),
}

/// Rows on the left side: the last bits of those that have more than 8, then all.
pub(super) struct Rows {
    values: RowValues,
    levels: Vec<Level>,
    /// Places of the rows that have more bits, in order.
    finer: Vec<usize>,
}

enum RowValues {
    #[cfg(target_arch = "x86_64")]
    Vnni(Vec<[u8; vnni::FOUR]>),
    Portable(PackedAMatrix<u8>),
}

impl Quantized {
    /// Rounds a matrix, so that the largest value of each column becomes 127, and lays it out.
    pub(super) fn new(matrix: &[f32], columns: usize) -> Self {
        #[cfg(target_arch = "x86_64")]
        if vnni::available() {
            let lay_out = |whole: &[i8]| Values::Vnni(vnni::Panels::new(whole, columns));
            return Self::with(matrix, columns, lay_out);
        }
        Self::portable(matrix, columns)
    }

    /// As [`Self::new`], for the portable kernels.
    fn portable(matrix: &[f32], columns: usize) -> Self {
        Self::with(matrix, columns, |whole| {
            let (rows, kernels) = (whole.len() / columns, Portable::new());
            let block = |first: usize| {
                let width = BLOCK.min(columns - first);
                let lines = whole.chunks_exact(columns).flat_map(|row| &row[first..][..width]);
                let block: Vec<i8> = lines.copied().collect();
                kernels.prepack_b(NdTensorView::from_data([rows, width], block.as_slice()))
            };
            Values::Portable((0..columns).step_by(BLOCK).map(block).collect())
        })
    }

    fn with(matrix: &[f32], columns: usize, lay_out: impl FnOnce(&[i8]) -> Values) -> Self {
        let mut largest = vec![0.0; columns];
        rounding::largest(matrix, &mut largest);
        let scale = |largest| if largest > 0.0 { largest / LARGEST } else { 1.0 };
        let scales: Vec<f32> = largest.into_iter().map(scale).collect();
        let (mut whole, mut sums) = (vec![0; matrix.len()], vec![0; columns]);
        rounding::round_columns(matrix, &scales, &mut whole, &mut sums);
        let rows = matrix.len() / columns;
        // Sums of products stay below 2³¹.
        let fits = |bits: &u32| (rows << (8 + bits)) as f32 * LARGEST < i32::MAX as f32;
        let finer = (0..=FINER).rev().find(fits).unwrap_or(0);
        Self { values: lay_out(&whole), rows, scales, sums, finer }
    }

    /// The matrix as it is kept.
    pub(super) fn unpack(&self) -> Vec<f32> {
        let (rows, columns) = (self.rows, self.columns());
        let mut matrix = vec![0.0; rows * columns];
        // Rows of the unit matrix bring the rows back, a few at a time.
        for (part, out) in matrix.chunks_mut(BLOCK * columns).enumerate() {
            let count = out.len() / columns;
            let unit = self.left(&[], count, count, |i, line| {
                line[part * BLOCK + i] = 1;
                Level { scale: 1.0, zero: 0 }
            });
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
        match self.values {
            #[cfg(target_arch = "x86_64")]
            Values::Vnni(_) => vnni::COLUMNS,
            Values::Portable(_) => BLOCK,
        }
    }

    /// Rounds rows for products with this, those of `finer`, in order, to a few bits more; cores
    /// take `share` of them each.
    pub(super) fn rows(&self, rows: Matrix<'_>, share: usize, finer: &[usize]) -> Rows {
        let (count, bits, highest) = (rows.rows(), self.finer, self.highest());
        let finest = ((u16::from(highest) + 1) << bits) - 1;
        self.left(finer, count, share, |i, line| {
            let row = |i| rows.row(i);
            match i.checked_sub(finer.len()) {
                None => {
                    let last = |whole: u32| whole as u8 & ((1 << bits) - 1);
                    rounding::round(row(finer[i]), finest, last, line)
                }
                Some(i) if finer.binary_search(&i).is_ok() => {
                    rounding::round(row(i), finest, |whole| (whole >> bits) as u8, line)
                }
                Some(i) => rounding::round(row(i), highest.into(), |whole| whole as u8, line),
            }
        })
    }

    /// Rows that `fill` writes, of values that are whole numbers of 8 bits already: see
    /// [`rounding::keep`].
    pub(super) fn whole_rows(
        &self,
        count: usize,
        share: usize,
        fill: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Rows {
        self.left(&[], count, share, |i, line| {
            let mut row = vec![0.0; self.rows];
            fill(i, &mut row);
            rounding::keep(&row, self.highest(), line)
        })
    }

    /// The largest whole number of a row.
    fn highest(&self) -> u8 {
        match self.values {
            // Where instructions add two products in 16 bits, a bit less keeps them from
            // overflowing.
            Values::Portable(_) if Portable::new().may_saturate() => i8::MAX.cast_unsigned(),
            _ => u8::MAX,
        }
    }

    /// The last bits of some rows and then all, which `fill` writes, given zeros.
    fn left(
        &self,
        finer: &[usize],
        count: usize,
        share: usize,
        fill: impl Fn(usize, &mut [u8]) -> Level + Sync,
    ) -> Rows {
        let finer = finer.to_vec();
        let lines = count + finer.len();
        let mut levels = vec![Level { scale: 1.0, zero: 0 }; lines];
        let mut fill_all = |bytes: &mut [u8], stride: usize| {
            let shares = bytes.par_chunks_mut(share * stride);
            let shares = shares.zip(levels.par_chunks_mut(share)).enumerate();
            shares.for_each(|(number, (bytes, levels))| {
                let lines = bytes.chunks_exact_mut(stride).zip(levels).enumerate();
                for (i, (line, level)) in lines {
                    *level = fill(number * share + i, &mut line[..self.rows]);
                }
            });
        };
        let values = match &self.values {
            #[cfg(target_arch = "x86_64")]
            Values::Vnni(_) => {
                let inner = self.rows.div_ceil(vnni::FOUR);
                let mut values = vec![[0; vnni::FOUR]; lines * inner];
                fill_all(values.as_flattened_mut(), inner * vnni::FOUR);
                RowValues::Vnni(values)
            }
            Values::Portable(_) => {
                let mut values = vec![0; lines * self.rows];
                fill_all(&mut values, self.rows);
                let values = NdTensorView::from_data([lines, self.rows], values.as_slice());
                RowValues::Portable(Portable::new().prepack_a(values))
            }
        };
        levels.drain(..finer.len());
        Rows { values, levels, finer }
    }

    /// Writes the columns of `rows` times this that `out` has.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit, the part does not begin with a unit, or the rows were rounded
    /// for other kernels.
    pub(super) fn multiply(
        &self,
        rows: &Rows,
        start: Start<'_>,
        after: Option<Activation>,
        mut out: Part<'_>,
    ) {
        let (count, finer, bits) = (rows.levels.len(), &rows.finer, self.finer);
        assert_eq!(count, out.rows(), "rows of a product");
        let (columns, unit) = (out.columns(), self.unit());
        assert!(columns.start.is_multiple_of(unit) && columns.end <= self.columns(), "whole units");
        // Places of rows with more bits, and which of them each is.
        let among = |rows: Range<usize>| {
            let first = finer.partition_point(|row| *row < rows.start);
            finer[first..].iter().take_while(move |row| **row < rows.end).copied().zip(first..)
        };
        let tail = Tail { weight: self, levels: &rows.levels, start, after };
        match (&self.values, &rows.values) {
            #[cfg(target_arch = "x86_64")]
            (Values::Vnni(panels), RowValues::Vnni(values)) => {
                let inner = self.rows.div_ceil(vnni::FOUR);
                let mut sums = [[0; vnni::COLUMNS]; vnni::ROWS];
                let mut of_last = vec![[0; vnni::COLUMNS]; finer.len()];
                let tiles = tiles(0..finer.len() + count, vnni::ROWS);
                for part in steps(columns.clone(), unit) {
                    let next = if part.end < columns.end { part.end } else { columns.start };
                    for (i, tile) in tiles.clone().enumerate() {
                        let left = &values[tile.start * inner..tile.end * inner];
                        let ahead = panels.ahead(next / unit).part(i, tiles.len());
                        let sums = &mut sums[..tile.len()];
                        panels.multiply(left, part.start / unit, ahead, sums);
                        let split = finer.len().clamp(tile.start, tile.end);
                        let (last, sums) = sums.split_at_mut(split - tile.start);
                        if !last.is_empty() {
                            of_last[tile.start..split].copy_from_slice(last);
                        }
                        if sums.is_empty() {
                            continue;
                        }
                        let rows = split - finer.len()..tile.end - finer.len();
                        for (row, i) in among(rows.clone()) {
                            rounding::join(&mut sums[row - rows.start], &of_last[i], bits);
                        }
                        tail.write(sums.as_flattened(), rows, part.clone(), &mut out);
                    }
                }
            }
            (Values::Portable(blocks), RowValues::Portable(values)) => {
                let lines = count + finer.len();
                let (kernels, mut sums) = (Portable::new(), vec![0; lines * BLOCK]);
                for part in steps(columns, unit) {
                    let block = &blocks[part.start / unit];
                    let sums = &mut sums[..lines * part.len()];
                    let (a, b) = (GemmInputA::Packed(values), GemmInputB::Packed(block));
                    let done = kernels.gemm(sums, a, b, GemmOptions::default());
                    done.expect("sides that the same kernels laid out");
                    let (of_last, sums) = sums.split_at_mut(finer.len() * part.len());
                    for (row, i) in among(0..count) {
                        let sums = &mut sums[row * part.len()..][..part.len()];
                        rounding::join(sums, &of_last[i * part.len()..], bits);
                    }
                    tail.write(sums, 0..count, part, &mut out);
                }
            }
            #[cfg(target_arch = "x86_64")]
            _ => panic!("rows rounded for other kernels"),
        }
    }
}

/// What makes values of the sums.
struct Tail<'a> {
    weight: &'a Quantized,
    levels: &'a [Level],
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
        let levels = &self.levels[rows.clone()];
        rounding::finish(sums, levels, scales, (start, self.after), (out, rows.start, at));
    }
}

impl fmt::Debug for Quantized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, columns) = (self.rows, self.columns());
        f.debug_struct("Quantized").field("rows", &rows).field("columns", &columns).finish()
    }
}

#[cfg(test)]
mod tests {
    use clip_testkit::{Random, assert_close};

    use super::*;

    /// Against the products of what the sides were rounded to, on all columns and on parts, and
    /// against those of the sides as they were.
    #[test]
    fn products_are_those_of_a_loop() {
        for (rows, inner, columns) in [(1, 1, 1), (13, 64, 300), (3, 100, 128), (41, 33, 257)] {
            let mut random = Random::new(rows as u64);
            let (mut a, b) = (random.values(rows * inner), random.values(inner * columns));
            // Rows of different sizes, and one of zeros.
            for (i, row) in a.chunks_exact_mut(inner).enumerate() {
                row.iter_mut().for_each(|value| *value *= (i % 3) as f32 * 10.0);
            }
            let (bias, before) = (random.values(columns), random.values(rows * columns));
            for weight in [Quantized::new(&b, columns), Quantized::portable(&b, columns)] {
                let kept = weight.unpack();
                for column in 0..columns {
                    let of = |matrix: &[f32]| -> Vec<f32> {
                        matrix.iter().skip(column).step_by(columns).copied().collect()
                    };
                    let largest =
                        of(&b).iter().fold(0f32, |largest, value| largest.max(value.abs()));
                    assert_close("a column", &of(&kept), &of(&b), largest / 254.0 * 1.001);
                }
                let expected = |start: &dyn Fn(usize) -> f32| -> Vec<f32> {
                    let value = |at: usize| {
                        let (i, j) = (at / columns, at % columns);
                        let terms = (0..inner).map(|k| a[i * inner + k] * kept[k * columns + j]);
                        start(at) + terms.sum::<f32>()
                    };
                    (0..rows * columns).map(value).collect()
                };
                let gelu = |x: f32| x / (1.0 + (-1.702 * x).exp());
                let cases = [
                    (Start::Bias(&bias), None, expected(&|at| bias[at % columns])),
                    (Start::Out, None, expected(&|at| before[at])),
                    (
                        Start::Bias(&bias),
                        Some(Activation::QuickGelu),
                        expected(&|at| bias[at % columns]).into_iter().map(gelu).collect(),
                    ),
                ];
                let left = weight.rows(Matrix::new(&a, inner), rows.div_ceil(2), &[]);
                // Half a step of a row, as often as the worst column adds it up.
                let step = left.levels.iter().map(|level| level.scale).fold(0.0, f32::max);
                let columns_of = |column| kept.iter().skip(column).step_by(columns);
                let worst =
                    (0..columns).map(|j| columns_of(j).map(|value| value.abs()).sum::<f32>());
                let bound = 1e-3 + 0.51 * step * worst.fold(0.0, f32::max);
                for (start, after, expected) in cases {
                    let mut outputs = Vec::new();
                    for count in [1, 3] {
                        let mut out = before.clone();
                        let whole = Part::whole(&mut out, rows, columns, columns);
                        for part in whole.split(weight.unit(), count) {
                            weight.multiply(&left, start, after, part);
                        }
                        assert_close("product", &out, &expected, 1.1 * bound);
                        outputs.push(out);
                    }
                    assert_eq!(outputs[0], outputs[1], "parts are the same as the whole");
                }
            }
        }
    }

    /// Rows with more bits lose a sixteenth of what the others do, few such rows and all.
    #[test]
    fn some_rows_are_rounded_finer() {
        let (rows, inner, columns) = (41, 64, 150);
        let mut random = Random::new(5);
        let (a, b) = (random.values(rows * inner), random.values(inner * columns));
        for weight in [Quantized::new(&b, columns), Quantized::portable(&b, columns)] {
            let kept = weight.unpack();
            for finer in [vec![], vec![0, 17, 40], (0..rows).collect()] {
                let left = weight.rows(Matrix::new(&a, inner), 7, &finer);
                let mut out = vec![0.0; rows * columns];
                let whole = Part::whole(&mut out, rows, columns, columns);
                weight.multiply(&left, Start::Zero, None, whole);
                for (i, row) in out.chunks(columns).enumerate() {
                    let of_column = |j: usize| -> f32 {
                        (0..inner).map(|k| a[i * inner + k] * kept[k * columns + j]).sum()
                    };
                    let off = row.iter().enumerate().map(|(j, found)| (found - of_column(j)).abs());
                    let off = off.fold(0.0, f32::max);
                    let bound = if finer.contains(&i) { 4e-3 } else { 6e-2 };
                    assert!(off < bound, "row {i} of {finer:?} is off by {off}");
                    assert!(finer.contains(&i) || off > 4e-3, "row {i} is off by {off} only");
                }
            }
        }
    }

    /// What the rounding of a row loses is at most half a step, and its zeros stay zeros.
    #[test]
    fn rows_are_rounded_within_half_a_step() {
        for (low, high) in [(-1.0, 3.0), (0.5, 2.0), (-4.0, -1.0), (0.0, 0.0)] {
            let row: Vec<f32> =
                (0..=100).map(|i| low + (high - low) * i as f32 / 100.0).chain([0.0]).collect();
            for highest in [127, 255] {
                let mut out = vec![0; row.len()];
                let Level { scale, zero } =
                    rounding::round(&row, highest, |whole| whole as u8, &mut out);
                for (value, whole) in row.iter().zip(&out) {
                    assert!(u16::from(*whole) <= highest);
                    let back = (i32::from(*whole) - zero) as f32 * scale;
                    assert!((back - value).abs() <= 0.51 * scale, "{value} became {back}");
                }
                assert_eq!(i32::from(out[row.len() - 1]), zero);
            }
        }
    }
}
