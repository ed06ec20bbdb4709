//! Products, and what follows their sums.

use std::ops::Range;

use super::activations::Rows;
use super::quantize::{self, PanelScales};
#[cfg(any(test, not(target_arch = "x86_64")))]
use super::rten;
use super::{BLOCK, Int8Gemm, Weights};
use crate::dispatch::dispatch_fused;
use crate::gemm::microkernel::MicroKernel;
#[cfg(any(test, not(target_arch = "x86_64")))]
use crate::gemm::output;
use crate::gemm::output::{Output, PanelEpilogue, Values};
use crate::gemm::panels::Panels;
use crate::gemm::{ANOTHER_FORMAT, Activations, Epilogue, Format};
use crate::matrix::{ColumnsMut, MatrixView};
use crate::tiling::steps;

impl Int8Gemm {
    /// Columns of a product in any numbers.
    pub(super) fn write<O: Output>(
        &self,
        activations: &Activations<'_>,
        epilogue: Epilogue<'_>,
        mut out: ColumnsMut<'_, O>,
    ) {
        let Activations(Format::Int8(rows)) = *activations else { panic!("{ANOTHER_FORMAT}") };
        epilogue.check(self, rows.params.len(), &out);
        match &self.weights {
            Weights::U8(kernel, panels) => {
                let a = rows.matrix(&rows.u8, panels.inner());
                self.by_panels(kernel, panels, a, rows, epilogue, &mut out);
            }
            Weights::I16(kernel, panels) => {
                let a = rows.matrix(&rows.i16, panels.inner());
                self.by_panels(kernel, panels, a, rows, epilogue, &mut out);
            }
            #[cfg(any(test, not(target_arch = "x86_64")))]
            Weights::Rten(blocks) => {
                let packed = rows.rten.as_ref().expect(ANOTHER_FORMAT);
                let mut sums = vec![0; rows.lines() * rten::WIDTH];
                for block in steps(out.columns(), rten::WIDTH) {
                    let sums = &mut sums[..rows.lines() * block.len()];
                    blocks.multiply(packed, block.clone(), sums);
                    for part in steps(block.clone(), output::WIDEST) {
                        let at = part.start - block.start..part.end - block.start;
                        let lines = sums.chunks_exact(block.len());
                        let mut panel: Vec<i32> =
                            lines.flat_map(|line| output::filled_up(&line[at.clone()])).collect();
                        self.dequantize(&mut panel, rows, epilogue, part, &mut out);
                    }
                }
            }
        }
    }

    fn by_panels<A: Copy, U: Copy + Default, O: Output>(
        &self,
        kernel: &MicroKernel<A, U, i32>,
        panels: &Panels<U>,
        a: MatrixView<'_, A>,
        rows: &Rows,
        epilogue: Epilogue<'_>,
        out: &mut ColumnsMut<'_, O>,
    ) {
        let (width, mut sums) = (panels.width(), Vec::new());
        for part in steps(out.columns(), width) {
            let panel = (panels, part.start / width, BLOCK);
            let sums = kernel.multiply_panel(a, panel, &mut sums);
            self.dequantize(sums, rows, epilogue, part, out);
        }
    }

    /// What follows the sums of a panel, which belong to some columns.
    fn dequantize<O: Output>(
        &self,
        sums: &mut [i32],
        rows: &Rows,
        epilogue: Epilogue<'_>,
        columns: Range<usize>,
        out: &mut ColumnsMut<'_, O>,
    ) {
        let width = sums.len() / rows.lines().max(1);
        let (last_bits, sums) = sums.split_at_mut(rows.split.len() * width);
        for (row, last_bits) in rows.split.iter().zip(last_bits.chunks_exact(width)) {
            quantize::join(&mut sums[row * width..][..width], last_bits, self.extra_bits);
        }
        let (sums, params) = (&*sums, &*rows.params);
        let scales = PanelScales::new(&self.scales[columns.clone()], &self.sums[columns.clone()]);
        let epilogue = PanelEpilogue::new(epilogue, columns, out);
        dispatch_fused(
            #[inline(always)]
            |mul_add| {
                epilogue.write(
                    mul_add,
                    sums,
                    #[inline(always)]
                    |first| {
                        let dequantize = scales.at(first, mul_add);
                        #[inline(always)]
                        move |sums: &Values<i32>, row: usize, values: Values| {
                            dequantize(sums, params[row], values)
                        }
                    },
                    out,
                );
            },
        );
    }
}
