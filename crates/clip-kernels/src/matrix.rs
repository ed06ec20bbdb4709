//! Matrices inside slices: the one place where a pointer becomes rows and columns.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

/// A matrix inside a slice: `rows` × `columns`, `row_stride` and `column_stride` apart.
pub struct MatrixView<'a, T = f32> {
    values: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a, T> MatrixView<'a, T> {
    /// Rows of `columns` values that begin `stride` apart.
    ///
    /// # Panics
    ///
    /// Where the slice ends before the matrix does.
    pub fn strided(values: &'a [T], rows: usize, columns: usize, stride: usize) -> Self {
        let matrix = Self { values, rows, columns, row_stride: stride, column_stride: 1 };
        assert!(matrix.end() <= values.len(), "a matrix of {rows}×{columns} in a shorter slice");
        matrix
    }

    /// Rows of `columns` values, one after the other.
    ///
    /// # Panics
    ///
    /// Where the slice holds no whole number of rows.
    pub fn new(values: &'a [T], columns: usize) -> Self {
        assert!(values.len().is_multiple_of(columns), "rows of {columns}");
        Self::strided(values, values.len() / columns, columns, columns)
    }

    /// The same values with rows and columns exchanged.
    #[must_use]
    pub fn transposed(self) -> Self {
        let Self { values, rows, columns, row_stride, column_stride } = self;
        Self {
            values,
            rows: columns,
            columns: rows,
            row_stride: column_stride,
            column_stride: row_stride,
        }
    }

    /// `rows` of its rows from `first` on.
    ///
    /// # Panics
    ///
    /// Where it has fewer.
    #[must_use]
    pub fn part(self, first: usize, rows: usize) -> Self {
        assert!(first + rows <= self.rows, "rows of a matrix that ends before");
        let start = if rows == 0 { 0 } else { first * self.row_stride };
        Self { values: &self.values[start..], rows, ..self }
    }

    /// Some of its columns.
    ///
    /// # Panics
    ///
    /// Where it has fewer.
    #[must_use]
    pub fn only(self, columns: Range<usize>) -> Self {
        assert!(columns.start <= columns.end && columns.end <= self.columns, "columns of a part");
        let start = if self.rows == 0 { 0 } else { columns.start * self.column_stride };
        Self { values: &self.values[start..], columns: columns.len(), ..self }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Whether the values of a row stand one after the other; those of a column do otherwise.
    pub fn has_contiguous_rows(&self) -> bool {
        self.column_stride == 1
    }

    /// A row of a matrix with contiguous rows.
    ///
    /// # Panics
    ///
    /// Where there is no such row, or rows are not contiguous.
    pub fn row(&self, row: usize) -> &'a [T] {
        debug_assert!(self.has_contiguous_rows(), "a row in one piece");
        &self.values[row * self.row_stride..][..self.columns]
    }

    /// One value.
    ///
    /// # Panics
    ///
    /// Where there is no such place.
    pub fn at(&self, row: usize, column: usize) -> T
    where
        T: Copy,
    {
        assert!(row < self.rows && column < self.columns, "a place in a matrix");
        self.values[row * self.row_stride + column * self.column_stride]
    }

    /// The first value of a tile of contiguous rows, and how far apart its rows begin. Every value of
    /// the tile may be read through it while the view's slice is borrowed.
    ///
    /// # Panics
    ///
    /// Where the matrix does not have the tile, or rows are not contiguous.
    pub(crate) fn tile(&self, rows: Range<usize>, columns: Range<usize>) -> (*const T, usize) {
        assert!(self.has_contiguous_rows(), "rows that are read where they lie");
        assert!(rows.start < rows.end && rows.end <= self.rows, "rows of a tile");
        assert!(columns.start <= columns.end && columns.end <= self.columns, "columns of a tile");
        // `strided` checked that the last row ends within the slice.
        let start = self.values.as_ptr().wrapping_add(rows.start * self.row_stride + columns.start);
        (start, self.row_stride)
    }

    fn end(&self) -> usize {
        match (self.rows, self.columns) {
            (0, _) | (_, 0) => 0,
            (rows, columns) => {
                (rows - 1) * self.row_stride + (columns - 1) * self.column_stride + 1
            }
        }
    }
}

impl<T> Clone for MatrixView<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for MatrixView<'_, T> {}

impl<T> fmt::Debug for MatrixView<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MatrixView({}×{})", self.rows, self.columns)
    }
}

/// Some columns of every row of a row-major matrix, to write: several threads write one matrix at
/// once, each its own columns.
pub struct ColumnsMut<'a, T = f32> {
    /// The first value of the first row in these columns.
    start: *mut T,
    stride: usize,
    rows: usize,
    columns: Range<usize>,
    matrix: PhantomData<&'a mut [T]>,
}

#[expect(unsafe_code, reason = "threads write columns of one matrix")]
// SAFETY: these columns are the only way to their values while they live: `split` takes the whole and
// makes parts without a column in common.
unsafe impl<T: Send> Send for ColumnsMut<'_, T> {}

impl<'a, T> ColumnsMut<'a, T> {
    /// All columns of a matrix whose rows begin `stride` apart and have `columns` values; the last row
    /// may end with them.
    ///
    /// # Panics
    ///
    /// Where it does not fit the slice.
    pub fn strided(matrix: &'a mut [T], rows: usize, columns: usize, stride: usize) -> Self {
        let end = if rows == 0 { 0 } else { (rows - 1) * stride + columns };
        assert!(columns <= stride && end <= matrix.len(), "room for a matrix of {rows}×{columns}");
        let start = matrix.as_mut_ptr();
        Self { start, stride, rows, columns: 0..columns, matrix: PhantomData }
    }

    /// All columns of a matrix of contiguous rows.
    ///
    /// # Panics
    ///
    /// Where the slice holds no whole number of rows.
    pub fn new(matrix: &'a mut [T], columns: usize) -> Self {
        assert!(matrix.len().is_multiple_of(columns), "rows of {columns}");
        let rows = matrix.len() / columns;
        Self::strided(matrix, rows, columns, columns)
    }

    /// Some of these columns, numbered as in the matrix.
    ///
    /// # Panics
    ///
    /// Where they are not among these.
    #[must_use]
    pub fn only(self, columns: Range<usize>) -> Self {
        let Range { start, end } = self.columns;
        assert!(start <= columns.start && columns.end <= end, "columns of a part");
        Self { start: self.start.wrapping_add(columns.start - start), columns, ..self }
    }

    /// Apart at multiples of `unit` columns, into up to `count` parts of about one size.
    pub fn split(self, unit: usize, count: usize) -> Vec<Self> {
        let Range { start: first, end } = self.columns;
        let size = (end - first).div_ceil(unit).div_ceil(count).max(1) * unit;
        let part = |column: usize| Self {
            // Within the first row, whose columns `strided` checked.
            start: self.start.wrapping_add(column - first),
            columns: column..end.min(column + size),
            ..self
        };
        (first..end).step_by(size).map(part).collect()
    }

    /// The same columns, borrowed for a while.
    pub fn reborrow(&mut self) -> ColumnsMut<'_, T> {
        ColumnsMut { columns: self.columns.clone(), matrix: PhantomData, ..*self }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Which columns of the matrix they are.
    pub fn columns(&self) -> Range<usize> {
        self.columns.clone()
    }

    /// The values of a row, in these columns.
    ///
    /// # Panics
    ///
    /// Where there is no such row.
    pub fn row(&mut self, row: usize) -> &mut [T] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        #[expect(unsafe_code, reason = "threads write columns of one matrix")]
        // SAFETY: the row lies in the matrix (`strided`), whose lifetime is held; nobody else has
        // these columns, and `self` is borrowed.
        unsafe {
            std::slice::from_raw_parts_mut(self.start.add(row * self.stride), self.columns.len())
        }
    }

    /// The first value of a tile, whose columns are numbered from the first of these, and how far
    /// apart its rows begin. Every value of the tile may be read and written through it while `self`
    /// is borrowed.
    ///
    /// # Panics
    ///
    /// Where the tile is not within these columns.
    pub(crate) fn tile(&mut self, rows: Range<usize>, columns: Range<usize>) -> (*mut T, usize) {
        assert!(rows.start < rows.end && rows.end <= self.rows, "rows of a tile");
        assert!(columns.end <= self.columns.len(), "columns of a tile");
        (self.start.wrapping_add(rows.start * self.stride + columns.start), self.stride)
    }
}

impl<T> fmt::Debug for ColumnsMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ColumnsMut({:?} of {} rows)", self.columns, self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_all_columns_once() {
        for (rows, columns, unit, count) in
            [(3, 70, 32, 2), (1, 5, 32, 4), (2, 64, 32, 8), (4, 9, 1, 3)]
        {
            let stride = columns + 2;
            let mut matrix = vec![0.0; (rows - 1) * stride + columns];
            let parts = ColumnsMut::strided(&mut matrix, rows, columns, stride).split(unit, count);
            assert!(parts.len() <= count);
            std::thread::scope(|scope| {
                for mut part in parts {
                    scope.spawn(move || {
                        for row in 0..part.rows() {
                            part.row(row).iter_mut().for_each(|value| *value += 1.0);
                        }
                    });
                }
            });
            for (at, value) in matrix.iter().enumerate() {
                assert_eq!(*value, f32::from(u8::from(at % stride < columns)));
            }
        }
    }

    #[test]
    #[should_panic(expected = "room for a matrix")]
    fn a_matrix_beyond_its_slice_is_refused() {
        ColumnsMut::strided(&mut [0.0; 5], 2, 3, 3);
    }

    #[test]
    #[should_panic(expected = "rows of a tile")]
    fn a_tile_beyond_its_matrix_is_refused() {
        MatrixView::new(&[0.0; 6], 3).tile(1..3, 0..3);
    }
}
