//! What all measures share: similarities in blocks, and the rank of the right answer.

use std::ops::Range;

use ndarray::s;
use rayon::prelude::*;

use crate::Matrix;

/// Similarities held at once by each thread, 16 MB: the whole matrix of a large set would not fit.
const BLOCK_SCORES: usize = 1 << 22;
/// Rows that already make a product fast.
const BLOCK_ROWS: usize = 256;

/// Calls `row(query, similarities to each of the gallery)` for each query, in parallel; answers in
/// the order of the queries.
pub(crate) fn each_row<T: Send>(
    queries: &Matrix<'_>,
    gallery: &Matrix<'_>,
    row: impl Fn(usize, &[f32]) -> T + Sync,
) -> Vec<T> {
    let answers = |range: Range<usize>| -> Vec<T> {
        let block = queries.view();
        let scores = block.slice(s![range.clone(), ..]).dot(&gallery.view().t());
        let scores = scores.as_standard_layout();
        range.zip(scores.rows()).map(|(query, scores)| row(query, &scores.to_vec())).collect()
    };
    let blocks: Vec<Vec<T>> =
        blocks(queries.rows(), gallery.rows()).into_par_iter().map(answers).collect();
    blocks.into_iter().flatten().collect()
}

/// Ranges of rows whose products with `columns` vectors fit in memory.
pub(crate) fn blocks(rows: usize, columns: usize) -> Vec<Range<usize>> {
    let step = (BLOCK_SCORES / columns.max(1)).clamp(1, BLOCK_ROWS);
    (0..rows).step_by(step).map(|start| start..rows.min(start + step)).collect()
}

/// How many answers come before the best of the right ones: 0 where the first answer is right.
/// Equal scores come in the order of their numbers. `None` where nothing is right.
pub(crate) fn rank<S: PartialOrd + Copy>(
    scores: &[S],
    right: impl IntoIterator<Item = usize>,
) -> Option<usize> {
    let before = |a: usize, b: usize| scores[a] > scores[b] || (scores[a] == scores[b] && a < b);
    let best =
        right.into_iter().reduce(|best, next| if before(next, best) { next } else { best })?;
    Some((0..scores.len()).filter(|&other| before(other, best)).count())
}

/// The number of the highest score, the first of equals.
pub(crate) fn highest<S: PartialOrd + Copy>(scores: &[S]) -> usize {
    (1..scores.len()).fold(0, |best, next| if scores[next] > scores[best] { next } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_come_in_order() {
        let scores = [0.5, 0.9, 0.5, 0.9, 0.1];
        for (right, expected) in [(1, 0), (3, 1), (0, 2), (2, 3), (4, 4)] {
            assert_eq!(rank(&scores, [right]), Some(expected), "answer {right}");
        }
        assert_eq!(rank(&scores, [4, 2, 0]), Some(2));
        assert_eq!(rank(&scores, []), None);
        assert_eq!(rank(&[0.0, -0.0], [1]), Some(1));
        assert_eq!(highest(&scores), 1);
    }

    #[test]
    fn blocks_cover_all_rows_once() {
        for (rows, columns) in [(0, 5), (1, 1), (700, 10), (1000, 100_000), (3, usize::MAX)] {
            let blocks = blocks(rows, columns);
            let covered: Vec<usize> = blocks.iter().cloned().flatten().collect();
            assert!(covered.into_iter().eq(0..rows));
            assert!(blocks.iter().all(|b| b.len() == 1 || b.len() * columns <= BLOCK_SCORES));
        }
    }
}
