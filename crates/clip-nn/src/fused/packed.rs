//! Products with a right side that was laid out once, for weights that serve many times.
//!
//! A panel of columns stays in the cache while all rows pass over it; the rows are read where they
//! lie. Sums begin with the bias, and what follows the product (a nonlinearity) is done while a
//! panel's columns are still near.

use pulp::{Arch, Simd, WithSimd};

use super::part::Part;
use super::product::Matrix;
use super::simd;
use crate::Activation;

/// Columns of a panel: two registers of AVX-512, and a multiple of all smaller ones.
pub(super) const PANEL: usize = 32;

/// Registers of a row in a tile.
const ACROSS: usize = 2;

/// The right side of products: panels of [`PANEL`] columns, one row after the other; zeros fill the
/// last.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    values: Vec<f32>,
    rows: usize,
    columns: usize,
}

impl Packed {
    /// Lays a matrix out.
    ///
    /// # Panics
    ///
    /// Where it holds no whole number of rows.
    pub(super) fn new(matrix: &[f32], columns: usize) -> Self {
        assert!(matrix.len().is_multiple_of(columns), "rows of {columns}");
        let rows = matrix.len() / columns;
        let mut values = vec![0.0; columns.div_ceil(PANEL) * rows * PANEL];
        for (row, line) in matrix.chunks_exact(columns).enumerate() {
            for (panel, part) in line.chunks(PANEL).enumerate() {
                values[(panel * rows + row) * PANEL..][..part.len()].copy_from_slice(part);
            }
        }
        Self { values, rows, columns }
    }

    /// The matrix as it was.
    pub(super) fn unpack(&self) -> Vec<f32> {
        let mut matrix = vec![0.0; self.rows * self.columns];
        for (row, line) in matrix.chunks_exact_mut(self.columns).enumerate() {
            for (panel, part) in line.chunks_mut(PANEL).enumerate() {
                part.copy_from_slice(
                    &self.values[(panel * self.rows + row) * PANEL..][..part.len()],
                );
            }
        }
        matrix
    }

    /// Number of columns.
    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    fn panel(&self, panel: usize) -> &[f32] {
        &self.values[panel * self.rows * PANEL..][..self.rows * PANEL]
    }
}

/// What sums begin with.
#[derive(Clone, Copy)]
pub(super) enum Start<'a> {
    /// One value a column.
    Bias(&'a [f32]),
    /// What is there already.
    Out,
}

/// Writes the columns of `a · b` that `out` has.
///
/// # Panics
///
/// Where the sizes do not fit, or the part does not begin with a panel.
pub(super) fn multiply(
    a: Matrix<'_>,
    b: &Packed,
    start: Start<'_>,
    after: Option<Activation>,
    out: Part<'_>,
) {
    assert_eq!(a.columns(), b.rows, "inner lengths of a product");
    assert_eq!(a.rows(), out.rows(), "rows of a product");
    assert!(a.has_contiguous_rows(), "rows that are read where they lie");
    let columns = out.columns();
    assert!(columns.start.is_multiple_of(PANEL) && columns.end <= b.columns, "whole panels");
    if let Start::Bias(bias) = start {
        assert_eq!(bias.len(), b.columns, "one value a column");
    }
    Arch::new().dispatch(Product { a, b, start, after, out });
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
        // As many sums as registers hold beside the operands.
        match S::REGISTER_COUNT {
            32.. => self.run::<S, 12>(simd),
            _ => self.run::<S, 6>(simd),
        }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(mut self, simd: S) {
        let columns = self.out.columns();
        for first in columns.clone().step_by(PANEL) {
            let width = PANEL.min(columns.end - first);
            let at = first - columns.start;
            let mut row = 0;
            while row + ROWS <= self.a.rows() {
                self.rows::<S, ROWS>(simd, row, first, at..at + width);
                row += ROWS;
            }
            while row + 4 <= self.a.rows() {
                self.rows::<S, 4>(simd, row, first, at..at + width);
                row += 4;
            }
            while row < self.a.rows() {
                self.rows::<S, 1>(simd, row, first, at..at + width);
                row += 1;
            }
            if let Some(activation) = self.after {
                for row in 0..self.a.rows() {
                    simd::bend(activation, &mut self.out.row(row)[at..at + width]);
                }
            }
        }
    }

    /// Some rows by one panel.
    #[inline(always)]
    fn rows<S: Simd, const N: usize>(
        &mut self,
        simd: S,
        row: usize,
        first: usize,
        at: std::ops::Range<usize>,
    ) {
        let a: [&[f32]; N] = std::array::from_fn(|i| self.a.row(row + i));
        let mut tile = [[0.0; PANEL]; N];
        for (i, line) in tile.iter_mut().enumerate() {
            let line = &mut line[..at.len()];
            match self.start {
                Start::Bias(bias) => line.copy_from_slice(&bias[first..first + at.len()]),
                Start::Out => line.copy_from_slice(&self.out.row(row + i)[at.clone()]),
            }
        }
        let panel = self.b.panel(first / PANEL);
        let strip = ACROSS * S::F32_LANES;
        for part in 0..PANEL / strip {
            add::<S, N>(simd, a, panel, part, &mut tile);
        }
        for (i, line) in tile.iter().enumerate() {
            self.out.row(row + i)[at.clone()].copy_from_slice(&line[..at.len()]);
        }
    }
}

/// Adds the product of N rows and the columns of one strip of a panel.
#[inline(always)]
fn add<S: Simd, const N: usize>(
    simd: S,
    a: [&[f32]; N],
    panel: &[f32],
    part: usize,
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
    for (k, b) in strips[part..].iter().step_by(PANEL / strip).enumerate().take(inner) {
        let b = *b;
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
        run("picked", &|product| Arch::new().dispatch(product));
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
            let packed = Packed::new(&b, columns);
            assert_eq!(packed.unpack(), b);
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
