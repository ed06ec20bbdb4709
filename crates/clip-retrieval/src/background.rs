//! What scores mean.

use crate::dot::dot;

/// How a library's own vectors score with queries: what a score is compared with to say whether
/// anything was found.
///
/// Texts score near 0.2 where they fit and near 0.1 where they do not, pictures near 0.8 and 0.5, and
/// each model has scores of its own; so no score means the same everywhere. How far it lies above what
/// the library scores with such queries anyway does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Background {
    /// The mean score.
    pub mean: f32,
    /// The standard deviation of scores.
    pub deviation: f32,
}

/// Scores of a vector with itself tell nothing.
const ITSELF: f32 = 0.9999;

impl Background {
    /// That of some queries before the vectors of a [`Store::sample`](crate::Store::sample), each
    /// `[dimension]`: the mean of the means and of the deviations of each query. None where there are
    /// too few of either.
    pub fn of(queries: &[&[f32]], sample: &[f32], dimension: usize) -> Option<Self> {
        let of_one = |query: &&[f32]| {
            let scores = sample.chunks_exact(dimension.max(1)).map(|vector| dot(query, vector));
            let scores: Vec<f64> = scores.filter(|score| *score < ITSELF).map(f64::from).collect();
            let count = scores.len() as f64;
            let mean = scores.iter().sum::<f64>() / count;
            let squares = scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>();
            (scores.len() > 1).then_some([mean, (squares / count).sqrt()])
        };
        let each: Vec<[f64; 2]> = queries.iter().filter_map(of_one).collect();
        let of = |i: usize| each.iter().map(|one| one[i]).sum::<f64>() / each.len() as f64;
        let (mean, deviation) = (of(0) as f32, of(1) as f32);
        // Also where there is nothing to take the mean of.
        (deviation > 0.0).then_some(Self { mean, deviation })
    }

    /// Halfway between two.
    pub fn halfway(self, other: Self) -> Self {
        let half = |a: f32, b: f32| (a + b) / 2.0;
        Self { mean: half(self.mean, other.mean), deviation: half(self.deviation, other.deviation) }
    }

    /// How many deviations a score lies above the mean.
    pub fn relevance(&self, score: f32) -> f32 {
        (score - self.mean) / self.deviation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_background_is_that_of_the_other_vectors() {
        let sample = [1.0, 0.0, 0.6, 0.8, 0.0, 1.0];
        let of = |queries: &[&[f32]]| Background::of(queries, &sample, 2);
        let background = of(&[&[1.0, 0.0]]).unwrap();
        assert!((background.mean - 0.3).abs() < 1e-6 && (background.deviation - 0.3).abs() < 1e-6);
        assert!((background.relevance(0.9) - 2.0).abs() < 1e-5);
        let both = of(&[&[1.0, 0.0], &[0.0, 1.0]]).unwrap();
        assert!((both.mean - 0.35).abs() < 1e-6 && (both.deviation - 0.35).abs() < 1e-6);
        let half = background.halfway(both);
        assert!((half.mean - 0.325).abs() < 1e-6 && (half.deviation - 0.325).abs() < 1e-6);
    }

    #[test]
    fn too_little_is_no_background() {
        assert_eq!(Background::of(&[], &[1.0, 0.0], 2), None);
        assert_eq!(Background::of(&[&[1.0, 0.0]], &[1.0, 0.0], 2), None);
        assert_eq!(Background::of(&[&[1.0, 0.0]], &[0.6, 0.8, 0.6, 0.8], 2), None);
    }
}
