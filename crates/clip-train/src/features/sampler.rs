//! Which images a step draws: with replacement, by weight.

use clip_data::{Dataset, Kind};
use rand::{Rng, RngExt};

use super::FeatureConfig;

/// Images with their weights. Any step can be drawn without those before it.
#[derive(Debug)]
pub(crate) struct WeightedSampler {
    rows: Vec<usize>,
    /// Sum of the weights up to each row.
    cumulative: Vec<f64>,
}

impl WeightedSampler {
    /// Weights of some rows of a dataset. Rows of a name with more than the cap have less; then
    /// photographs, or all others, until photographs have their share.
    pub(crate) fn new(dataset: &Dataset, rows: Vec<usize>, config: &FeatureConfig) -> Self {
        let mut counts = vec![0usize; dataset.names().len()];
        for row in &rows {
            counts[dataset.group(*row) as usize] += 1;
        }
        let cap = if config.class_cap == 0 { usize::MAX } else { config.class_cap };
        let weight = |row: &usize| {
            let count = counts[dataset.group(*row) as usize];
            (cap as f64 / count as f64).min(1.0)
        };
        let is_photo = |row: usize| dataset.sample(row).kind == Kind::Photo;
        let weights: Vec<f64> = rows.iter().map(weight).collect();
        let total = |of_photos: bool| -> f64 {
            let pairs = rows.iter().zip(&weights);
            pairs.filter(|(row, _)| is_photo(**row) == of_photos).map(|(_, weight)| weight).sum()
        };
        let (photos, others) = (total(true), total(false));
        let factors = match config.photo_share {
            Some(share) if photos > 0.0 && others > 0.0 => [share / photos, (1.0 - share) / others],
            // Where there are none, they cannot have a share.
            _ => [1.0, 1.0],
        };
        let mut sum = 0.0;
        let cumulative = rows.iter().zip(weights).map(|(row, weight)| {
            sum += weight * factors[usize::from(!is_photo(*row))];
            sum
        });
        Self { cumulative: cumulative.collect(), rows }
    }

    /// A row.
    pub(crate) fn draw<R: Rng>(&self, random: &mut R) -> usize {
        let place = pick(&self.cumulative, random);
        self.rows[place]
    }
}

/// A place among weights, of which the sum up to each is given.
pub(crate) fn pick<R: Rng>(cumulative: &[f64], random: &mut R) -> usize {
    let total = cumulative.last().copied().unwrap_or(0.0);
    let at = random.random::<f64>() * total;
    cumulative.partition_point(|sum| *sum <= at).min(cumulative.len() - 1)
}
