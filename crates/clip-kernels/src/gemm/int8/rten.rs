//! The kernels of the crate rten, for processors that ours are not written for.

use std::ops::Range;

use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedAMatrix, PackedBMatrix};
use rten_tensor::NdTensorView;

/// Columns of a block.
pub(super) const WIDTH: usize = 128;

type Executor = GemmExecutor<u8, i8, i32>;

/// Weights, [`WIDTH`] columns a block.
pub(super) struct Blocks(Vec<PackedBMatrix<i8>>);

/// Activations.
pub(super) struct PackedRows(PackedAMatrix<u8>);

impl Blocks {
    /// Packs a row-major matrix.
    pub(super) fn new(matrix: &[i8], columns: usize) -> Self {
        let (rows, kernels) = (matrix.len() / columns, Executor::new());
        let block = |first: usize| {
            let width = WIDTH.min(columns - first);
            let lines = matrix.chunks_exact(columns).flat_map(|row| &row[first..][..width]);
            let block: Vec<i8> = lines.copied().collect();
            kernels.prepack_b(NdTensorView::from_data([rows, width], block.as_slice()))
        };
        Self((0..columns).step_by(WIDTH).map(block).collect())
    }

    /// Writes the sums of all rows by the block of some columns.
    pub(super) fn multiply(&self, rows: &PackedRows, columns: Range<usize>, sums: &mut [i32]) {
        let a = GemmInputA::Packed(&rows.0);
        let b = GemmInputB::Packed(&self.0[columns.start / WIDTH]);
        let done = Executor::new().gemm(sums, a, b, GemmOptions::default());
        done.expect("sides that the same kernels packed");
    }
}

impl PackedRows {
    /// Packs a row-major matrix.
    pub(super) fn new(rows: &[u8], columns: usize) -> Self {
        let rows = NdTensorView::from_data([rows.len() / columns, columns], rows);
        Self(Executor::new().prepack_a(rows))
    }
}

/// Whether instructions add two products in 16 bits: then 7 bits of an activation keep them from
/// overflowing.
pub(super) fn may_saturate() -> bool {
    Executor::new().may_saturate()
}
