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

    /// The probability of each row.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (usize, f64)> {
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        let before = std::iter::once(&0.0).chain(&self.cumulative);
        let weights = self.cumulative.iter().zip(before).map(move |(sum, before)| sum - before);
        self.rows.iter().copied().zip(weights.map(move |weight| weight / total))
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

#[cfg(test)]
mod tests {
    use std::fs;

    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;

    use super::*;

    /// 60 photographs of one name, 20 of another, 20 drawings of names of their own: capped at 20, names
    /// with many rows come as often as the one with 20, and photographs have their share.
    #[test]
    fn names_are_capped_and_photographs_have_their_share() {
        let folder = tempfile::tempdir().unwrap();
        let mut table = String::from("file\tname\tkind\n");
        for row in 0..100 {
            fs::write(folder.path().join(format!("{row}.png")), "").unwrap();
            let (name, kind) = match row {
                0..60 => ("many".to_owned(), "photo"),
                60..80 => ("some".to_owned(), "photo"),
                _ => (format!("drawing {row}"), "drawing"),
            };
            table += &format!("{row}.png\t{name}\t{kind}\n");
        }
        fs::write(folder.path().join("captions.tsv"), table).unwrap();
        let dataset = Dataset::open(&[folder.path().to_path_buf()]).unwrap();
        let shares = |photo_share, rows: Vec<usize>| {
            let config = FeatureConfig { class_cap: 20, photo_share, ..FeatureConfig::default() };
            let sampler = WeightedSampler::new(&dataset, rows, &config);
            let mut random = Pcg64Mcg::seed_from_u64(5);
            let mut counts = [0; 3];
            for _ in 0..30_000 {
                let row = sampler.draw(&mut random);
                counts[[60, 80, 100].iter().position(|end| row < *end).unwrap()] += 1;
            }
            counts.map(|count| f64::from(count) / 30_000.0)
        };
        let check = |found: [f64; 3], expected: [f64; 3]| {
            let is_near = |(a, b): (&f64, &f64)| (a - b).abs() < 0.015;
            assert!(found.iter().zip(&expected).all(is_near), "{found:?} for {expected:?}");
        };
        check(shares(None, (0..100).collect()), [1.0 / 3.0; 3]);
        check(shares(Some(0.4), (0..100).collect()), [0.2, 0.2, 0.6]);
        // A row that could not be read counts for nothing; without photographs there is no share.
        check(shares(Some(0.4), (30..100).collect()), [0.2, 0.2, 0.6]);
        check(shares(Some(0.4), (80..100).collect()), [0.0, 0.0, 1.0]);
    }
}
