//! Products in `f32`, of weights that are kept in 32 or 16 bits.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::fmt;

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::blocks::by_blocks;
use super::microkernel::MicroKernel;
use super::panels::Panels;
use super::{
    ANOTHER_FORMAT, Activations, Buffer, Epilogue, Fill, Format, Kernel, PackedGemm, Prepare,
    WeightDtype, contiguous, filled,
};
use crate::matrix::{ColumnsMut, MatrixView};

/// Rows of the weights that are multiplied before the next: so much of a panel (16 or 32 kB) stays in
/// the first-level cache while all rows of the left side pass over it.
const BLOCK: usize = 256;

/// A kernel whose weights are kept as `f32`.
macro_rules! whole {
    ($kernel:path) => {
        Kernel {
            dtype: WeightDtype::F32,
            arithmetic: "f32",
            activation_bits: 32,
            isa: || $kernel.isa,
            pack: |matrix| Box::new(F32Gemm::new(matrix, &$kernel, &$kernel)),
        }
    };
}

/// A kernel whose weights are kept in 16 bits. Products of few rows convert them as they load them,
/// those of many once, for `$whole`.
macro_rules! half {
    ($dtype:ident, $kernel:path, $whole:path) => {
        Kernel {
            dtype: WeightDtype::$dtype,
            arithmetic: "f32",
            activation_bits: 32,
            isa: || $kernel.isa,
            pack: |matrix| Box::new(F32Gemm::new(matrix, &$kernel, &$whole)),
        }
    };
}

/// Every kernel of these products; of each type the newest instruction set first.
pub(super) const KERNELS: &[Kernel] = &[
    #[cfg(target_arch = "x86_64")]
    whole!(x86::AVX512),
    #[cfg(target_arch = "x86_64")]
    whole!(x86::AVX2),
    #[cfg(target_arch = "aarch64")]
    whole!(portable::NEON),
    whole!(portable::SCALAR),
    #[cfg(target_arch = "x86_64")]
    half!(F16, x86::AVX512_F16, x86::AVX512),
    #[cfg(target_arch = "x86_64")]
    half!(F16, x86::AVX2_F16, x86::AVX2),
    #[cfg(target_arch = "aarch64")]
    half!(F16, portable::NEON_F16, portable::NEON),
    half!(F16, portable::SCALAR_F16, portable::SCALAR),
    #[cfg(target_arch = "x86_64")]
    half!(Bf16, x86::AVX512_BF16, x86::AVX512),
    #[cfg(target_arch = "x86_64")]
    half!(Bf16, x86::AVX2_BF16, x86::AVX2),
    #[cfg(target_arch = "aarch64")]
    half!(Bf16, portable::NEON_BF16, portable::NEON),
    half!(Bf16, portable::SCALAR_BF16, portable::SCALAR),
];

/// How weights are kept.
trait Weight: Copy + Default + Send + Sync + 'static {
    fn from_f32(value: f32) -> Self;

    fn to_f32(self) -> f32;

    /// Converts as many as there is room for.
    fn convert(from: &[Self], to: &mut [f32]);

    /// Where the weights need no conversion, themselves.
    fn whole(weights: &[Self]) -> Option<&[f32]>;
}

impl Weight for f32 {
    fn from_f32(value: f32) -> Self {
        value
    }

    fn to_f32(self) -> f32 {
        self
    }

    fn convert(from: &[Self], to: &mut [f32]) {
        to.copy_from_slice(from);
    }

    fn whole(weights: &[Self]) -> Option<&[f32]> {
        Some(weights)
    }
}

impl Weight for f16 {
    fn from_f32(value: f32) -> Self {
        Self::from_f32(value)
    }

    fn to_f32(self) -> f32 {
        self.to_f32()
    }

    fn convert(from: &[Self], to: &mut [f32]) {
        from.convert_to_f32_slice(to);
    }

    fn whole(_: &[Self]) -> Option<&[f32]> {
        None
    }
}

impl Weight for bf16 {
    fn from_f32(value: f32) -> Self {
        Self::from_f32(value)
    }

    fn to_f32(self) -> f32 {
        self.to_f32()
    }

    fn convert(from: &[Self], to: &mut [f32]) {
        crate::dispatch(
            #[inline(always)]
            || {
                for (to, from) in to.iter_mut().zip(from) {
                    *to = f32::from_bits(u32::from(from.to_bits()) << 16);
                }
            },
        );
    }

    fn whole(_: &[Self]) -> Option<&[f32]> {
        None
    }
}

#[inline(always)]
fn unit<W: Weight>([value]: [f32; 1]) -> W {
    W::from_f32(value)
}

/// Weights of one type.
struct F32Gemm<W: 'static> {
    panels: Panels<W>,
    /// Multiplies weights as they are kept.
    kernel: &'static MicroKernel<f32, W, f32>,
    /// Multiplies weights that were converted.
    whole: &'static MicroKernel<f32, f32, f32>,
}

impl<W: Weight> F32Gemm<W> {
    fn new(
        matrix: MatrixView<'_>,
        kernel: &'static MicroKernel<f32, W, f32>,
        whole: &'static MicroKernel<f32, f32, f32>,
    ) -> Self {
        let panels = Panels::pack(matrix, kernel.columns, unit);
        Self { panels, kernel, whole }
    }
}

impl<W: Weight> PackedGemm for F32Gemm<W> {
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
        self.panels.repack(matrix, unit);
    }

    fn unpack(&self) -> Vec<f32> {
        self.panels.unpack(|weight| [weight.to_f32()])
    }

    fn prepare<'a>(
        &self,
        rows: MatrixView<'a>,
        _: Prepare<'_>,
        buffer: &'a mut Buffer,
    ) -> Activations<'a> {
        assert_eq!(rows.columns(), self.rows(), "inner lengths of a product");
        Activations(Format::F32(contiguous(rows, &mut buffer.f32)))
    }

    fn prepare_rows<'a>(
        &self,
        count: usize,
        fill: Fill<'_>,
        how: Prepare<'_>,
        buffer: &'a mut Buffer,
    ) -> Activations<'a> {
        let sizes = [count, self.rows(), how.threads];
        Activations(Format::F32(filled(sizes, fill, &mut buffer.f32)))
    }

    fn multiply(&self, activations: &Activations<'_>, epilogue: Epilogue<'_>, out: ColumnsMut<'_>) {
        let Activations(Format::F32(a)) = *activations else { panic!("{ANOTHER_FORMAT}") };
        epilogue.check(self, a.rows(), &out);
        let mut room = Vec::new();
        by_blocks((a, &self.panels, BLOCK), epilogue, out, |block, out| {
            match W::whole(block.weights) {
                None if a.rows() > self.kernel.rows => {
                    room.resize(block.weights.len(), 0.0);
                    W::convert(block.weights, &mut room);
                    self.whole.multiply_block(&block.with(&room), out);
                }
                _ => self.kernel.multiply_block(block, out),
            }
        });
    }
}

impl<W> fmt::Debug for F32Gemm<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("F32Gemm").field("kernel", &self.kernel.isa).finish_non_exhaustive()
    }
}
