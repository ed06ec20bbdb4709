//! The transpose of a matrix, block by block in registers.

use crate::matrix::MatrixView;
use crate::tiling::steps;

/// Rows and columns of a block: a register of AVX2.
const SIDE: usize = 8;

type Block = [[f32; SIDE]; SIDE];

/// The columns of a matrix with contiguous rows, one after the other.
///
/// # Panics
///
/// Where the sizes do not fit.
pub fn transpose(matrix: MatrixView<'_>, out: &mut [f32]) {
    let (rows, columns) = (matrix.rows(), matrix.columns());
    assert_eq!(out.len(), rows * columns, "room for a matrix of {columns}×{rows}");
    if rows < SIDE || columns < SIDE {
        for row in 0..rows {
            let places = out[row..].iter_mut().step_by(rows);
            places.zip(matrix.row(row)).for_each(|(place, value)| *place = *value);
        }
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if crate::Isa::Avx2.is_enabled() {
        #[expect(unsafe_code, reason = "vector instructions")]
        // SAFETY: the processor has the instructions.
        return unsafe { x86::transpose(matrix, out) };
    }
    by_blocks(matrix, out, turn);
}

/// Eight rows to eight columns, on every processor.
fn turn(block: Block) -> Block {
    std::array::from_fn(|column| std::array::from_fn(|row| block[row][column]))
}

/// All blocks of a matrix that has one at least. The last of a row or a column overlaps the one before
/// where the sizes are no multiples of [`SIDE`].
#[inline(always)]
fn by_blocks(matrix: MatrixView<'_>, out: &mut [f32], turn: impl Fn(Block) -> Block) {
    /// Columns that go through all rows before the next: so few that what is written stays in the
    /// first-level cache until its lines are full, so many that rows are read in long pieces.
    const STRIP: usize = 64;
    let (rows, columns) = (matrix.rows(), matrix.columns());
    for strip in steps(0..columns, STRIP) {
        for row in (0..rows).step_by(SIDE) {
            let row = row.min(rows - SIDE);
            for column in strip.clone().step_by(SIDE) {
                let column = column.min(columns - SIDE);
                let block: Block = std::array::from_fn(
                    #[inline(always)]
                    |i| *matrix.row(row + i)[column..].first_chunk().expect("a block of columns"),
                );
                for (i, values) in turn(block).iter().enumerate() {
                    out[(column + i) * rows + row..][..SIDE].copy_from_slice(values);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128, __m256, _mm256_set_m128, _mm256_shuffle_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps,
    };

    use pulp::cast;

    use super::{Block, MatrixView, SIDE, by_blocks};

    #[target_feature(enable = "avx2")]
    pub(super) fn transpose(matrix: MatrixView<'_>, out: &mut [f32]) {
        by_blocks(
            matrix,
            out,
            #[inline(always)]
            |block| turn(block),
        );
    }

    /// As [`super::turn`]. A register holds four values of a row, and below them those of the
    /// fourth row after it: two rounds of exchange within halves do the rest.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn turn(block: Block) -> Block {
        let mut columns = [[0.0; SIDE]; SIDE];
        for (at, columns) in [0, 4].into_iter().zip(columns.as_chunks_mut::<4>().0) {
            let half = |row: usize| -> __m128 {
                let [first, second] = cast::<[f32; SIDE], [[f32; 4]; 2]>(block[row]);
                cast(if at == 0 { first } else { second })
            };
            let [a, b, c, d] = [0, 1, 2, 3].map(|row| _mm256_set_m128(half(row + 4), half(row)));
            let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
            let (ab_high, cd_high) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
            *columns = [
                _mm256_shuffle_ps::<0x44>(ab, cd),
                _mm256_shuffle_ps::<0xee>(ab, cd),
                _mm256_shuffle_ps::<0x44>(ab_high, cd_high),
                _mm256_shuffle_ps::<0xee>(ab_high, cd_high),
            ]
            .map(cast::<__m256, [f32; SIDE]>);
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_changes_its_place() {
        for (rows, columns) in [(1, 1), (16, 3), (8, 8), (17, 33), (40, 5), (12, 64), (30, 150)] {
            let values: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
            let matrix = MatrixView::new(&values, columns);
            let expected: Vec<f32> =
                (0..values.len()).map(|at| matrix.at(at % rows, at / rows)).collect();
            let mut turned = vec![0.0; values.len()];
            transpose(matrix, &mut turned);
            assert_eq!(turned, expected, "{rows}×{columns}");
            if rows >= SIDE && columns >= SIDE {
                turned.fill(0.0);
                by_blocks(matrix, &mut turned, turn);
                assert_eq!(turned, expected, "{rows}×{columns}, on every processor");
            }
        }
    }
}
