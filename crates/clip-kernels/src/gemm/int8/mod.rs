//! Products of 8-bit integers: dynamic quantization, as that of ONNX Runtime.
//!
//! A weight is quantized once, symmetrically, with a scale for each column. Activations are quantized
//! when they come in, each row with a scale and a zero point of its own, since what a row holds is not
//! known before. Sums of products are exact in 32 bits on every instruction set; a scale a row and a
//! column dequantizes them.
//!
//! Rounding the activations is most of what int8 loses, and instruction sets differ in how many bits
//! an activation may have. `vpdpbusd` (VNNI) takes unsigned 8-bit activations; there the row that the
//! answer is read from, whose rounding costs as much as that of all others together, is split in two:
//! its upper 8 bits stand in its place, and its last bits are multiplied as a row of their own.
//! Without VNNI, 8 by 8 bits would have to go through `vpmaddubsw`, whose 16-bit sums of two products
//! saturate above 7 bits: the kernels widen the weights to 16 bits instead and use `vpmaddwd`, which is
//! exact for 16 by 16 bits, and every activation gets 12 bits. On AMD's Zen it is as fast: both
//! instructions run on two ports, and `vpmaddubsw` needs a second one to widen its sums.

mod activations;
mod portable;
mod product;
mod quantize;
#[cfg(any(test, not(target_arch = "x86_64")))]
mod rten;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::fmt;

pub(super) use self::activations::Rows;
use self::activations::Source;
use super::microkernel::MicroKernel;
use super::panels::Panels;
use super::{
    Activations, Buffer, Epilogue, Fill, Kernel, PackedGemm, Prepare, WeightDtype, contiguous,
};
use crate::matrix::{ColumnsMut, MatrixView};

/// Rows of the weights that are multiplied before the next: up to 128 kB of a panel, from the second-level cache,
/// which keeps up. Smaller blocks cost more for sums that come and go.
const BLOCK: usize = 4096;

/// The largest integer of a weight.
const LARGEST: f32 = 127.0;

/// Bits that an activation gets beyond 8, where the kernel allows: more show no difference.
const EXTRA_BITS: u32 = 4;

/// A kernel of activations of `$form`.
macro_rules! kernel {
    ($form:ident, $bits:literal bits, $kernel:path) => {
        Kernel {
            dtype: WeightDtype::Int8,
            arithmetic: "int8",
            activation_bits: $bits,
            isa: || $kernel.isa,
            pack: |matrix| {
                Box::new(Int8Gemm::new(matrix, |integers| {
                    let panels = Panels::pack(integers, $kernel.columns, |group| group);
                    Weights::$form(&$kernel, panels)
                }))
            },
        }
    };
}

/// Every kernel of these products, the newest instruction set first. No processor has AVX-512 and
/// AVX-VNNI without AVX-512 VNNI, so on each the first that it has is the fastest; with a limit of
/// AVX-512 the first is what a processor of that time has.
pub(super) const KERNELS: &[Kernel] = &[
    #[cfg(target_arch = "x86_64")]
    kernel!(U8, 8 bits, x86::AVX512_VNNI),
    #[cfg(target_arch = "x86_64")]
    kernel!(I16, 12 bits, x86::AVX512),
    #[cfg(target_arch = "x86_64")]
    kernel!(U8, 8 bits, x86::AVX2_VNNI),
    #[cfg(target_arch = "x86_64")]
    kernel!(I16, 12 bits, x86::AVX2),
    // The fastest where ours are not written for, and tested where they are.
    #[cfg(not(target_arch = "x86_64"))]
    RTEN,
    kernel!(I16, 12 bits, portable::SCALAR),
    #[cfg(all(test, target_arch = "x86_64"))]
    RTEN,
];

#[cfg(any(test, not(target_arch = "x86_64")))]
const RTEN: Kernel = Kernel {
    dtype: WeightDtype::Int8,
    arithmetic: "int8",
    activation_bits: 8,
    isa: || if cfg!(target_arch = "aarch64") { crate::Isa::Neon } else { crate::Isa::Scalar },
    pack: |matrix| {
        Box::new(Int8Gemm::new(matrix, |integers| {
            let integers: Vec<i8> =
                (0..integers.rows()).flat_map(|row| integers.row(row)).copied().collect();
            Weights::Rten(rten::Blocks::new(&integers, matrix.columns()))
        }))
    },
};

/// Weights of 8 bits with a scale for each column.
struct Int8Gemm {
    weights: Weights,
    rows: usize,
    /// One for each column.
    scales: Vec<f32>,
    /// Sum of the integers of a column.
    sums: Vec<i32>,
    /// Bits that an activation may have beyond 8 without an overflow of the sums.
    extra_bits: u32,
}

/// Integers as kernels want them, by what they want of activations.
enum Weights {
    /// Unsigned, 8 bits.
    U8(&'static MicroKernel<u8, [i8; 4], i32>, Panels<[i8; 4]>),
    /// 0 to [`i16::MAX`].
    I16(&'static MicroKernel<i16, [i8; 2], i32>, Panels<[i8; 2]>),
    #[cfg(any(test, not(target_arch = "x86_64")))]
    Rten(rten::Blocks),
}

/// A matrix of which the largest value of each column became 127.
struct Quantized {
    integers: Vec<i8>,
    scales: Vec<f32>,
    /// Sum of the integers of a column.
    sums: Vec<i32>,
}

impl Quantized {
    fn new(matrix: MatrixView<'_>) -> Self {
        let mut room = Vec::new();
        let matrix = contiguous(matrix, &mut room);
        let scale = |largest: f32| if largest > 0.0 { largest / LARGEST } else { 1.0 };
        let scales: Vec<f32> = quantize::largest(matrix).into_iter().map(scale).collect();
        let (mut integers, mut sums) =
            (vec![0; matrix.rows() * scales.len()], vec![0; scales.len()]);
        quantize::quantize_columns(matrix, &scales, &mut integers, &mut sums);
        Self { integers, scales, sums }
    }
}

/// Bits that an activation may have beyond 8 so that sums of so many products stay below 2³¹.
fn extra_bits(rows: usize) -> u32 {
    let fits = |bits: &u32| (rows << (8 + bits)) as f32 * LARGEST < i32::MAX as f32;
    (0..=EXTRA_BITS).rev().find(fits).unwrap_or(0)
}

impl Int8Gemm {
    /// Quantizes a matrix and packs it.
    fn new(matrix: MatrixView<'_>, pack: impl FnOnce(MatrixView<'_, i8>) -> Weights) -> Self {
        let quantized = Quantized::new(matrix);
        let weights = pack(MatrixView::new(&quantized.integers, matrix.columns().max(1)));
        let Quantized { scales, sums, .. } = quantized;
        Self { weights, rows: matrix.rows(), scales, sums, extra_bits: extra_bits(matrix.rows()) }
    }

    /// The largest integer of a row that is not split.
    fn highest(&self) -> u16 {
        match &self.weights {
            Weights::U8(..) => 255,
            Weights::I16(..) => (256 << self.extra_bits) - 1,
            #[cfg(any(test, not(target_arch = "x86_64")))]
            Weights::Rten(_) => {
                if rten::may_saturate() {
                    127
                } else {
                    255
                }
            }
        }
    }
}

impl PackedGemm for Int8Gemm {
    fn rows(&self) -> usize {
        self.rows
    }

    fn columns(&self) -> usize {
        self.scales.len()
    }

    fn panel_width(&self) -> usize {
        match &self.weights {
            Weights::U8(_, panels) => panels.width(),
            Weights::I16(_, panels) => panels.width(),
            #[cfg(any(test, not(target_arch = "x86_64")))]
            Weights::Rten(_) => rten::WIDTH,
        }
    }

    fn repack(&mut self, matrix: MatrixView<'_>) {
        let quantized = Quantized::new(matrix);
        let integers = MatrixView::new(&quantized.integers, matrix.columns().max(1));
        match &mut self.weights {
            Weights::U8(_, panels) => panels.repack(integers, |group| group),
            Weights::I16(_, panels) => panels.repack(integers, |group| group),
            #[cfg(any(test, not(target_arch = "x86_64")))]
            Weights::Rten(blocks) => {
                *blocks = rten::Blocks::new(&quantized.integers, matrix.columns());
            }
        }
        (self.scales, self.sums) = (quantized.scales, quantized.sums);
        (self.rows, self.extra_bits) = (matrix.rows(), extra_bits(matrix.rows()));
    }

    fn unpack(&self) -> Vec<f32> {
        /// Rows that are multiplied at once.
        const ROWS: usize = 128;
        let columns = self.columns();
        let (mut matrix, mut buffer) = (vec![0.0; self.rows * columns], Buffer::default());
        // Rows of the unit matrix bring the rows back.
        for (part, out) in matrix.chunks_mut(ROWS * columns).enumerate() {
            let unit = |i: usize, row: &mut [f32]| {
                row.fill(0.0);
                row[part * ROWS + i] = 1.0;
            };
            let rows = out.len() / columns;
            let unit = self.prepare_integers(rows, &unit, Prepare::default(), &mut buffer);
            self.multiply(&unit, Epilogue::OVERWRITE, ColumnsMut::new(out, columns));
        }
        matrix
    }

    fn prepare<'a>(
        &self,
        a: MatrixView<'a>,
        how: Prepare<'_>,
        buffer: &'a mut Buffer,
    ) -> Activations<'a> {
        assert_eq!(a.columns(), self.rows, "inner lengths of a product");
        let Buffer { f32, int8: rows, .. } = buffer;
        self.quantize(a.rows(), Source::Matrix(contiguous(a, f32)), how, rows)
    }

    fn prepare_rows<'a>(
        &self,
        count: usize,
        fill: Fill<'_>,
        how: Prepare<'_>,
        buffer: &'a mut Buffer,
    ) -> Activations<'a> {
        self.quantize(count, Source::Fill(fill), how, &mut buffer.int8)
    }

    fn prepare_integers<'a>(
        &self,
        count: usize,
        fill: Fill<'_>,
        how: Prepare<'_>,
        buffer: &'a mut Buffer,
    ) -> Activations<'a> {
        let rows = &mut buffer.int8;
        rows.split.clear();
        let (Rows { u8, i16, params, .. }, sizes) = (&mut *rows, [count, how.threads]);
        match &self.weights {
            Weights::I16(..) => self.keep(i16, params, sizes, fill),
            _ => self.keep(u8, params, sizes, fill),
        }
        self.finish_rows(rows)
    }

    fn multiply(&self, activations: &Activations<'_>, epilogue: Epilogue<'_>, out: ColumnsMut<'_>) {
        self.write(activations, epilogue, out);
    }

    fn multiply_to_bf16(
        &self,
        activations: &Activations<'_>,
        epilogue: Epilogue<'_>,
        out: ColumnsMut<'_, half::bf16>,
    ) {
        self.write(activations, epilogue, out);
    }
}

impl fmt::Debug for Int8Gemm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, columns) = (self.rows, self.columns());
        f.debug_struct("Int8Gemm").field("rows", &rows).field("columns", &columns).finish()
    }
}

#[cfg(test)]
mod tests;
