//! How rows and columns are cut.

use std::ops::Range;

/// Up to `most` rows each, of about one size: a tile of few rows takes almost as long as one of many.
pub(crate) fn tiles(
    rows: Range<usize>,
    most: usize,
) -> impl ExactSizeIterator<Item = Range<usize>> + Clone {
    let count = rows.len().div_ceil(most);
    let start = move |tile: usize| rows.start + tile * rows.len() / count;
    (0..count).map(move |tile| start(tile)..start(tile + 1))
}

/// `size` columns each, but for the last.
pub(crate) fn steps(
    columns: Range<usize>,
    size: usize,
) -> impl ExactSizeIterator<Item = Range<usize>> + Clone {
    columns.clone().step_by(size).map(move |first| first..columns.end.min(first + size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_all_rows_once() {
        for rows in 0..100 {
            let (mut next, tiles) = (0, tiles(0..rows, 12));
            assert_eq!(tiles.len(), rows.div_ceil(12));
            for tile in tiles {
                assert_eq!(tile.start, next);
                assert!((1..=12).contains(&tile.len()));
                next = tile.end;
            }
            assert_eq!(next, rows);
        }
    }
}
