//! Columns of a matrix that several threads write at once, each its own.

use std::marker::PhantomData;
use std::ops::Range;

/// Some columns of every row of a row-major matrix, to write.
pub(super) struct Part<'a> {
    /// The first value of the first row that belongs to the part.
    start: *mut f32,
    stride: usize,
    rows: usize,
    columns: Range<usize>,
    matrix: PhantomData<&'a mut [f32]>,
}

#[expect(unsafe_code, reason = "threads write columns of one matrix")]
// SAFETY: a part is the only way to its values while it lives: `split` takes the whole matrix and
// makes parts without a column in common.
unsafe impl Send for Part<'_> {}

impl<'a> Part<'a> {
    /// A matrix whose rows begin `stride` apart and have `columns` values; the last row may end
    /// with them.
    ///
    /// # Panics
    ///
    /// Where it does not fit the slice.
    pub(super) fn whole(matrix: &'a mut [f32], rows: usize, columns: usize, stride: usize) -> Self {
        let end = if rows == 0 { 0 } else { (rows - 1) * stride + columns };
        assert!(columns <= stride && end <= matrix.len(), "room for a product");
        let start = matrix.as_mut_ptr();
        Self { start, stride, rows, columns: 0..columns, matrix: PhantomData }
    }

    /// Some of its columns, numbered as in the matrix.
    ///
    /// # Panics
    ///
    /// Where it does not have them.
    pub(super) fn only(self, columns: Range<usize>) -> Self {
        let Range { start, end } = self.columns;
        assert!(start <= columns.start && columns.end <= end, "columns of a part");
        Self { start: self.start.wrapping_add(columns.start - start), columns, ..self }
    }

    /// Apart at multiples of `unit` columns, into up to `count` parts of about one size.
    pub(super) fn split(self, unit: usize, count: usize) -> Vec<Self> {
        let Range { start: first, end } = self.columns;
        let size = (end - first).div_ceil(unit).div_ceil(count).max(1) * unit;
        let part = |column: usize| Self {
            // Within the first row, whose columns `whole` checked.
            start: self.start.wrapping_add(column - first),
            columns: column..end.min(column + size),
            ..self
        };
        (first..end).step_by(size).map(part).collect()
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Which columns of the matrix they are.
    pub(super) fn columns(&self) -> Range<usize> {
        self.columns.clone()
    }

    /// The values of a row, in those columns.
    ///
    /// # Panics
    ///
    /// Where there is no such row.
    pub(super) fn row(&mut self, row: usize) -> &mut [f32] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        #[expect(unsafe_code, reason = "threads write columns of one matrix")]
        // SAFETY: the row lies in the matrix (`whole`), whose lifetime the part holds; no other
        // part has these columns, and `self` is borrowed.
        unsafe {
            std::slice::from_raw_parts_mut(self.start.add(row * self.stride), self.columns.len())
        }
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
            let parts = Part::whole(&mut matrix, rows, columns, stride).split(unit, count);
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
    #[should_panic(expected = "room for a product")]
    fn a_matrix_beyond_its_slice_is_refused() {
        Part::whole(&mut [0.0; 5], 2, 3, 3);
    }
}
