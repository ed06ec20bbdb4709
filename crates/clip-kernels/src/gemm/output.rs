//! The end of a product: from the sums of a panel to the numbers of its output.

use std::ops::Range;

use half::bf16;

use super::round::round;
use super::{Accumulate, Activations, Buffer, Epilogue, PackedGemm, Prepare};
use crate::dispatch::MulAdd;
use crate::matrix::{ColumnsMut, MatrixView};
use crate::ops::Activation;
use crate::ops::activation::{gelu, gelu_tanh, quick_gelu, relu6};

/// A number that products are written in.
pub(crate) trait Output: Copy + Default + Send + Sync + 'static {
    fn from_f32(value: f32) -> Self;

    fn to_f32(self) -> f32;

    #[inline(always)]
    fn write(values: Values, activation: impl Fn(f32) -> f32, out: &mut Values<Self>) {
        for i in 0..COLUMNS {
            out[i] = Self::from_f32(activation(values[i]));
        }
    }

    /// [`PackedGemm::multiply`] for this number.
    fn multiply(
        weights: &dyn PackedGemm,
        activations: &Activations<'_>,
        epilogue: Epilogue<'_>,
        out: ColumnsMut<'_, Self>,
    );

    /// [`PackedGemm::prepare`] for this number.
    fn prepare<'a>(
        weights: &dyn PackedGemm,
        rows: MatrixView<'a, Self>,
        how: Prepare<'_>,
        buffer: &'a mut Buffer,
    ) -> Activations<'a>;
}

impl Output for f32 {
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        value
    }

    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }

    fn multiply(
        weights: &dyn PackedGemm,
        activations: &Activations<'_>,
        epilogue: Epilogue<'_>,
        out: ColumnsMut<'_>,
    ) {
        weights.multiply(activations, epilogue, out);
    }

    fn prepare<'a>(
        weights: &dyn PackedGemm,
        rows: MatrixView<'a>,
        how: Prepare<'_>,
        buffer: &'a mut Buffer,
    ) -> Activations<'a> {
        weights.prepare(rows, how, buffer)
    }
}

impl Output for bf16 {
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        round(value)
    }

    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }

    fn multiply(
        weights: &dyn PackedGemm,
        activations: &Activations<'_>,
        epilogue: Epilogue<'_>,
        out: ColumnsMut<'_, Self>,
    ) {
        weights.multiply_to_bf16(activations, epilogue, out);
    }

    fn prepare<'a>(
        weights: &dyn PackedGemm,
        rows: MatrixView<'a, Self>,
        how: Prepare<'_>,
        buffer: &'a mut Buffer,
    ) -> Activations<'a> {
        weights.prepare_bf16(rows, how, buffer)
    }
}

/// Columns of the widest panel.
pub(super) const WIDEST: usize = 32;

/// Columns that are written at once: one AVX-512 register, two of AVX2.
pub(super) const COLUMNS: usize = 16;

/// As many values of one row.
pub(super) type Values<T = f32> = [T; COLUMNS];

/// What follows the sums of one panel.
pub(super) struct PanelEpilogue {
    bias: [f32; WIDEST],
    adds: bool,
    activation: Option<Activation>,
    /// The columns in the output, numbered from its first.
    columns: Range<usize>,
}

impl PanelEpilogue {
    /// For columns numbered as in the matrix.
    pub(super) fn new<O>(
        epilogue: Epilogue<'_>,
        columns: Range<usize>,
        out: &ColumnsMut<'_, O>,
    ) -> Self {
        let bias = match epilogue.accumulate {
            Accumulate::Bias(bias) => filled_up(&bias[columns.clone()]),
            _ => [0.0; WIDEST],
        };
        let (adds, first) = (matches!(epilogue.accumulate, Accumulate::Add), out.columns().start);
        let columns = columns.start - first..columns.end - first;
        Self { bias, adds, activation: epilogue.activation, columns }
    }

    /// Writes all rows, whose sums stand one row after the other. Given a column of the panel, `finish` gives
    /// what adds sums of a row from there on, given its number, to some values. For loops that
    /// [`dispatch_fused`](crate::dispatch::dispatch_fused) compiles.
    #[inline(always)]
    pub(super) fn write<O: Output, S, F: Fn(&Values<S>, usize, Values) -> Values>(
        &self,
        mul_add: MulAdd,
        sums: &[S],
        finish: impl Fn(usize) -> F,
        out: &mut ColumnsMut<'_, O>,
    ) {
        // A loop of its own for each, so that none asks which it is at every value.
        match self.activation {
            None => self.write_as(|x, _| x, mul_add, sums, finish, out),
            Some(Activation::QuickGelu) => self.write_as(quick_gelu, mul_add, sums, finish, out),
            Some(Activation::Gelu) => self.write_as(gelu, mul_add, sums, finish, out),
            Some(Activation::GeluTanh) => self.write_as(gelu_tanh, mul_add, sums, finish, out),
            Some(Activation::Relu6) => self.write_as(relu6, mul_add, sums, finish, out),
        }
    }

    #[inline(always)]
    fn write_as<O: Output, S, F: Fn(&Values<S>, usize, Values) -> Values>(
        &self,
        activation: impl Fn(f32, MulAdd) -> f32,
        mul_add: MulAdd,
        sums: &[S],
        finish: impl Fn(usize) -> F,
        out: &mut ColumnsMut<'_, O>,
    ) {
        // In registers: what is written might else be the fields of what it is written through.
        let (mut out, adds) = (out.reborrow(), self.adds);
        let width = sums.len() / out.rows().max(1);
        // A few columns of all rows: what belongs to a column then stays in registers too.
        for column in self.columns.clone().step_by(COLUMNS) {
            let (first, size) = (column - self.columns.start, self.columns.end - column);
            let (finish, bias) = (finish(first), *some_of(&self.bias, first));
            let lines = sums.chunks_exact(width.max(1)).enumerate();
            if size >= COLUMNS {
                for (number, line) in lines {
                    let row = out.row(number)[column..].first_chunk_mut().expect("whole columns");
                    let values = finish(some_of(line, first), number, start(&bias, adds, row));
                    O::write(values, |x| activation(x, mul_add), row);
                }
            } else {
                for (number, line) in lines {
                    let (row, mut few) = (&mut out.row(number)[column..], [O::default(); COLUMNS]);
                    few[..size].copy_from_slice(&row[..size]);
                    let values = finish(some_of(line, first), number, start(&bias, adds, &few));
                    O::write(values, |x| activation(x, mul_add), &mut few);
                    row[..size].copy_from_slice(&few[..size]);
                }
            }
        }
    }
}

/// What sums are added to.
#[inline(always)]
fn start<O: Output>(bias: &Values, adds: bool, before: &Values<O>) -> Values {
    let mut values = *bias;
    if adds {
        for i in 0..COLUMNS {
            values[i] += before[i].to_f32();
        }
    }
    values
}

/// What belongs to the columns of a panel, for those that the matrix does not have too.
pub(super) fn filled_up<T: Copy + Default>(values: &[T]) -> [T; WIDEST] {
    let mut all = [T::default(); WIDEST];
    all[..values.len()].copy_from_slice(values);
    all
}

/// Values that begin somewhere.
#[inline(always)]
pub(super) fn some_of<T>(values: &[T], first: usize) -> &Values<T> {
    values[first..].first_chunk().expect("panels of whole registers")
}
