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

mod portable;
mod quantize;
#[cfg(any(test, not(target_arch = "x86_64")))]
mod rten;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::fmt;
use std::ops::Range;

use rayon::prelude::*;

use self::quantize::{Integer, PanelScales, QuantParams};
use super::microkernel::MicroKernel;
use super::output::{Output, PanelEpilogue, Values};
use super::panels::Panels;
use super::{
    ANOTHER_FORMAT, Activations, Buffer, Epilogue, Fill, Format, Kernel, PackedGemm, Prepare,
    WeightDtype, contiguous, sized,
};
use crate::dispatch::dispatch_fused;
use crate::matrix::{ColumnsMut, MatrixView};
use crate::tiling::steps;

/// Rows of the weights that are multiplied before the next: 16 or 32 kB of a panel.
const BLOCK: usize = 1024;

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

/// Quantized activations: first the last bits of split rows, then all rows, each filled up to whole
/// groups.
#[derive(Default)]
pub(super) struct Rows {
    u8: Vec<u8>,
    i16: Vec<i16>,
    #[cfg(any(test, not(target_arch = "x86_64")))]
    rten: Option<rten::PackedRows>,
    /// Of all rows.
    params: Vec<QuantParams>,
    /// Which rows are split, in order.
    split: Vec<usize>,
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

    /// Values of a row, filled up to whole groups.
    fn stride(&self) -> usize {
        match &self.weights {
            Weights::U8(_, panels) => panels.inner(),
            Weights::I16(_, panels) => panels.inner(),
            #[cfg(any(test, not(target_arch = "x86_64")))]
            Weights::Rten(_) => self.rows,
        }
    }

    /// The last bits of split rows and then all rows, which `fill` writes, with room for a row of `f32`.
    fn fill<T: Integer + Send>(
        &self,
        values: &mut Vec<T>,
        params: &mut Vec<QuantParams>,
        [lines, threads]: [usize; 2],
        fill: impl Fn(usize, &mut [f32], &mut [T]) -> QuantParams + Sync,
    ) {
        let (stride, share) = (self.stride(), lines.div_ceil(threads).max(1));
        let values = sized(values, lines * stride);
        params.resize(lines, QuantParams { scale: 1.0, zero_point: 0.0 });
        let shares = values.par_chunks_mut(share * stride).zip(params.par_chunks_mut(share));
        shares.enumerate().for_each(|(number, (values, params))| {
            let mut room = vec![0.0; self.rows];
            let lines = values.chunks_exact_mut(stride).zip(params).enumerate();
            for (i, (line, params)) in lines {
                let (line, rest) = line.split_at_mut(self.rows);
                *params = fill(number * share + i, &mut room, line);
                rest.fill(T::default());
            }
        });
    }

    /// Quantizes rows of 8 bits, those of `precise` with some bits more.
    fn quantize_u8(
        &self,
        [count, threads]: [usize; 2],
        a: Source<'_>,
        precise: &[usize],
        rows: &mut Rows,
    ) {
        let bits = self.extra_bits;
        let (highest, split_highest) = (self.highest(), ((self.highest() + 1) << bits) - 1);
        let lines = precise.len() + count;
        self.fill(&mut rows.u8, &mut rows.params, [lines, threads], |i, room, line| {
            match i.checked_sub(precise.len()) {
                None => {
                    let last = |integer: u32| integer as u8 & ((1 << bits) - 1);
                    quantize::quantize(a.row(precise[i], room), split_highest, last, line)
                }
                Some(i) if precise.binary_search(&i).is_ok() => {
                    let upper = |integer: u32| (integer >> bits) as u8;
                    quantize::quantize(a.row(i, room), split_highest, upper, line)
                }
                Some(i) => {
                    quantize::quantize(a.row(i, room), highest, |integer| integer as u8, line)
                }
            }
        });
        rows.params.drain(..precise.len());
        rows.split.extend_from_slice(precise);
    }

    /// Rows that come from somewhere, quantized.
    fn quantize<'a>(
        &self,
        count: usize,
        a: Source<'_>,
        how: Prepare<'_>,
        rows: &'a mut Rows,
    ) -> Activations<'a> {
        rows.split.clear();
        match &self.weights {
            Weights::I16(..) => {
                let highest = self.highest();
                let Rows { i16, params, .. } = &mut *rows;
                self.fill(i16, params, [count, how.threads], |i, room, line| {
                    quantize::quantize(a.row(i, room), highest, |integer| integer as i16, line)
                });
            }
            _ => self.quantize_u8([count, how.threads], a, how.precise, rows),
        }
        self.finish_rows(rows)
    }

    /// Rows whose values are integers of 8 bits already: see [`quantize::keep`].
    fn keep<T: Integer + Send>(
        &self,
        values: &mut Vec<T>,
        params: &mut Vec<QuantParams>,
        sizes: [usize; 2],
        fill: Fill<'_>,
    ) {
        self.fill(values, params, sizes, |i, row, line| {
            fill(i, row);
            quantize::keep(row, self.highest(), line)
        });
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

/// Where rows come from.
#[derive(Clone, Copy)]
enum Source<'a> {
    Matrix(MatrixView<'a>),
    Fill(Fill<'a>),
}

impl Source<'_> {
    /// A row, which may be written to `room`.
    fn row<'a>(&'a self, row: usize, room: &'a mut [f32]) -> &'a [f32] {
        match self {
            Self::Matrix(matrix) => matrix.row(row),
            Self::Fill(fill) => {
                fill(row, room);
                room
            }
        }
    }
}

impl Int8Gemm {
    fn finish_rows<'a>(&self, rows: &'a mut Rows) -> Activations<'a> {
        #[cfg(any(test, not(target_arch = "x86_64")))]
        {
            rows.rten = match &self.weights {
                Weights::Rten(_) => {
                    let values = &rows.u8[..rows.lines() * self.rows];
                    Some(rten::PackedRows::new(values, self.rows))
                }
                _ => None,
            };
        }
        Activations(Format::Int8(rows))
    }

    /// Columns of a product in any numbers.
    fn write<O: Output>(
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
                    for part in steps(block.clone(), super::output::WIDEST) {
                        let at = part.start - block.start..part.end - block.start;
                        let lines = sums.chunks_exact(block.len());
                        let mut panel: Vec<i32> = lines
                            .flat_map(|line| super::output::filled_up(&line[at.clone()]))
                            .collect();
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

impl Rows {
    /// Rows that are multiplied.
    fn lines(&self) -> usize {
        self.split.len() + self.params.len()
    }

    fn matrix<'a, A>(&self, values: &'a [A], length: usize) -> MatrixView<'a, A> {
        MatrixView::strided(values, self.lines(), length, length)
    }
}

impl fmt::Debug for Int8Gemm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, columns) = (self.rows, self.columns());
        f.debug_struct("Int8Gemm").field("rows", &rows).field("columns", &columns).finish()
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("count", &self.params.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
