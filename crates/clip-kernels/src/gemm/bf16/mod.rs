//! Products of `bf16` with sums in `f32`, for processors with an instruction for them.
//!
//! AVX-512 BF16 multiplies twice as many values a cycle as `f32`, at eight bits of precision: enough
//! to train with (Kalamkar et al. 2019, arXiv:1905.12322) and to serve within a cosine of 0.999. The
//! instruction multiplies two values at once, so rows of the weights are packed in pairs.

#[cfg(target_arch = "x86_64")]
mod x86;

use std::fmt;

use half::bf16;
use rayon::prelude::*;

use super::blocks::by_blocks;
use super::microkernel::MicroKernel;
use super::output::{COLUMNS, Output, PanelEpilogue, Values};
use super::panels::Panels;
use super::round::{round, rounded_bits};
use super::{
    ANOTHER_FORMAT, Activations, Buffer, Epilogue, Fill, Format, Kernel, PackedGemm, Prepare,
    WeightDtype, contiguous, sized,
};
use crate::dispatch;
use crate::dispatch::dispatch_fused;
use crate::matrix::{ColumnsMut, MatrixView};
use crate::tiling::steps;

/// Rows of the weights that are multiplied before the next: up to 256 kB of a panel, from the second-level
/// cache, which keeps up. Smaller blocks cost more for sums that come and go.
const BLOCK: usize = 4096;

/// Two values that the instruction multiplies at once, the first in the lower half: in this form the
/// compiler vectorizes what makes them.
pub(crate) type Pair = u32;

/// The inner loop of these products.
pub(crate) type Bf16Kernel = MicroKernel<bf16, Pair, f32>;

/// That of the instruction set which may be used, where it is there.
pub(crate) fn kernel() -> Option<&'static Bf16Kernel> {
    #[cfg(target_arch = "x86_64")]
    {
        Some(&x86::AVX512_BF16).filter(|kernel| kernel.isa.is_enabled())
    }
    #[cfg(not(target_arch = "x86_64"))]
    None
}

/// Two values, as they stand in memory.
#[inline(always)]
pub(crate) fn pair_of([first, second]: [bf16; 2]) -> Pair {
    Pair::from(first.to_bits()) | Pair::from(second.to_bits()) << 16
}

/// Every kernel of these products, the newest instruction set first.
pub(super) const KERNELS: &[Kernel] = &[
    #[cfg(target_arch = "x86_64")]
    Kernel {
        dtype: WeightDtype::Bf16,
        arithmetic: "bf16",
        activation_bits: 16,
        isa: || x86::AVX512_BF16.isa,
        pack: |matrix| Box::new(Bf16Gemm::new(matrix, &x86::AVX512_BF16)),
    },
];

/// Weights in pairs of rows.
struct Bf16Gemm {
    panels: Panels<Pair>,
    kernel: &'static Bf16Kernel,
}

impl Bf16Gemm {
    fn new(matrix: MatrixView<'_>, kernel: &'static Bf16Kernel) -> Self {
        Self { panels: Panels::pack(matrix, kernel.columns, pair), kernel }
    }

    /// Rows with contiguous values, rounded and filled up to whole groups.
    fn round_rows<'a>(
        &self,
        rows: MatrixView<'_>,
        room: &'a mut Vec<bf16>,
    ) -> MatrixView<'a, bf16> {
        let (count, inner) = (rows.rows(), self.panels.inner());
        let values = sized(room, count * inner);
        dispatch(
            #[inline(always)]
            || {
                for (i, out) in values.chunks_exact_mut(inner).enumerate() {
                    round_row(rows.row(i), out);
                }
            },
        );
        MatrixView::strided(values, count, inner, inner)
    }

    /// Writes columns of a product in any numbers.
    fn write<O: Output>(
        &self,
        a: MatrixView<'_, bf16>,
        epilogue: Epilogue<'_>,
        mut out: ColumnsMut<'_, O>,
    ) {
        epilogue.check(self, a.rows(), &out);
        let (width, mut sums) = (self.panel_width(), Vec::new());
        for part in steps(out.columns(), width) {
            let (panel, end) = (part.start / width, PanelEpilogue::new(epilogue, part, &out));
            let sums = &*self.kernel.multiply_panel(a, (&self.panels, panel, BLOCK), &mut sums);
            dispatch_fused(
                #[inline(always)]
                |mul_add| {
                    end.write(
                        mul_add,
                        sums,
                        #[inline(always)]
                        |_| {
                            #[inline(always)]
                            |sums: &Values, _, mut values: Values| {
                                for i in 0..COLUMNS {
                                    values[i] += sums[i];
                                }
                                values
                            }
                        },
                        &mut out,
                    );
                },
            );
        }
    }
}

impl PackedGemm for Bf16Gemm {
    fn rows(&self) -> usize {
        self.panels.rows()
    }

    fn columns(&self) -> usize {
        self.panels.columns()
    }

    fn panel_width(&self) -> usize {
        self.panels.width()
    }

    fn repack(&mut self, matrix: MatrixView<'_>) {
        self.panels.repack(matrix, pair);
    }

    fn unpack(&self) -> Vec<f32> {
        self.panels.unpack(|pair: Pair| [pair << 16, pair & 0xffff_0000].map(f32::from_bits))
    }

    fn prepare<'a>(
        &self,
        rows: MatrixView<'a>,
        _: Prepare<'_>,
        buffer: &'a mut Buffer,
    ) -> Activations<'a> {
        assert_eq!(rows.columns(), self.rows(), "inner lengths of a product");
        let Buffer { f32, bf16, .. } = buffer;
        Activations(Format::Bf16(self.round_rows(contiguous(rows, f32), bf16)))
    }

    fn prepare_rows<'a>(
        &self,
        count: usize,
        fill: Fill<'_>,
        how: Prepare<'_>,
        buffer: &'a mut Buffer,
    ) -> Activations<'a> {
        let (length, inner) = (self.rows(), self.panels.inner());
        let (share, values) =
            (count.div_ceil(how.threads).max(1), sized(&mut buffer.bf16, count * inner));
        values.par_chunks_mut(share * inner).enumerate().for_each(|(number, rows)| {
            let mut row = vec![0.0; length];
            for (i, out) in rows.chunks_exact_mut(inner).enumerate() {
                fill(number * share + i, &mut row);
                dispatch(
                    #[inline(always)]
                    || round_row(&row, out),
                );
            }
        });
        Activations(Format::Bf16(MatrixView::strided(values, count, inner, inner)))
    }

    fn prepare_bf16<'a>(
        &self,
        rows: MatrixView<'a, bf16>,
        _: Prepare<'_>,
        buffer: &'a mut Buffer,
    ) -> Activations<'a> {
        let inner = self.panels.inner();
        if rows.columns() == inner {
            return Activations(Format::Bf16(rows));
        }
        assert_eq!(rows.columns(), self.rows(), "inner lengths of a product");
        let values = sized(&mut buffer.bf16, rows.rows() * inner);
        for (i, out) in values.chunks_exact_mut(inner).enumerate() {
            let (out, rest) = out.split_at_mut(self.rows());
            out.copy_from_slice(rows.row(i));
            rest.fill(bf16::ZERO);
        }
        Activations(Format::Bf16(MatrixView::strided(values, rows.rows(), inner, inner)))
    }

    fn takes_bf16(&self) -> bool {
        true
    }

    fn multiply(&self, activations: &Activations<'_>, epilogue: Epilogue<'_>, out: ColumnsMut<'_>) {
        let Activations(Format::Bf16(a)) = *activations else { panic!("{ANOTHER_FORMAT}") };
        epilogue.check(self, a.rows(), &out);
        by_blocks((a, &self.panels, BLOCK), epilogue, out, |block, out| {
            self.kernel.multiply_block(block, out);
        });
    }

    fn multiply_to_bf16(
        &self,
        activations: &Activations<'_>,
        epilogue: Epilogue<'_>,
        out: ColumnsMut<'_, bf16>,
    ) {
        let Activations(Format::Bf16(a)) = *activations else { panic!("{ANOTHER_FORMAT}") };
        self.write(a, epilogue, out);
    }
}

impl fmt::Debug for Bf16Gemm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bf16Gemm").field("kernel", &self.kernel.isa).finish_non_exhaustive()
    }
}

#[inline(always)]
fn pair([first, second]: [f32; 2]) -> Pair {
    rounded_bits(first) | rounded_bits(second) << 16
}

/// A row, rounded and filled up.
#[inline(always)]
fn round_row(row: &[f32], out: &mut [bf16]) {
    let (out, rest) = out.split_at_mut(row.len());
    out.iter_mut().zip(row).for_each(|(out, value)| *out = round(*value));
    rest.fill(bf16::ZERO);
}
