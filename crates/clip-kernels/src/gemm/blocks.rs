//! The loops around a micro-kernel: blocks of panels, and all rows that pass over them.

use std::ops::Range;

use super::microkernel::{Accumulate, MicroKernel, Tile};
use super::panels::Panels;
use super::{Epilogue, sized};
use crate::Prefetch;
use crate::matrix::{ColumnsMut, MatrixView};
use crate::tiling::{steps, tiles};

/// A block of one panel, and all that is multiplied with it: the macro-kernel around a micro-kernel.
pub(crate) struct Block<'a, A, W, S> {
    /// All rows of the left side.
    pub(crate) a: MatrixView<'a, A>,
    /// The values of each row that belong to the block.
    pub(crate) inner: Range<usize>,
    /// The block of the panel.
    pub(crate) weights: &'a [W],
    /// What follows the block.
    pub(crate) next: Prefetch,
    /// A bias has as many values as the panel has columns of the matrix.
    pub(crate) start: Accumulate<'a, S>,
    /// The first column in the output.
    pub(crate) column: usize,
    /// How many columns of the panel the matrix has.
    pub(crate) width: usize,
}

impl<'a, A, W, S: Copy> Block<'a, A, W, S> {
    /// The same block with its weights in another type.
    pub(crate) fn with<V>(&self, weights: &'a [V]) -> Block<'a, A, V, S> {
        let Self { a, ref inner, next, start, column, width, .. } = *self;
        Block { a, inner: inner.clone(), weights, next, start, column, width }
    }
}

impl<A: Copy, W, S: Copy + Default> MicroKernel<A, W, S> {
    /// Writes the sums of all rows by a block, tile by tile.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub(crate) fn multiply_block(&self, block: &Block<'_, A, W, S>, out: &mut ColumnsMut<'_, S>) {
        let Block { a, ref inner, weights, next, start, column, width } = *block;
        // Of a panel with few columns one register of two is computed.
        let columns = if 2 * width <= self.columns { self.columns / 2 } else { self.columns };
        if width == columns && a.rows() > 0 {
            let (rows, inner, prefetch, at) = (0..a.rows(), inner.clone(), next, [0, column]);
            let (panel, out) = (weights, out.reborrow());
            self.multiply(Tile { a, rows, inner, panel, columns, prefetch, start, out, at });
            return;
        }
        let tiles = tiles(0..a.rows(), self.rows);
        let count = tiles.len();
        for (i, rows) in tiles.enumerate() {
            let at = [rows.start, column];
            let (prefetch, inner, out) = (next.part(i, count), inner.clone(), out.reborrow());
            let tile = Tile { a, rows, inner, panel: weights, columns, prefetch, start, out, at };
            self.multiply_narrow(tile, width);
        }
    }

    /// The sums of all rows by a panel, row by row: few enough to stay near for what follows them. Of the
    /// panel, `block` rows are multiplied before the next.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub(crate) fn multiply_panel<'a>(
        &self,
        a: MatrixView<'_, A>,
        (panels, panel, block): (&Panels<W>, usize, usize),
        room: &'a mut Vec<S>,
    ) -> &'a mut [S]
    where
        W: Copy + Default,
    {
        let width = self.columns;
        let sums = sized(room, a.rows() * width);
        for inner in steps(0..panels.inner(), block) {
            let weights = panels.block(panel, inner.clone());
            let next = panels.next(panel, inner.clone());
            let start = if inner.start == 0 { Accumulate::Overwrite } else { Accumulate::Add };
            let block = Block { a, inner, weights, next, start, column: 0, width };
            self.multiply_block(&block, &mut ColumnsMut::new(sums, width));
        }
        sums
    }

    /// As [`Self::multiply`], where the output has `width` columns only.
    fn multiply_narrow(&self, tile: Tile<'_, A, W, S>, width: usize) {
        /// Values of the largest tile.
        const MOST: usize = 12 * 32;
        let Tile { start, mut out, at: [row, column], .. } = tile;
        let (count, columns, length) = (tile.rows.len(), column..column + width, tile.columns);
        let mut edge = [S::default(); MOST];
        let edge = &mut edge[..count * length];
        for (i, line) in edge.chunks_exact_mut(length).enumerate() {
            match start {
                Accumulate::Overwrite => {}
                Accumulate::Add => {
                    line[..width].copy_from_slice(&out.row(row + i)[columns.clone()]);
                }
                Accumulate::Bias(bias) => line[..width].copy_from_slice(bias),
            }
        }
        let sums = ColumnsMut::new(edge, length);
        self.multiply(Tile { start: Accumulate::Add, out: sums, at: [0, 0], ..tile });
        for (i, line) in edge.chunks_exact(length).enumerate() {
            out.row(row + i)[columns.clone()].copy_from_slice(&line[..width]);
        }
    }
}

/// Runs the blocks of the columns that `out` has, of so many rows of the weights each: those of a panel one after the
/// other, and then what follows their sums.
pub(super) fn by_blocks<A: Copy, W: Copy + Default>(
    (a, panels, rows): (MatrixView<'_, A>, &Panels<W>, usize),
    epilogue: Epilogue<'_>,
    mut out: ColumnsMut<'_>,
    mut multiply: impl FnMut(&Block<'_, A, W, f32>, &mut ColumnsMut<'_>),
) {
    let first = out.columns().start;
    for part in steps(out.columns(), panels.width()) {
        let panel = part.start / panels.width();
        let mut start = epilogue.accumulate.of(part.clone());
        for inner in steps(0..panels.inner(), rows) {
            let weights = panels.block(panel, inner.clone());
            let next = panels.next(panel, inner.clone());
            let (column, width) = (part.start - first, part.len());
            multiply(&Block { a, inner, weights, next, start, column, width }, &mut out);
            start = Accumulate::Add;
        }
        epilogue.finish(part, &mut out);
    }
}
