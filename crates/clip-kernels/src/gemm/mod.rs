//! Matrix products with packed weights (GEMM).
//!
//! [`select`] picks the kernel for a type of weights; it packs a matrix once, for products with any
//! number of activations. Three steps make a product: [`PackedGemm::prepare`] brings activations into
//! the numbers that the kernel multiplies, [`PackedGemm::multiply`] writes columns of the output, which
//! cores can share out, and an [`Epilogue`] says what the sums begin with and what follows them.
//!
//! ```
//! use clip_kernels::gemm::{Buffer, Epilogue, Prepare, WeightDtype, select};
//! use clip_kernels::{ColumnsMut, MatrixView};
//!
//! // [1 2] × [3; 4] = [11]
//! let weights = select(WeightDtype::F32).pack(MatrixView::new(&[3.0, 4.0], 1));
//! let (mut buffer, mut out) = (Buffer::default(), [0.0]);
//! let rows = MatrixView::new(&[1.0, 2.0], 2);
//! let activations = weights.prepare(rows, Prepare::default(), &mut buffer);
//! weights.multiply(&activations, Epilogue::OVERWRITE, ColumnsMut::new(&mut out, 1));
//! assert_eq!(out, [11.0]);
//! ```

mod bf16;
mod blocks;
mod f32;
mod int8;
mod microkernel;
mod output;
mod panels;
mod product;
pub mod reference;
mod round;

use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

use rayon::prelude::*;

pub(crate) use bf16::{Bf16Kernel, Pair, kernel as bf16_kernel, pair_of};
pub use microkernel::Accumulate;
pub(crate) use microkernel::Tile;
pub(crate) use output::Output;
pub(crate) use panels::Panels;
pub use product::Product;

use crate::Isa;
use crate::dispatch::dispatch_fused;
use crate::matrix::{ColumnsMut, MatrixView};
use crate::ops::{self, Activation};

/// What weights are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WeightDtype {
    /// 32 bits.
    F32,
    /// IEEE 754's 16 bits, for products in `f32`.
    F16,
    /// The upper half of an `f32`. Where the processor has AVX-512 BF16, activations are rounded to
    /// it as well and sums are `f32`; elsewhere products are in `f32`.
    Bf16,
    /// Integers of 8 bits with a scale for each column, and activations that are quantized row by row
    /// when they come in.
    Int8,
}

impl WeightDtype {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::F32, Self::F16, Self::Bf16, Self::Int8];

    /// As files and commands spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }
}

/// The products of a type of weights on an instruction set.
#[derive(Clone, Copy)]
pub struct Kernel {
    dtype: WeightDtype,
    arithmetic: &'static str,
    activation_bits: u8,
    isa: fn() -> Isa,
    pack: fn(MatrixView<'_>) -> Box<dyn PackedGemm>,
}

impl Kernel {
    /// The type of the weights.
    pub fn dtype(&self) -> WeightDtype {
        self.dtype
    }

    /// The numbers that are multiplied: `f32`, `bf16` or `int8`.
    pub fn arithmetic(&self) -> &'static str {
        self.arithmetic
    }

    /// Bits of the activations, of whole rows where some keep more.
    pub fn activation_bits(&self) -> u8 {
        self.activation_bits
    }

    /// The instruction set that it is written for.
    pub fn isa(&self) -> Isa {
        (self.isa)()
    }

    /// Packs a matrix of weights.
    ///
    /// # Panics
    ///
    /// Where the processor lacks the instruction set.
    pub fn pack(&self, matrix: MatrixView<'_>) -> Box<dyn PackedGemm> {
        let isa = self.isa();
        assert!(isa.is_detected(), "a kernel for {isa} on a processor without it");
        (self.pack)(contiguous(matrix, &mut Vec::new()))
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} weights, {} products on {}", self.dtype.name(), self.arithmetic, self.isa())
    }
}

/// Every kernel of this target; of each type of weights the newest instruction set first.
pub fn kernels() -> impl Iterator<Item = &'static Kernel> {
    // One line here for a new number format, one in its list for a new instruction set.
    bf16::KERNELS.iter().chain(f32::KERNELS).chain(int8::KERNELS)
}

/// The kernel for a type of weights: the first of [`kernels`] that may be used
/// ([`Isa::is_enabled`]).
pub fn select(dtype: WeightDtype) -> &'static Kernel {
    static SELECTED: LazyLock<[&'static Kernel; WeightDtype::ALL.len()]> = LazyLock::new(|| {
        WeightDtype::ALL.map(|dtype| {
            let mut of_type = kernels().filter(|kernel| kernel.dtype == dtype);
            of_type.find(|kernel| kernel.isa().is_enabled()).expect("scalar code runs everywhere")
        })
    });
    SELECTED[dtype as usize]
}

/// A matrix of weights that a [`Kernel`] packed, for products with activations on its left.
pub trait PackedGemm: fmt::Debug + Send + Sync {
    /// Rows of the matrix: the inner length of its products.
    fn rows(&self) -> usize;

    /// Columns of the matrix.
    fn columns(&self) -> usize;

    /// Columns of a panel: parts of an output begin at a multiple of them.
    fn panel_width(&self) -> usize;

    /// Packs another matrix in the room of this one.
    ///
    /// # Panics
    ///
    /// Where its rows are not contiguous.
    fn repack(&mut self, matrix: MatrixView<'_>);

    /// The matrix as it is kept, row by row.
    fn unpack(&self) -> Vec<f32>;

    /// Activations in the numbers that are multiplied, once for all parts of an output.
    ///
    /// # Panics
    ///
    /// Where the inner lengths differ.
    fn prepare<'a>(
        &self,
        rows: MatrixView<'a>,
        how: Prepare<'_>,
        buffer: &'a mut Buffer,
    ) -> Activations<'a>;

    /// As [`Self::prepare`], of rows that `fill` writes, given their number: each is near when it is
    /// brought into other numbers. A row that keeps more bits may be written twice.
    fn prepare_rows<'a>(
        &self,
        count: usize,
        fill: Fill<'_>,
        how: Prepare<'_>,
        buffer: &'a mut Buffer,
    ) -> Activations<'a>;

    /// As [`Self::prepare_rows`]. Values that are integers from 0 to 255, but for the rounding errors of
    /// a computation, are multiplied as such by weights of 8 bits: nothing is lost.
    fn prepare_integers<'a>(
        &self,
        count: usize,
        fill: Fill<'_>,
        how: Prepare<'_>,
        buffer: &'a mut Buffer,
    ) -> Activations<'a> {
        self.prepare_rows(count, fill, how, buffer)
    }

    /// As [`Self::prepare`], of rows that are `bf16` already.
    fn prepare_bf16<'a>(
        &self,
        rows: MatrixView<'a, half::bf16>,
        how: Prepare<'_>,
        buffer: &'a mut Buffer,
    ) -> Activations<'a> {
        let fill = |row: usize, out: &mut [f32]| ops::widen(rows.row(row), out);
        self.prepare_rows(rows.rows(), &fill, how, buffer)
    }

    /// Whether activations are rounded to `bf16`, so that they may as well come in it.
    fn takes_bf16(&self) -> bool {
        false
    }

    /// Writes the columns of the product that `out` has.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit, the part does not begin with a panel, or the activations were
    /// prepared for weights of another kind.
    fn multiply(&self, activations: &Activations<'_>, epilogue: Epilogue<'_>, out: ColumnsMut<'_>);

    /// As [`Self::multiply`], rounded to `bf16`, for a product that reads that.
    ///
    /// # Panics
    ///
    /// As [`Self::multiply`].
    fn multiply_to_bf16(
        &self,
        activations: &Activations<'_>,
        epilogue: Epilogue<'_>,
        mut out: ColumnsMut<'_, half::bf16>,
    ) {
        let (rows, columns) = (out.rows(), out.columns());
        let mut values = vec![0.0; rows * columns.end];
        let lines = |row: usize| row * columns.end + columns.start..(row + 1) * columns.end;
        for row in 0..rows {
            let before = out.row(row).iter();
            values[lines(row)].iter_mut().zip(before).for_each(|(v, before)| *v = before.to_f32());
        }
        let whole = ColumnsMut::strided(&mut values, rows, columns.end, columns.end);
        self.multiply(activations, epilogue, whole.only(columns.clone()));
        for row in 0..rows {
            let values = values[lines(row)].iter();
            out.row(row).iter_mut().zip(values).for_each(|(out, v)| *out = Output::from_f32(*v));
        }
    }
}

/// What writes a whole row, given its number.
pub type Fill<'a> = &'a (dyn Fn(usize, &mut [f32]) + Sync);

/// How activations are prepared.
#[derive(Debug, Clone, Copy)]
pub struct Prepare<'a> {
    /// How many threads share out the rows.
    pub threads: usize,
    /// Rows, in order, that keep more bits where rows are quantized to 8.
    pub precise: &'a [usize],
}

impl Default for Prepare<'_> {
    fn default() -> Self {
        Self { threads: 1, precise: &[] }
    }
}

/// Activations that are ready to be multiplied.
#[derive(Debug)]
pub struct Activations<'a>(Format<'a>);

#[derive(Debug)]
enum Format<'a> {
    F32(MatrixView<'a>),
    /// In whole groups.
    Bf16(MatrixView<'a, half::bf16>),
    Int8(&'a int8::Rows),
}

/// What is wrong where weights get [`Activations`] of others.
const ANOTHER_FORMAT: &str = "activations that were prepared for weights of another kind";

/// Room for activations, to be used again.
#[derive(Debug, Default)]
pub struct Buffer {
    f32: Vec<f32>,
    bf16: Vec<half::bf16>,
    int8: int8::Rows,
}

/// A matrix with contiguous rows: itself, or a copy where its columns are contiguous.
fn contiguous<'a>(matrix: MatrixView<'a>, room: &'a mut Vec<f32>) -> MatrixView<'a> {
    if matrix.has_contiguous_rows() {
        return matrix;
    }
    let (rows, columns) = (matrix.rows(), matrix.columns());
    let values = sized(room, rows * columns);
    ops::transpose(matrix.transposed(), values);
    MatrixView::strided(values, rows, columns, columns)
}

/// Rows that `fill` writes, shared out among threads.
fn filled<'a>(
    [count, length, threads]: [usize; 3],
    fill: Fill<'_>,
    room: &'a mut Vec<f32>,
) -> MatrixView<'a> {
    let share = count.div_ceil(threads).max(1);
    let values = sized(room, count * length);
    values.par_chunks_mut(share * length).enumerate().for_each(|(number, rows)| {
        for (i, row) in rows.chunks_exact_mut(length).enumerate() {
            fill(number * share + i, row);
        }
    });
    MatrixView::strided(values, count, length, length)
}

/// As much of a buffer, whatever it holds: fresh memory is zeroed, and far from the cores.
pub(crate) fn sized<T: Clone + Default>(buffer: &mut Vec<T>, length: usize) -> &mut [T] {
    if buffer.len() < length {
        buffer.resize(length, T::default());
    }
    &mut buffer[..length]
}

/// What the sums of a product begin with, and what follows them.
#[derive(Debug, Clone, Copy)]
pub struct Epilogue<'a> {
    /// What the sums begin with; a bias has as many values as the weights have columns.
    pub accumulate: Accumulate<'a>,
    /// Of each sum.
    pub activation: Option<Activation>,
}

impl Epilogue<'_> {
    /// The product alone.
    pub const OVERWRITE: Self = Self { accumulate: Accumulate::Overwrite, activation: None };

    /// The product, added to the output.
    pub const ADD: Self = Self { accumulate: Accumulate::Add, activation: None };

    fn check<O>(&self, weights: &dyn PackedGemm, rows: usize, out: &ColumnsMut<'_, O>) {
        assert_eq!(rows, out.rows(), "rows of a product");
        let columns = out.columns();
        let whole = columns.start.is_multiple_of(weights.panel_width());
        assert!(whole && columns.end <= weights.columns(), "whole panels");
        if let Accumulate::Bias(bias) = self.accumulate {
            assert_eq!(bias.len(), weights.columns(), "one value a column");
        }
    }

    /// What follows the sums of a panel, while they are near.
    fn finish(&self, columns: Range<usize>, out: &mut ColumnsMut<'_>) {
        let Some(activation) = self.activation else { return };
        let first = out.columns().start;
        let columns = columns.start - first..columns.end - first;
        dispatch_fused(
            #[inline(always)]
            |mul_add| {
                for row in 0..out.rows() {
                    activation.apply(&mut out.row(row)[columns.clone()], mul_add);
                }
            },
        );
    }
}

impl<'a> Accumulate<'a> {
    /// For some columns.
    fn of(self, columns: Range<usize>) -> Self {
        match self {
            Self::Bias(bias) => Self::Bias(&bias[columns]),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests;
