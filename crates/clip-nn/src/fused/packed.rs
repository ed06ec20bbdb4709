//! Products with a right side that was laid out once, for weights that serve many times.
//!
//! A panel of columns stays in the cache while all rows pass over it; the rows are read where they
//! lie. Sums begin with the bias, and what follows the product (a nonlinearity) is done while a
//! panel's columns are still near.

use std::ops::Range;

use clip_kernels::{Prefetch, arch};
use half::f16;
use half::slice::HalfFloatSliceExt;
use pulp::{Simd, WithSimd};

use super::part::Part;
use super::product::Matrix;
use super::simd;
use super::tiles::{steps, tiles};
use crate::Activation;

/// Columns of a panel: two registers of AVX-512, and a multiple of all smaller ones.
pub(super) const PANEL: usize = 32;

/// Registers of a row in a tile.
const ACROSS: usize = 2;

/// The right side of products: panels of [`PANEL`] columns, one row after the other; the last is
/// filled up.
#[derive(Debug, Default)]
pub(super) struct Packed {
    values: Values,
    rows: usize,
    columns: usize,
}

#[derive(Debug)]
enum Values {
    F32(Vec<f32>),
    /// Turned into f32 one panel at a time.
    F16(Vec<f16>),
}

impl Packed {
    /// Lays a matrix out.
    pub(super) fn new(matrix: Matrix<'_>) -> Self {
        let mut packed = Self::default();
        packed.fill(matrix);
        packed
    }

    /// Lays a matrix with contiguous rows out in 16 bits.
    pub(super) fn in_halves(matrix: Matrix<'_>) -> Self {
        let mut values = vec![f16::ZERO; size(matrix)];
        each_line(matrix, |part, to| values[to..][..part.len()].convert_from_f32_slice(part));
        Self { values: Values::F16(values), rows: matrix.rows(), columns: matrix.columns() }
    }

    /// Lays a matrix out in the room of another.
    pub(super) fn fill(&mut self, matrix: Matrix<'_>) {
        let mut values = match std::mem::take(&mut self.values) {
            Values::F32(values) => values,
            Values::F16(_) => Vec::new(),
        };
        values.resize(size(matrix), 0.0);
        match matrix.has_contiguous_rows() {
            true => {
                each_line(matrix, |part, to| values[to..][..part.len()].copy_from_slice(part));
            }
            false => {
                for column in 0..matrix.columns() {
                    let start = column / PANEL * matrix.rows() * PANEL + column % PANEL;
                    let places = values[start..].iter_mut().step_by(PANEL);
                    places.zip(matrix.column(column)).for_each(|(place, value)| *place = *value);
                }
            }
        }
        *self =
            Self { values: Values::F32(values), rows: matrix.rows(), columns: matrix.columns() };
    }

    /// The matrix as it is kept.
    pub(super) fn unpack(&self) -> Vec<f32> {
        let mut matrix = vec![0.0; self.rows * self.columns];
        let mut room = Vec::new();
        for first in (0..self.columns).step_by(PANEL) {
            let width = PANEL.min(self.columns - first);
            let panel = self.panel(first / PANEL, &mut room);
            let lines = matrix.chunks_exact_mut(self.columns);
            for (line, panel) in lines.zip(panel.chunks_exact(PANEL)) {
                line[first..][..width].copy_from_slice(&panel[..width]);
            }
        }
        matrix
    }

    /// Number of columns.
    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// A panel in f32, in `room` where it is not kept so.
    fn panel<'a>(&'a self, panel: usize, room: &'a mut Vec<f32>) -> &'a [f32] {
        let size = self.rows * PANEL;
        let range = panel * size..(panel + 1) * size;
        match &self.values {
            Values::F32(values) => &values[range],
            Values::F16(values) => {
                room.resize(size, 0.0);
                values[range].convert_to_f32_slice(room);
                room
            }
        }
    }

    /// Where a panel lies.
    fn prefetch(&self, panel: usize) -> Prefetch {
        let size = self.rows * PANEL;
        let range = panel * size..(panel + 1) * size;
        match &self.values {
            Values::F32(values) => Prefetch::new(&values[range]),
            Values::F16(values) => Prefetch::new(&values[range]),
        }
    }

    /// Writes the columns of `a` times this that `out` has.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit, or the part does not begin with a panel.
    pub(super) fn multiply(
        &self,
        a: Matrix<'_>,
        start: Start<'_>,
        after: Option<Activation>,
        out: Part<'_>,
    ) {
        assert_eq!(a.columns(), self.rows, "inner lengths of a product");
        assert_eq!(a.rows(), out.rows(), "rows of a product");
        assert!(a.has_contiguous_rows(), "rows that are read where they lie");
        let columns = out.columns();
        assert!(columns.start.is_multiple_of(PANEL) && columns.end <= self.columns, "whole panels");
        if let Start::Bias(bias) = start {
            assert_eq!(bias.len(), self.columns, "one value a column");
        }
        arch().dispatch(Product { a, b: self, start, after, out });
    }
}

impl Default for Values {
    fn default() -> Self {
        Self::F32(Vec::new())
    }
}

/// Values of the panels of a matrix.
fn size(matrix: Matrix<'_>) -> usize {
    matrix.columns().div_ceil(PANEL) * matrix.rows() * PANEL
}

/// Calls with each line of each panel, in the order of the panels, and its place in them.
#[inline(always)]
fn each_line(matrix: Matrix<'_>, mut call: impl FnMut(&[f32], usize)) {
    let mut to = 0;
    for first in (0..matrix.columns()).step_by(PANEL) {
        let width = PANEL.min(matrix.columns() - first);
        for row in 0..matrix.rows() {
            call(&matrix.row(row)[first..][..width], to);
            to += PANEL;
        }
    }
}

/// What sums begin with.
#[derive(Clone, Copy)]
pub(super) enum Start<'a> {
    Zero,
    /// One value a column.
    Bias(&'a [f32]),
    /// What is there already.
    Out,
}

struct Product<'a> {
    a: Matrix<'a>,
    b: &'a Packed,
    start: Start<'a>,
    after: Option<Activation>,
    out: Part<'a>,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // As many rows as registers hold sums of beside the operands.
        self.run(simd, if S::REGISTER_COUNT < 32 { 6 } else { 12 });
    }
}

impl Product<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S, most: usize) {
        let (columns, rows) = (self.out.columns(), self.a.rows());
        let (b, mut room) = (self.b, Vec::new());
        let tiles = tiles(0..rows, most);
        for part in steps(columns.clone(), PANEL) {
            let next = if part.end < columns.end { part.end } else { columns.start };
            let panel = b.panel(part.start / PANEL, &mut room);
            let at = part.start - columns.start..part.end - columns.start;
            for (i, tile) in tiles.clone().enumerate() {
                let prefetch = b.prefetch(next / PANEL).part(i, tiles.len());
                let step =
                    Step { row: tile.start, panel, first: part.start, at: at.clone(), prefetch };
                match tile.len() {
                    1 => self.tile::<S, 1>(simd, step),
                    2 => self.tile::<S, 2>(simd, step),
                    3 => self.tile::<S, 3>(simd, step),
                    4 => self.tile::<S, 4>(simd, step),
                    5 => self.tile::<S, 5>(simd, step),
                    6 => self.tile::<S, 6>(simd, step),
                    7 => self.tile::<S, 7>(simd, step),
                    8 => self.tile::<S, 8>(simd, step),
                    9 => self.tile::<S, 9>(simd, step),
                    10 => self.tile::<S, 10>(simd, step),
                    11 => self.tile::<S, 11>(simd, step),
                    _ => self.tile::<S, 12>(simd, step),
                }
            }
            if let Some(activation) = self.after {
                for row in 0..rows {
                    simd::bend(activation, &mut self.out.row(row)[at.clone()]);
                }
            }
        }
    }

    /// Some rows by one panel.
    #[inline(always)]
    fn tile<S: Simd, const N: usize>(&mut self, simd: S, step: Step<'_>) {
        let Step { row, panel, first, at, prefetch } = step;
        let a: [&[f32]; N] = std::array::from_fn(|i| self.a.row(row + i));
        let mut tile = [[0.0; PANEL]; N];
        for (i, line) in tile.iter_mut().enumerate() {
            match self.start {
                Start::Zero => {}
                Start::Bias(bias) => copy(&bias[first..first + at.len()], line),
                Start::Out => copy(&self.out.row(row + i)[at.clone()], line),
            }
        }
        let strips = PANEL / (ACROSS * S::F32_LANES);
        for strip in 0..strips {
            add::<S, N>(simd, a, panel, strip, prefetch.part(strip, strips), &mut tile);
        }
        for (i, line) in tile.iter().enumerate() {
            copy(line, &mut self.out.row(row + i)[at.clone()]);
        }
    }
}

/// Copies as much as both have, mostly a whole line of a panel.
#[inline(always)]
fn copy(from: &[f32], to: &mut [f32]) {
    let count = from.len().min(to.len());
    match count {
        PANEL => to[..PANEL].copy_from_slice(&from[..PANEL]),
        _ => to[..count].copy_from_slice(&from[..count]),
    }
}

/// What a tile works on.
struct Step<'a> {
    /// The first row.
    row: usize,
    panel: &'a [f32],
    /// The first column of the panel.
    first: usize,
    /// The panel's columns in the output.
    at: Range<usize>,
    prefetch: Prefetch,
}

/// Adds the product of N rows and the columns of one strip of a panel.
#[inline(always)]
fn add<S: Simd, const N: usize>(
    simd: S,
    a: [&[f32]; N],
    panel: &[f32],
    part: usize,
    prefetch: Prefetch,
    tile: &mut [[f32; PANEL]; N],
) {
    let strip = ACROSS * S::F32_LANES;
    let columns = part * strip..(part + 1) * strip;
    let mut sums = [[simd.splat_f32s(0.0); ACROSS]; N];
    for (sums, line) in sums.iter_mut().zip(&*tile) {
        *sums = registers::<S>(&line[columns.clone()]);
    }
    let (panel, _) = S::as_simd_f32s(panel);
    let (strips, _) = panel.as_chunks::<ACROSS>();
    let inner = a[0].len();
    let a = a.map(|row| &row[..inner]);
    let stride = prefetch.stride(inner);
    for (k, b) in strips[part..].iter().step_by(PANEL / strip).enumerate().take(inner) {
        let b = *b;
        prefetch.hint(k * stride);
        for (sums, a) in sums.iter_mut().zip(&a) {
            let a = simd.splat_f32s(a[k]);
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = simd.mul_add_e_f32s(a, b, *sum);
            }
        }
    }
    for (sums, line) in sums.iter().zip(tile) {
        let (line, _) = S::as_mut_simd_f32s(&mut line[columns.clone()]);
        line.copy_from_slice(sums);
    }
}

#[inline(always)]
fn registers<S: Simd>(values: &[f32]) -> [S::f32s; ACROSS] {
    let (registers, _) = S::as_simd_f32s(values);
    std::array::from_fn(|i| registers[i])
}

#[cfg(test)]
mod tests {
    use clip_testkit::{Random, assert_close};

    use super::*;

    /// Runs a product on every instruction set of this machine.
    fn on_each(mut run: impl FnMut(&str, &dyn Fn(Product<'_>))) {
        run("picked", &|product| arch().dispatch(product));
        run("scalar", &|product| product.with_simd(pulp::Scalar));
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            run("AVX2", &|product| Simd::vectorize(simd, product));
        }
        #[cfg(target_arch = "aarch64")]
        if let Some(simd) = pulp::aarch64::Neon::try_new() {
            run("NEON", &|product| Simd::vectorize(simd, product));
        }
    }

    /// Against a plain loop, for rows and columns that fill tiles and panels and that do not, on
    /// all columns at once and on parts of them.
    #[test]
    fn products_are_those_of_a_loop() {
        for (rows, inner, columns) in
            [(1, 1, 1), (12, 8, 32), (13, 7, 33), (25, 64, 70), (3, 1, 31), (41, 33, 96)]
        {
            let mut random = Random::new(rows as u64);
            let (a, b) = (random.values(rows * inner), random.values(inner * columns));
            let (bias, before) = (random.values(columns), random.values(rows * columns));
            let packed = Packed::new(Matrix::new(&b, columns));
            assert_eq!(packed.unpack(), b);
            // A test of 16 bits wants values that those hold.
            let halves = Packed::in_halves(Matrix::new(&b, columns));
            assert_close("halves", &halves.unpack(), &b, 1e-3);
            let expected = |start: &dyn Fn(usize) -> f32| -> Vec<f32> {
                let value = |at: usize| {
                    let (i, j) = (at / columns, at % columns);
                    let terms = (0..inner).map(|k| a[i * inner + k] * b[k * columns + j]);
                    start(at) + terms.sum::<f32>()
                };
                (0..rows * columns).map(value).collect()
            };
            let quick = |x: f32| x / (1.0 + (-1.702 * x).exp());
            let bent = expected(&|at| bias[at % columns]).into_iter().map(quick).collect();
            let cases = [
                ("bias", Start::Bias(&bias), None, expected(&|at| bias[at % columns])),
                ("out", Start::Out, None, expected(&|at| before[at])),
                ("bent", Start::Bias(&bias), Some(Activation::QuickGelu), bent),
            ];
            on_each(|isa, run| {
                for (what, start, after, expected) in &cases {
                    for count in [1, 2] {
                        let mut out = before.clone();
                        let whole = Part::whole(&mut out, rows, columns, columns);
                        for out in whole.split(PANEL, count) {
                            let a = Matrix::new(&a, inner);
                            let (start, after) = (*start, *after);
                            run(Product { a, b: &packed, start, after, out });
                        }
                        let what = format!("{what}, {rows}×{inner}×{columns} on {isa}");
                        assert_close(&what, &out, expected, 1e-5);
                    }
                }
            });
        }
    }
}
