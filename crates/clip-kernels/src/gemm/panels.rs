//! The right side of products, packed once for many.

use std::ops::Range;

use crate::matrix::MatrixView;
use crate::tiling::{self, steps};
use crate::{Prefetch, dispatch};

/// A matrix in panels of some columns: each stands in one piece, one group of rows after the other, and
/// of a group one unit for each column, which is what a lane of a register multiplies at once. The last
/// group is filled up with zeros; the last panel is not filled up: sums of columns that the matrix does
/// not have are not written anywhere.
#[derive(Debug)]
pub(crate) struct Panels<U> {
    units: Vec<U>,
    rows: usize,
    columns: usize,
    /// Columns of a panel.
    width: usize,
    /// Rows of a group.
    group: usize,
}

impl<U: Copy + Default> Panels<U> {
    /// Packs a matrix in groups of G rows, whose values in a column become a unit.
    ///
    /// # Panics
    ///
    /// Where its rows are not contiguous.
    pub(crate) fn pack<const G: usize, T: Copy + Default>(
        matrix: MatrixView<'_, T>,
        width: usize,
        unit: impl Fn([T; G]) -> U,
    ) -> Self {
        let mut panels = Self { units: Vec::new(), rows: 0, columns: 0, width, group: G };
        panels.repack(matrix, unit);
        panels
    }

    /// As [`Self::pack`], in the room of another matrix.
    pub(crate) fn repack<const G: usize, T: Copy + Default>(
        &mut self,
        matrix: MatrixView<'_, T>,
        unit: impl Fn([T; G]) -> U,
    ) {
        assert_eq!(self.group, G, "panels of another group");
        assert!(matrix.has_contiguous_rows(), "rows that are packed where they lie");
        (self.rows, self.columns) = (matrix.rows(), matrix.columns());
        let (count, size) = (self.columns.div_ceil(self.width), self.size());
        self.units.resize(count * size, U::default());
        dispatch(
            #[inline(always)]
            || self.fill(matrix, &unit),
        );
    }

    #[inline(always)]
    fn fill<const G: usize, T: Copy + Default>(
        &mut self,
        matrix: MatrixView<'_, T>,
        unit: &impl Fn([T; G]) -> U,
    ) {
        /// Groups that are packed for all panels before the next: rows are read from few places at a
        /// time, and panels are written in more than a line.
        const STEPS: usize = 8;
        let (width, size, columns) = (self.width, self.size(), self.columns);
        let nothing = vec![T::default(); columns];
        for steps in steps(0..self.steps(), STEPS) {
            for (panel, columns) in tiling::steps(0..columns, width).enumerate() {
                let units = &mut self.units[panel * size..][..size];
                for step in steps.clone() {
                    let rows: [&[T]; G] = std::array::from_fn(
                        #[inline(always)]
                        |i| match step * G + i < matrix.rows() {
                            true => &matrix.row(step * G + i)[columns.clone()],
                            false => &nothing[columns.clone()],
                        },
                    );
                    let units = &mut units[step * width..][..width];
                    // Lengths that the compiler knows.
                    match columns.len() {
                        32 => fill(&mut units[..32], rows, unit),
                        16 => fill(&mut units[..16], rows, unit),
                        count => fill(&mut units[..count], rows, unit),
                    }
                }
            }
        }
    }

    /// Units of a panel.
    fn size(&self) -> usize {
        self.steps() * self.width
    }

    /// Groups of rows.
    fn steps(&self) -> usize {
        self.rows.div_ceil(self.group)
    }

    /// The matrix's rows, filled up to whole groups.
    pub(crate) fn inner(&self) -> usize {
        self.steps() * self.group
    }

    /// Rows of the matrix.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of the matrix.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Columns of a panel.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Some rows of a panel, in whole groups.
    pub(crate) fn block(&self, panel: usize, rows: Range<usize>) -> &[U] {
        let [start, end] = [rows.start, rows.end].map(|row| row / self.group * self.width);
        &self.units[panel * self.size()..][start..end]
    }

    /// As many rows as a block has, from the end of the block on: the next block, or the start of the
    /// next panel.
    pub(crate) fn next(&self, panel: usize, block: Range<usize>) -> Prefetch {
        let [start, end] = [block.end, block.end + block.len()]
            .map(|row| (panel * self.size() + row / self.group * self.width).min(self.units.len()));
        Prefetch::new(&self.units[start..end])
    }

    /// The matrix row by row, each unit taken apart.
    pub(crate) fn unpack<const G: usize, T: Copy + Default>(
        &self,
        values: impl Fn(U) -> [T; G],
    ) -> Vec<T> {
        let mut matrix = vec![T::default(); self.rows * self.columns];
        for (row, line) in matrix.chunks_exact_mut(self.columns.max(1)).enumerate() {
            for (column, value) in line.iter_mut().enumerate() {
                let start = column / self.width * self.size();
                let unit = self.units[start + row / G * self.width + column % self.width];
                *value = values(unit)[row % G];
            }
        }
        matrix
    }
}

/// The units of some columns of a group.
#[inline(always)]
fn fill<const G: usize, T: Copy, U>(units: &mut [U], rows: [&[T]; G], unit: &impl Fn([T; G]) -> U) {
    let rows = rows.map(
        #[inline(always)]
        |row| &row[..units.len()],
    );
    for (j, place) in units.iter_mut().enumerate() {
        *place = unit(std::array::from_fn(
            #[inline(always)]
            |i| rows[i][j],
        ));
    }
}

#[cfg(test)]
mod tests {
    use clip_testkit::Random;

    use super::*;

    fn check<const G: usize>(rows: usize, columns: usize)
    where
        [f32; G]: Default,
    {
        let matrix = Random::new(1).values(rows * columns);
        let view = MatrixView::new(&matrix, columns);
        let panels = Panels::pack::<G, f32>(view, 16, |unit| unit);
        assert_eq!(panels.unpack(|unit| unit), matrix);
        // A larger matrix before leaves nothing behind, not even where the last group is filled up.
        let larger = [7.0; 80 * 80];
        let mut reused = Panels::pack::<G, f32>(MatrixView::new(&larger, 80), 16, |unit| unit);
        reused.repack::<G, f32>(view, |unit| unit);
        assert_eq!(reused.unpack(|unit| unit), matrix);
        for column in 0..columns {
            let last = column / 16 * reused.size() + (reused.steps() - 1) * 16 + column % 16;
            assert_eq!(reused.units[last], panels.units[last], "column {column}");
        }
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        for (rows, columns) in [(1, 1), (5, 16), (8, 17), (7, 33), (64, 70)] {
            check::<1>(rows, columns);
            check::<2>(rows, columns);
            check::<4>(rows, columns);
        }
    }
}
