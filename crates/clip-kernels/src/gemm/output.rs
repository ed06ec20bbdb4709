//! The end of a product: from the sums of a panel to the numbers of its output.

use std::ops::Range;

use half::bf16;

use super::round::round;
use super::{Accumulate, Activations, Buffer, Epilogue, PackedGemm, Prepare};
use crate::matrix::{ColumnsMut, MatrixView};
use crate::ops::Activation;

/// A number that products are written in.
pub(crate) trait Output: Copy + Default + Send + Sync + 'static {
    fn from_f32(value: f32) -> Self;

    fn to_f32(self) -> f32;

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

    /// Writes all rows. Given a column of the panel, `sums` gives what gives the sums of each row from there
    /// on. For loops that [`dispatch`](crate::dispatch) compiles.
    #[inline(always)]
    pub(super) fn write<O: Output, F: Fn(usize) -> Values>(
        &self,
        sums: impl Fn(usize) -> F,
        out: &mut ColumnsMut<'_, O>,
    ) {
        // A few columns of all rows: what belongs to a column then stays in registers.
        for column in self.columns.clone().step_by(COLUMNS) {
            let (first, size) = (column - self.columns.start, self.columns.end - column);
            let (sums, bias) = (sums(first), *some_of(&self.bias, first));
            for number in 0..out.rows() {
                let row = &mut out.row(number)[column..];
                match row.first_chunk_mut() {
                    Some(out) if size >= COLUMNS => {
                        *out = self.values(sums(number), &bias, out);
                    }
                    _ => {
                        let (row, mut few) = (&mut row[..size], [O::default(); COLUMNS]);
                        few[..size].copy_from_slice(row);
                        row.copy_from_slice(&self.values(sums(number), &bias, &few)[..size]);
                    }
                }
            }
        }
    }

    /// What stands in some columns in the end, where the output holds `before`.
    #[inline(always)]
    fn values<O: Output>(
        &self,
        mut values: Values,
        bias: &Values,
        before: &Values<O>,
    ) -> Values<O> {
        for i in 0..COLUMNS {
            values[i] += bias[i];
        }
        if self.adds {
            for i in 0..COLUMNS {
                values[i] += before[i].to_f32();
            }
        }
        if let Some(activation) = self.activation {
            activation.apply(&mut values);
        }
        let mut out = [O::default(); COLUMNS];
        for i in 0..COLUMNS {
            out[i] = O::from_f32(values[i]);
        }
        out
    }
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
