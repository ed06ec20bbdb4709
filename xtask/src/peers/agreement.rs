//! Whether two peers compute the same.

use anyhow::{Result, ensure};

/// The lowest cosine between vectors in the same places.
pub(crate) fn lowest_cosine(vectors: &[Vec<f64>], reference: &[Vec<f64>]) -> Result<f64> {
    ensure!(
        vectors.len() == reference.len(),
        "it gave {} vectors instead of {}",
        vectors.len(),
        reference.len()
    );
    let cosines = vectors.iter().zip(reference).map(|(a, b)| {
        ensure!(a.len() == b.len(), "its vectors have {} numbers instead of {}", a.len(), b.len());
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
        ensure!(cosine.is_finite(), "it gave a vector without a direction");
        Ok(cosine)
    });
    cosines.reduce(|a, b| Ok(a?.min(b?))).unwrap_or(Ok(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_counts_and_lengths_do_not() {
        let reference = [vec![1.0, 0.0], vec![0.0, 2.0]];
        let check = |vectors: &[Vec<f64>], cosine: f64| {
            let lowest = lowest_cosine(vectors, &reference).unwrap();
            assert!((lowest - cosine).abs() < 1e-12, "{lowest}");
        };
        check(&[vec![5.0, 0.0], vec![0.0, 0.1]], 1.0);
        check(&[vec![1.0, 0.0], vec![3.0, 4.0]], 0.8);
        check(&[vec![1.0, 0.0], vec![0.0, -1.0]], -1.0);
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let reference = [vec![1.0, 0.0]];
        let refused =
            |vectors: &[Vec<f64>]| lowest_cosine(vectors, &reference).unwrap_err().to_string();
        assert_eq!(refused(&[]), "it gave 0 vectors instead of 1");
        assert_eq!(refused(&[vec![1.0]]), "its vectors have 1 numbers instead of 2");
        assert_eq!(refused(&[vec![0.0, 0.0]]), "it gave a vector without a direction");
        assert_eq!(refused(&[vec![f64::NAN, 0.0]]), "it gave a vector without a direction");
    }
}
