//! Matrix products on one thread, over slices.

use gemm::{Parallelism, gemm};

#[cfg(target_arch = "x86_64")]
use super::bf16;
use crate::Precision;

/// A matrix inside a slice: `rows` × `columns`, `row` apart and `column` apart.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row: usize,
    column: usize,
}

impl<'a> Matrix<'a> {
    /// Rows of `columns` values that begin `stride` apart.
    ///
    /// # Panics
    ///
    /// Where the slice ends before the matrix does.
    pub(super) fn strided(values: &'a [f32], rows: usize, columns: usize, stride: usize) -> Self {
        let matrix = Self { values, rows, columns, row: stride, column: 1 };
        assert!(matrix.end() <= values.len(), "a matrix of {rows}×{columns} in a shorter slice");
        matrix
    }

    /// Rows of `columns` values, one after the other.
    ///
    /// # Panics
    ///
    /// Where the slice holds no whole number of rows.
    pub(super) fn new(values: &'a [f32], columns: usize) -> Self {
        assert!(values.len().is_multiple_of(columns), "rows of {columns}");
        Self::strided(values, values.len() / columns, columns, columns)
    }

    /// The same values with rows and columns exchanged.
    pub(super) fn transposed(self) -> Self {
        let Self { values, rows, columns, row, column } = self;
        Self { values, rows: columns, columns: rows, row: column, column: row }
    }

    /// `rows` of its rows from `first` on.
    ///
    /// # Panics
    ///
    /// Where it has fewer.
    pub(super) fn part(self, first: usize, rows: usize) -> Self {
        assert!(first + rows <= self.rows, "rows of a matrix that ends before");
        Self { values: &self.values[first * self.row..], rows, ..self }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Whether the values of a row stand one after the other; those of a column do otherwise.
    pub(super) fn has_contiguous_rows(&self) -> bool {
        self.column == 1
    }

    /// A row of a matrix with contiguous rows.
    pub(super) fn row(&self, row: usize) -> &'a [f32] {
        &self.values[row * self.row..][..self.columns]
    }

    /// A column of a matrix whose columns are contiguous.
    pub(super) fn column(&self, column: usize) -> &'a [f32] {
        &self.values[column * self.column..][..self.rows]
    }

    /// A row, or nothing after the last.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn row_or_empty(&self, row: usize) -> &'a [f32] {
        if row < self.rows { self.row(row) } else { &[] }
    }

    fn end(&self) -> usize {
        match (self.rows, self.columns) {
            (0, _) | (_, 0) => 0,
            (rows, columns) => (rows - 1) * self.row + (columns - 1) * self.column + 1,
        }
    }
}

/// What happens to the values that are already there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Into {
    Replace,
    Add,
}

/// `out = factor · a · b`, or `out + factor · a · b`; rows of `out` begin `stride` apart.
///
/// # Panics
///
/// Where the inner lengths differ or `out` is too short.
pub(super) fn multiply(
    a: Matrix<'_>,
    b: Matrix<'_>,
    factor: f32,
    mode: Into,
    out: &mut [f32],
    stride: usize,
) {
    assert_eq!(a.columns, b.rows, "inner lengths of a product");
    if a.rows == 0 || b.columns == 0 {
        return;
    }
    assert!((a.rows - 1) * stride + b.columns <= out.len(), "room for a product");
    #[expect(unsafe_code, reason = "gemm takes pointers; the matrices were checked to lie inside")]
    // SAFETY: `Matrix` lies within its slice, `out` was checked above and is not aliased.
    unsafe {
        gemm(
            a.rows,
            b.columns,
            a.columns,
            out.as_mut_ptr(),
            1,
            stride as isize,
            mode == Into::Add,
            a.values.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.values.as_ptr(),
            b.column as isize,
            b.row as isize,
            1.0,
            factor,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// Products at a precision, with room for their operands.
pub(super) struct Products {
    precision: Precision,
    #[cfg(target_arch = "x86_64")]
    left: bf16::Left,
    #[cfg(target_arch = "x86_64")]
    right: bf16::Right,
}

/// The right side of many products, readied once.
pub(super) enum Right<'a> {
    F32(Matrix<'a>),
    #[cfg(target_arch = "x86_64")]
    Bf16(bf16::Right),
}

impl<'a> Right<'a> {
    pub(super) fn new(precision: Precision, matrix: Matrix<'a>) -> Self {
        #[cfg(target_arch = "x86_64")]
        if precision.is_bf16_here() {
            let mut right = bf16::Right::default();
            right.fill(matrix);
            return Self::Bf16(right);
        }
        let _ = precision;
        Self::F32(matrix)
    }
}

impl Products {
    pub(super) fn new(precision: Precision) -> Self {
        Self {
            precision,
            #[cfg(target_arch = "x86_64")]
            left: bf16::Left::default(),
            #[cfg(target_arch = "x86_64")]
            right: bf16::Right::default(),
        }
    }

    /// `out = a · b`, or `out + a · b`, with a right side that serves again; rows of `out` begin
    /// `stride` apart.
    pub(super) fn multiply_by(
        &mut self,
        a: Matrix<'_>,
        b: &Right<'_>,
        mode: Into,
        out: &mut [f32],
        stride: usize,
    ) {
        match b {
            Right::F32(b) => multiply(a, *b, 1.0, mode, out, stride),
            #[cfg(target_arch = "x86_64")]
            Right::Bf16(b) => {
                self.left.fill(a);
                bf16::multiply(&self.left, b, mode, out, stride);
            }
        }
    }

    /// Adds `a · b` to `out`; rows of `out` begin `stride` apart.
    pub(super) fn add(&mut self, a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32], stride: usize) {
        #[cfg(target_arch = "x86_64")]
        if self.precision.is_bf16_here() {
            self.left.fill(a);
            self.right.fill(b);
            bf16::multiply(&self.left, &self.right, Into::Add, out, stride);
            return;
        }
        let _ = self.precision;
        multiply(a, b, 1.0, Into::Add, out, stride);
    }
}

#[cfg(test)]
mod tests {
    use clip_testkit::Random;

    use super::*;

    /// Both precisions against a plain loop, for every side that may be transposed.
    #[test]
    fn products_are_those_of_a_loop() {
        for (rows, inner, columns) in
            [(1, 1, 1), (12, 8, 32), (13, 7, 33), (25, 64, 70), (3, 1, 31), (40, 33, 96)]
        {
            let mut random = Random::new(rows as u64);
            let (a, b) = (random.values(rows * inner), random.values(inner * columns));
            let turned = |values: &[f32], rows: usize, columns: usize| -> Vec<f32> {
                let at = |i| values[i % rows * columns + i / rows];
                (0..rows * columns).map(at).collect()
            };
            let (a_turned, b_turned) = (turned(&a, rows, inner), turned(&b, inner, columns));
            let stride = columns + 3;
            let start = random.values(rows * stride);
            let dot = |i: usize, j: usize| -> f64 {
                (0..inner)
                    .map(|k| f64::from(a[i * inner + k]) * f64::from(b[k * columns + j]))
                    .sum()
            };
            for (precision, bound) in [(Precision::F32, 1e-5), (Precision::Bf16, 8e-3)] {
                let lefts = [Matrix::new(&a, inner), Matrix::new(&a_turned, rows).transposed()];
                let rights = [Matrix::new(&b, columns), Matrix::new(&b_turned, inner).transposed()];
                for (left, right) in lefts.into_iter().flat_map(|l| rights.map(|r| (l, r))) {
                    let mut products = Products::new(precision);
                    let (mut added, mut replaced) = (start.clone(), start.clone());
                    products.add(left, right, &mut added, stride);
                    let readied = Right::new(precision, right);
                    products.multiply_by(left, &readied, Into::Replace, &mut replaced, stride);
                    for (i, j) in (0..rows).flat_map(|i| (0..stride).map(move |j| (i, j))) {
                        let at = i * stride + j;
                        let before = f64::from(start[at]);
                        let (sum, product) = match j < columns {
                            true => (before + dot(i, j), dot(i, j)),
                            // What stands between the rows stays.
                            false => (before, before),
                        };
                        let bound = bound * (inner as f64).sqrt();
                        assert!((f64::from(added[at]) - sum).abs() < bound, "{precision:?} {at}");
                        assert!((f64::from(replaced[at]) - product).abs() < bound);
                    }
                }
            }
        }
    }
}
