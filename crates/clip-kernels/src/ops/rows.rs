//! Loops over the rows of a matrix.

use half::bf16;

use super::sums::centered_dot;
use crate::dispatch;
use crate::gemm::Output;
use crate::matrix::MatrixView;

/// Every row of `out` becomes that of `x` and `bias`.
pub fn add_rows(x: &[f32], bias: &[f32], out: &mut [f32]) {
    let width = bias.len();
    dispatch(
        #[inline(always)]
        || {
            for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
                for ((out, x), bias) in out.iter_mut().zip(x).zip(bias) {
                    *out = x + bias;
                }
            }
        },
    );
}

/// Adds `row` to every row of `x`.
pub(crate) fn add_to_rows(x: &mut [f32], row: &[f32]) {
    dispatch(
        #[inline(always)]
        || {
            for x in x.chunks_exact_mut(row.len()) {
                x.iter_mut().zip(row).for_each(|(x, value)| *x += value);
            }
        },
    );
}

/// Writes `scale` times each value.
pub(crate) fn scale_into<O: Output>(x: &[f32], scale: f32, out: &mut [O]) {
    dispatch(
        #[inline(always)]
        || out.iter_mut().zip(x).for_each(|(out, x)| *out = O::from_f32(x * scale)),
    );
}

/// Values of `bf16` in `f32`.
pub(crate) fn widen(x: &[bf16], out: &mut [f32]) {
    dispatch(
        #[inline(always)]
        || out.iter_mut().zip(x).for_each(|(out, x)| *out = Output::to_f32(*x)),
    );
}

/// Adds the rows of `x` to `total`.
pub fn sum_rows(x: &[f32], total: &mut [f32]) {
    let width = total.len();
    dispatch(
        #[inline(always)]
        || {
            for row in x.chunks_exact(width) {
                for (total, x) in total.iter_mut().zip(row) {
                    *total += x;
                }
            }
        },
    );
}

/// The product of each row of a matrix with `values`.
///
/// # Panics
///
/// Where the sizes do not fit.
pub fn dot_rows(matrix: MatrixView<'_>, values: &[f32], out: &mut [f32]) {
    assert_eq!([matrix.columns(), matrix.rows()], [values.len(), out.len()], "sizes of a product");
    dispatch(
        #[inline(always)]
        || {
            for (i, out) in out.iter_mut().enumerate() {
                *out = centered_dot(values, matrix.row(i), 0.0);
            }
        },
    );
}

/// The sum of the rows of a matrix, each times its weight.
///
/// # Panics
///
/// Where the sizes do not fit.
pub fn weighted_sum(matrix: MatrixView<'_>, weights: &[f32], out: &mut [f32]) {
    assert_eq!([matrix.rows(), matrix.columns()], [weights.len(), out.len()], "sizes of a product");
    dispatch(
        #[inline(always)]
        || {
            out.fill(0.0);
            for (i, weight) in weights.iter().enumerate() {
                for (out, value) in out.iter_mut().zip(matrix.row(i)) {
                    *out += weight * value;
                }
            }
        },
    );
}
