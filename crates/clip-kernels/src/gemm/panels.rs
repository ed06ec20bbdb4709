//! The right side of products, packed once for many.

use std::ops::Range;

use crate::matrix::MatrixView;
use crate::{Prefetch, dispatch};

/// A matrix in panels of some columns: each stands in one piece, one group of rows after the other,
/// the values of a column's group together. The last panel and the last group are filled up with
/// zeros.
#[derive(Debug)]
pub(crate) struct Panels<W> {
    values: Vec<W>,
    rows: usize,
    columns: usize,
    /// Columns of a panel.
    width: usize,
    /// Rows of a group.
    group: usize,
}

impl<W: Copy + Default> Panels<W> {
    /// Packs a matrix in groups of G rows, each value converted.
    pub(crate) fn pack<const G: usize, T: Copy + Default>(
        matrix: MatrixView<'_, T>,
        width: usize,
        convert: impl Fn(T) -> W,
    ) -> Self {
        let mut panels = Self { values: Vec::new(), rows: 0, columns: 0, width, group: G };
        panels.repack::<G, T>(matrix, convert);
        panels
    }

    /// As [`Self::pack`], in the room of another matrix.
    pub(crate) fn repack<const G: usize, T: Copy + Default>(
        &mut self,
        matrix: MatrixView<'_, T>,
        convert: impl Fn(T) -> W,
    ) {
        assert_eq!(self.group, G, "panels of another group");
        (self.rows, self.columns) = (matrix.rows(), matrix.columns());
        let (count, size) = (self.columns.div_ceil(self.width), self.size());
        self.values.resize(count * size, W::default());
        dispatch(
            #[inline(always)]
            || match matrix.has_contiguous_rows() {
                true => self.fill_by_rows::<G, T>(matrix, &convert),
                false => self.fill_by_columns::<G, T>(matrix, &convert),
            },
        );
    }

    #[inline(always)]
    fn fill_by_rows<const G: usize, T: Copy + Default>(
        &mut self,
        matrix: MatrixView<'_, T>,
        convert: &impl Fn(T) -> W,
    ) {
        let (width, size) = (self.width, self.size().max(1));
        let nothing = vec![T::default(); self.columns];
        for (panel, values) in self.values.chunks_exact_mut(size).enumerate() {
            let first = panel * width;
            let count = width.min(self.columns - first);
            for (step, group) in values.chunks_exact_mut(width * G).enumerate() {
                let rows: [&[T]; G] = std::array::from_fn(
                    #[inline(always)]
                    |i| match step * G + i < matrix.rows() {
                        true => &matrix.row(step * G + i)[first..first + count],
                        false => &nothing[..count],
                    },
                );
                let (places, _) = group.as_chunks_mut::<G>();
                for (j, place) in places[..count].iter_mut().enumerate() {
                    for i in 0..G {
                        place[i] = convert(rows[i][j]);
                    }
                }
                places[count..].fill([W::default(); G]);
            }
        }
    }

    #[inline(always)]
    fn fill_by_columns<const G: usize, T: Copy>(
        &mut self,
        matrix: MatrixView<'_, T>,
        convert: &impl Fn(T) -> W,
    ) {
        let (width, size) = (self.width, self.size().max(1));
        for (panel, values) in self.values.chunks_exact_mut(size).enumerate() {
            let (places, _) = values.as_chunks_mut::<G>();
            for j in 0..width {
                let places = places[j..].iter_mut().step_by(width);
                let column = panel * width + j;
                if column >= self.columns {
                    places.for_each(|place| *place = [W::default(); G]);
                    continue;
                }
                let (groups, rest) = matrix.column(column).as_chunks::<G>();
                let mut last = [W::default(); G];
                last.iter_mut().zip(rest).for_each(|(to, from)| *to = convert(*from));
                let groups = groups.iter().map(
                    #[inline(always)]
                    |group| group.map(convert),
                );
                places.zip(groups.chain([last])).for_each(|(place, group)| *place = group);
            }
        }
    }

    /// Values of a panel.
    fn size(&self) -> usize {
        self.inner() * self.width
    }

    /// The matrix's rows, filled up to whole groups.
    pub(crate) fn inner(&self) -> usize {
        self.rows.next_multiple_of(self.group)
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
    pub(crate) fn block(&self, panel: usize, rows: Range<usize>) -> &[W] {
        &self.values[panel * self.size()..][rows.start * self.width..rows.end * self.width]
    }

    /// The rows of a block that follow those of another, or the start of the next panel.
    pub(crate) fn prefetch(&self, panel: usize, rows: Range<usize>) -> Prefetch {
        let start = (panel * self.size() + rows.start * self.width).min(self.values.len());
        let end = (start + rows.len() * self.width).min(self.values.len());
        Prefetch::new(&self.values[start..end])
    }

    /// The matrix row by row, each value converted.
    pub(crate) fn unpack<T: Copy + Default>(&self, convert: impl Fn(W) -> T) -> Vec<T> {
        let mut matrix = vec![T::default(); self.rows * self.columns];
        for (row, line) in matrix.chunks_exact_mut(self.columns.max(1)).enumerate() {
            for (column, value) in line.iter_mut().enumerate() {
                let group = row / self.group * self.width + column % self.width;
                let start = column / self.width * self.size();
                *value = convert(self.values[start + group * self.group + row % self.group]);
            }
        }
        matrix
    }
}

#[cfg(test)]
mod tests {
    use clip_testkit::Random;

    use super::*;

    fn check<const G: usize>(rows: usize, columns: usize) {
        let matrix = Random::new(1).values(rows * columns);
        let view = MatrixView::new(&matrix, columns);
        let panels = Panels::pack::<G, f32>(view, 16, |value| value);
        assert_eq!(panels.unpack(|value| value), matrix);
        let turned = Panels::pack::<G, f32>(view.transposed(), 16, |value| value);
        let back = Panels::pack::<G, f32>(
            MatrixView::new(&turned.unpack(|value| value), rows).transposed(),
            16,
            |value| value,
        );
        // Also what fills it up.
        assert_eq!(back.values, panels.values);
        // A larger matrix before leaves nothing behind.
        let mut reused = Panels::pack::<G, f32>(MatrixView::new(&[7.0; 80 * 80], 80), 16, |x| x);
        reused.repack::<G, f32>(view, |value| value);
        assert_eq!(reused.values, panels.values);
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
