//! Loops between values and the whole numbers of 8 bits that stand for them.

use super::packed::Start;
use super::part::Part;
use super::simd::{LANES, bend, widest};
use crate::Activation;

/// From here on, to twice that, an `f32` has no bits behind the point.
const WHOLE: f32 = (1 << 23) as f32;

/// How a row was rounded to whole numbers: a value is `scale` times what is above `zero`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    pub(super) scale: f32,
    pub(super) zero: i32,
}

/// What turns products of whole numbers back, one value a column each.
#[derive(Clone, Copy)]
pub(super) struct Scales<'a> {
    pub(super) columns: &'a [f32],
    /// What the zero of a row adds.
    pub(super) sums: &'a [i32],
}

/// Rounds a row to whole numbers up to `highest`; 0 is one of them.
pub(super) fn round(row: &[f32], highest: u8, out: &mut [u8]) -> Level {
    widest(
        #[inline(always)]
        || {
            let (low, high) = range(row);
            let top = f32::from(highest);
            let scale = if high > low { (high - low) / top } else { 1.0 };
            let (steps, zero) = (1.0 / scale, (-low / scale).round_ties_even());
            for (out, value) in out.iter_mut().zip(row) {
                // To the nearest whole number, which then stands in the lowest bits.
                *out = ((value * steps + zero).clamp(0.0, top) + WHOLE).to_bits() as u8;
            }
            Level { scale, zero: zero as i32 }
        },
    )
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

/// Turns sums of products of whole numbers back, one row of them for each of `levels`, and does what
/// follows the product. They go to columns from `at` on of the rows of `out` from `first` on.
pub(super) fn finish(
    sums: &[i32],
    levels: &[Level],
    scales: Scales<'_>,
    (start, after): (Start<'_>, Option<Activation>),
    (out, first, at): (&mut Part<'_>, usize, usize),
) {
    let width = scales.columns.len();
    let stride = sums.len() / levels.len();
    widest(
        #[inline(always)]
        || {
            for (i, (sums, level)) in sums.chunks_exact(stride).zip(levels).enumerate() {
                let (sums, out) = (&sums[..width], &mut out.row(first + i)[at..][..width]);
                match start {
                    Start::Zero => out.fill(0.0),
                    Start::Bias(bias) => out.copy_from_slice(bias),
                    Start::Out => {}
                }
                scale(sums, *level, scales, out);
                if let Some(activation) = after {
                    bend(activation, out);
                }
            }
        },
    );
}

/// Adds a row. A function of its own, so that no two slices may be the same.
#[inline(always)]
fn scale(sums: &[i32], level: Level, scales: Scales<'_>, out: &mut [f32]) {
    let columns = scales.columns.iter().zip(scales.sums);
    for ((out, sum), (scale, of_column)) in out.iter_mut().zip(sums).zip(columns) {
        *out += (sum - level.zero * of_column) as f32 * (level.scale * scale);
    }
}

/// The largest absolute value of each column of a matrix.
pub(super) fn largest(matrix: &[f32], largest: &mut [f32]) {
    widest(
        #[inline(always)]
        || {
            for row in matrix.chunks_exact(largest.len()) {
                for (largest, value) in largest.iter_mut().zip(row) {
                    let value = value.abs();
                    *largest = if value > *largest { value } else { *largest };
                }
            }
        },
    );
}

/// Rounds the values of each column to whole numbers of 8 bits, and adds up those of a column.
pub(super) fn round_columns(matrix: &[f32], scales: &[f32], out: &mut [i8], sums: &mut [i32]) {
    let width = scales.len();
    widest(
        #[inline(always)]
        || {
            for (row, out) in matrix.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
                for j in 0..width {
                    // Far from 0 a sum has no bits behind the point; then the lowest are a number.
                    let whole = (row[j] / scales[j] + 1.5 * WHOLE).to_bits() as i8;
                    out[j] = whole;
                    sums[j] += i32::from(whole);
                }
            }
        },
    );
}
