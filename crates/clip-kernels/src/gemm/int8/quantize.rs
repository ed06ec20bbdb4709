//! Quantization: loops between values and the integers that stand for them.

use crate::dispatch;
use crate::gemm::{Accumulate, Epilogue};
use crate::matrix::{ColumnsMut, MatrixView};
use crate::ops::{Activation, LANES};

/// From here on, to twice that, an `f32` has no fraction bits.
const WHOLE: f32 = (1 << 23) as f32;

/// How a row was quantized: a value is `scale` times the distance of its integer from `zero_point`.
#[derive(Debug, Clone, Copy)]
pub(super) struct QuantParams {
    pub(super) scale: f32,
    pub(super) zero_point: i32,
}

/// What dequantizes products, one value a column each.
#[derive(Clone, Copy)]
pub(super) struct Scales<'a> {
    pub(super) columns: &'a [f32],
    /// What the zero point of a row adds.
    pub(super) sums: &'a [i32],
}

/// What a row is quantized to.
pub(super) trait Integer: Copy + Default {
    /// The lowest bits.
    fn truncate(bits: u32) -> Self;
}

impl Integer for u8 {
    #[inline(always)]
    fn truncate(bits: u32) -> Self {
        bits as Self
    }
}

impl Integer for i16 {
    #[inline(always)]
    fn truncate(bits: u32) -> Self {
        bits as Self
    }
}

/// Quantizes a row to integers from 0 to `highest`, its zero exactly, of which `keep` says what is
/// written.
pub(super) fn quantize<T: Integer>(
    row: &[f32],
    highest: u16,
    keep: impl Fn(u32) -> T,
    out: &mut [T],
) -> QuantParams {
    dispatch(
        #[inline(always)]
        || {
            let (low, high) = range(row);
            let top = f32::from(highest);
            let scale = if high > low { (high - low) / top } else { 1.0 };
            let (steps, zero_point) = (1.0 / scale, (-low / scale).round_ties_even());
            for (out, value) in out.iter_mut().zip(row) {
                // To the nearest integer, which then stands in the lowest bits.
                *out = keep(((value * steps + zero_point).clamp(0.0, top) + WHOLE).to_bits());
            }
            QuantParams { scale, zero_point: zero_point as i32 }
        },
    )
}

/// As [`quantize`], of values that may be integers of 8 bits already, but for the rounding errors of
/// a computation: those are kept as they are.
pub(super) fn keep<T: Integer>(row: &[f32], highest: u16, out: &mut [T]) -> QuantParams {
    let (low, high) = dispatch(
        #[inline(always)]
        || range(row),
    );
    if low < -0.5 || high > f32::from(highest.min(255)) + 0.5 {
        return quantize(row, highest, T::truncate, out);
    }
    dispatch(
        #[inline(always)]
        || {
            for (out, value) in out.iter_mut().zip(row) {
                *out = T::truncate((value.max(0.0) + WHOLE).to_bits());
            }
        },
    );
    QuantParams { scale: 1.0, zero_point: 0 }
}

/// Adds the products of the last `bits` bits of a row to those of the others.
pub(super) fn join(sums: &mut [i32], last: &[i32], bits: u32) {
    dispatch(
        #[inline(always)]
        || sums.iter_mut().zip(last).for_each(|(sum, last)| *sum = (*sum << bits) + last),
    );
}

/// The smallest and the largest value, 0 among them.
#[inline(always)]
fn range(row: &[f32]) -> (f32, f32) {
    let (mut low, mut high) = ([0f32; LANES], [0f32; LANES]);
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for i in 0..LANES {
            low[i] = if chunk[i] < low[i] { chunk[i] } else { low[i] };
            high[i] = if chunk[i] > high[i] { chunk[i] } else { high[i] };
        }
    }
    let all = |lanes: [f32; LANES], pick: fn(f32, f32) -> f32| {
        rest.iter().copied().chain(lanes).fold(0.0, pick)
    };
    (all(low, f32::min), all(high, f32::max))
}

/// Dequantizes sums of products, one row of them for each of `params`, and does what follows the
/// product. They go to the columns of `out` from `at` on.
pub(super) fn dequantize(
    sums: &[i32],
    params: &[QuantParams],
    scales: Scales<'_>,
    epilogue: Epilogue<'_>,
    (out, at): (&mut ColumnsMut<'_>, usize),
) {
    let Epilogue { accumulate, activation } = epilogue;
    let width = scales.columns.len();
    let stride = sums.len() / params.len();
    dispatch(
        #[inline(always)]
        || {
            // A few columns of all rows: what belongs to a column then stays in registers.
            for column in (0..width).step_by(COLUMNS) {
                let size = COLUMNS.min(width - column);
                let (mut by, mut bias) = ([0.0; COLUMNS], [0.0; COLUMNS]);
                let mut of_column = [0; COLUMNS];
                by[..size].copy_from_slice(&scales.columns[column..][..size]);
                of_column[..size].copy_from_slice(&scales.sums[column..][..size]);
                if let Accumulate::Bias(values) = accumulate {
                    bias[..size].copy_from_slice(&values[column..][..size]);
                }
                for (i, (sums, params)) in sums.chunks_exact(stride).zip(params).enumerate() {
                    let (sums, out) = (&sums[column..], &mut out.row(i)[at + column..]);
                    match (sums.first_chunk(), out.first_chunk_mut()) {
                        (Some(sums), Some(out)) if size == COLUMNS => {
                            let values = if let Accumulate::Add = accumulate { *out } else { bias };
                            *out = dequantize_columns(
                                sums,
                                *params,
                                (&by, &of_column),
                                values,
                                activation,
                            );
                        }
                        _ => {
                            let (mut few, mut values) = ([0; COLUMNS], bias);
                            few[..size].copy_from_slice(&sums[..size]);
                            if let Accumulate::Add = accumulate {
                                values[..size].copy_from_slice(&out[..size]);
                            }
                            let values = dequantize_columns(
                                &few,
                                *params,
                                (&by, &of_column),
                                values,
                                activation,
                            );
                            out[..size].copy_from_slice(&values[..size]);
                        }
                    }
                }
            }
        },
    );
}

/// Columns that are turned back at once: two AVX-512 registers, four of AVX2.
const COLUMNS: usize = 32;

/// Some columns of a row: adds them to `values`.
#[inline(always)]
fn dequantize_columns(
    sums: &[i32; COLUMNS],
    params: QuantParams,
    (scales, of_column): (&[f32; COLUMNS], &[i32; COLUMNS]),
    mut values: [f32; COLUMNS],
    activation: Option<Activation>,
) -> [f32; COLUMNS] {
    for j in 0..COLUMNS {
        let sum = (sums[j] - params.zero_point * of_column[j]) as f32;
        values[j] += sum * (params.scale * scales[j]);
    }
    if let Some(activation) = activation {
        activation.apply(&mut values);
    }
    values
}

/// The largest absolute value of each column of a matrix with contiguous rows.
pub(super) fn largest(matrix: MatrixView<'_>) -> Vec<f32> {
    let mut largest = vec![0.0; matrix.columns()];
    dispatch(
        #[inline(always)]
        || {
            for row in 0..matrix.rows() {
                for (largest, value) in largest.iter_mut().zip(matrix.row(row)) {
                    let value = value.abs();
                    *largest = if value > *largest { value } else { *largest };
                }
            }
        },
    );
    largest
}

/// Rounds the values of each column to integers of 8 bits, and adds up those of a column.
pub(super) fn quantize_columns(
    matrix: MatrixView<'_>,
    scales: &[f32],
    out: &mut [i8],
    sums: &mut [i32],
) {
    let width = scales.len();
    dispatch(
        #[inline(always)]
        || {
            for (i, out) in out.chunks_exact_mut(width).enumerate() {
                let row = matrix.row(i);
                for j in 0..width {
                    // Far from 0 a sum has no bits behind the point; then the lowest are a number.
                    let integer = (row[j] / scales[j] + 1.5 * WHOLE).to_bits() as i8;
                    out[j] = integer;
                    sums[j] += i32::from(integer);
                }
            }
        },
    );
}
