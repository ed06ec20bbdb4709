//! How near vectors are to those of the reference.

/// Of all rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cosines {
    pub(crate) lowest: f64,
    pub(crate) mean: f64,
}

/// Row by row; a row with a value that is no number counts as 0.
///
/// # Panics
///
/// Where the two are not rows of that width, as many of each.
pub(crate) fn compare(vectors: &[f32], reference: &[f32], width: usize) -> Cosines {
    assert!(vectors.len() == reference.len() && vectors.len().is_multiple_of(width) && width > 0);
    let rows = vectors.chunks_exact(width).zip(reference.chunks_exact(width));
    let cosines: Vec<f64> = rows.map(|(a, b)| cosine(a, b)).collect();
    let lowest = cosines.iter().copied().fold(f64::INFINITY, f64::min);
    Cosines { lowest, mean: cosines.iter().sum::<f64>() / cosines.len() as f64 }
}

/// The mean cosine of a row to the next one, of the last to the first.
pub(crate) fn neighbors(vectors: &[f32], width: usize) -> f64 {
    let shifted = [&vectors[width..], &vectors[..width]].concat();
    compare(vectors, &shifted, width).mean
}

/// In f64: the question is how far from 1 it is.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    if cosine.is_finite() { cosine } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_compared_one_by_one() {
        let reference = [1.0, 0.0, 0.0, 2.0];
        let same = compare(&reference, &reference, 2);
        assert_eq!((same.lowest, same.mean), (1.0, 1.0));
        let turned = compare(&[1.0, 0.0, 2.0, 0.0], &reference, 2);
        assert_eq!((turned.lowest, turned.mean), (0.0, 0.5));
        assert_eq!(neighbors(&[1.0, 0.0, 1.0, 0.0], 2), 1.0);
        assert_eq!(neighbors(&reference, 2), 0.0);
    }

    #[test]
    fn what_is_no_number_is_no_match() {
        let broken = compare(&[1.0, f32::NAN, 0.0, 0.0], &[1.0, 1.0, 1.0, 1.0], 2);
        assert_eq!((broken.lowest, broken.mean), (0.0, 0.0));
    }
}
