//! Products of two matrices that are `bf16` already, such as those of attention.

use half::bf16;

use super::{Bf16Gemm, MicroKernel, Pair};
use crate::gemm::Epilogue;
use crate::gemm::output::Output;
use crate::gemm::panels::Panels;
use crate::matrix::{ColumnsMut, MatrixView};

/// Products whose right sides come once: packed in the room of the one before.
pub(crate) struct Bf16Product {
    right: Bf16Gemm,
    sums: Vec<f32>,
}

impl Bf16Product {
    /// Whether kernels may use the instructions for it.
    pub(crate) fn is_enabled() -> bool {
        kernel().is_some()
    }

    /// # Panics
    ///
    /// Where it is not enabled.
    pub(crate) fn new() -> Self {
        let kernel = kernel().expect("products of bf16 on a processor that has them");
        let empty = MatrixView::strided(&[], 0, 1, 1);
        let panels = Panels::pack(empty, kernel.columns, pair);
        Self { right: Bf16Gemm { panels, kernel }, sums: Vec::new() }
    }

    /// Columns that those of a transposed right side are filled up to a multiple of.
    pub(crate) fn panel_width(&self) -> usize {
        self.right.panels.width()
    }

    /// Packs the right side of the next products.
    pub(crate) fn pack(&mut self, b: MatrixView<'_, bf16>) {
        self.right.panels.repack(b, pair);
    }

    /// As [`Self::pack`], of the transposed matrix. The product has a multiple of
    /// [`Self::panel_width`] columns, of zeros at the end.
    pub(crate) fn pack_transposed(&mut self, b: MatrixView<'_, bf16>) {
        self.right.panels.repack_transposed(b, pair);
    }

    /// Writes the product with the right side. Where the inner length is odd, rows of `a` have a value
    /// more, which may be any finite one.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub(crate) fn multiply<O: Output>(&mut self, a: MatrixView<'_, bf16>, out: ColumnsMut<'_, O>) {
        self.right.write(a, Epilogue::OVERWRITE, out, &mut self.sums);
    }
}

fn kernel() -> Option<&'static MicroKernel<bf16, Pair, f32>> {
    #[cfg(target_arch = "x86_64")]
    return Some(&super::x86::AVX512_BF16).filter(|kernel| kernel.isa.is_enabled());
    #[cfg(not(target_arch = "x86_64"))]
    None
}

#[inline(always)]
fn pair([first, second]: [bf16; 2]) -> Pair {
    Pair::from(first.to_bits()) | Pair::from(second.to_bits()) << 16
}
