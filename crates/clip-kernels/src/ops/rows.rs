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

/// The columns of a matrix with contiguous rows, one after the other.
///
/// # Panics
///
/// Where the sizes do not fit.
pub fn transpose(matrix: MatrixView<'_>, out: &mut [f32]) {
    /// Rows that are read together, so that what is written is whole cache lines.
    const ROWS: usize = 16;
    let (rows, columns) = (matrix.rows(), matrix.columns());
    assert_eq!(out.len(), rows * columns, "room for a matrix of {columns}×{rows}");
    let mut first = 0;
    while first < rows {
        let count = ROWS.min(rows - first);
        let lines: [&[f32]; ROWS] = std::array::from_fn(|i| matrix.row(first + i % count));
        dispatch(
            #[inline(always)]
            || {
                for (column, out) in out.chunks_exact_mut(rows).enumerate() {
                    match out[first..].first_chunk_mut::<ROWS>() {
                        Some(out) if count == ROWS => {
                            for i in 0..ROWS {
                                out[i] = lines[i][column];
                            }
                        }
                        _ => {
                            for i in 0..count {
                                out[first + i] = lines[i][column];
                            }
                        }
                    }
                }
            },
        );
        first += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposed_twice_is_the_same() {
        for (rows, columns) in [(1, 1), (16, 3), (17, 33), (40, 5)] {
            let matrix: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
            let (mut turned, mut back) = (vec![0.0; matrix.len()], vec![0.0; matrix.len()]);
            transpose(MatrixView::new(&matrix, columns), &mut turned);
            assert_eq!(turned[..columns.min(2) * rows].last().copied(), {
                let column = columns.min(2) - 1;
                Some(matrix[(rows - 1) * columns + column])
            });
            transpose(MatrixView::new(&turned, rows), &mut back);
            assert_eq!(back, matrix);
        }
    }
}
