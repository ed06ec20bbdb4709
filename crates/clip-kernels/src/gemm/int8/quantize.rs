//! Quantization: loops between values and the integers that stand for them.

use crate::dispatch;
use crate::dispatch::{MulAdd, dispatch_fused};
use crate::gemm::output::{COLUMNS, Values, WIDEST, filled_up, some_of};
use crate::matrix::MatrixView;
use crate::ops::{fold, larger, smaller};

/// From here on, to twice that, an `f32` has no fraction bits.
const WHOLE: f32 = (1 << 23) as f32;

/// How a row was quantized: a value is `scale` times the distance of its integer from `zero_point`.
#[derive(Debug, Clone, Copy)]
pub(super) struct QuantParams {
    pub(super) scale: f32,
    /// An integer.
    pub(super) zero_point: f32,
}

/// What dequantizes the sums of a panel, one value a column each.
pub(super) struct PanelScales {
    scales: [f32; WIDEST],
    /// What the zero point of a row adds.
    sums: [f32; WIDEST],
}

impl PanelScales {
    /// For columns of those scales, whose integers add up to `sums`.
    pub(super) fn new(scales: &[f32], sums: &[i32]) -> Self {
        Self { scales: filled_up(scales), sums: filled_up(sums).map(|sum| sum as f32) }
    }

    /// What dequantizes sums of some columns, from one of the panel on, and adds them to values.
    #[inline(always)]
    pub(super) fn at(
        &self,
        first: usize,
        mul_add: MulAdd,
    ) -> impl Fn(&Values<i32>, QuantParams, Values) -> Values {
        let (scales, of_column) = (*some_of(&self.scales, first), *some_of(&self.sums, first));
        #[inline(always)]
        move |sums, QuantParams { scale, zero_point }, mut values| {
            for i in 0..COLUMNS {
                // Both are integers; what their floats round is far below what quantization did.
                let sum = mul_add.of(-zero_point, of_column[i], sums[i] as f32);
                values[i] = mul_add.of(sum, scale * scales[i], values[i]);
            }
            values
        }
    }
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
    dispatch_fused(
        #[inline(always)]
        |mul_add| {
            let (low, high) = range(row);
            let top = f32::from(highest);
            let scale = if high > low { (high - low) / top } else { 1.0 };
            let (steps, zero_point) = (1.0 / scale, (-low / scale).round_ties_even());
            for (out, value) in out.iter_mut().zip(row) {
                // To the nearest integer, which then stands in the lowest bits.
                let place = mul_add.of(*value, steps, zero_point);
                *out = keep((place.clamp(0.0, top) + WHOLE).to_bits());
            }
            QuantParams { scale, zero_point }
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
    QuantParams { scale: 1.0, zero_point: 0.0 }
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
    (fold::<4>(row, 0.0, smaller, smaller), fold::<4>(row, 0.0, larger, larger))
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
