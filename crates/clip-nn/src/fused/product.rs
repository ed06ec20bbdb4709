//! Matrix products on one thread, over slices.

use gemm::{Parallelism, gemm};

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
