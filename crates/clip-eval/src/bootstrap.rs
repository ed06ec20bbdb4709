//! How far a score would move with other queries of the same kind.

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Settings of a percentile bootstrap (Efron, "Bootstrap methods: another look at the jackknife",
/// 1979): rows are drawn with replacement, and the score of each draw is one possible score.
///
/// The same settings give the same interval on every machine, with any number of threads. It
/// answers for the choice of rows only: where many rows share a name, another choice of names
/// would move the score further.
///
/// ```
/// use clip_eval::Bootstrap;
///
/// let hits = [1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0];
/// let interval = Bootstrap::default().mean(&hits)?;
/// assert_eq!(interval.value, 0.625);
/// assert!(interval.low < 0.5 && interval.high > 0.75);
/// # Ok::<(), clip_eval::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// Share of the draws that the interval holds.
    pub level: f64,
    /// Draws.
    pub resamples: usize,
    /// Each seed gives other draws.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { level: 0.95, resamples: 1000, seed: 0 }
    }
}

/// A score and where it may lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The score of all rows.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Bootstrap {
    /// The mean of `values`, one a row, with its interval.
    ///
    /// # Errors
    ///
    /// [`Error::Empty`] where there are no values, and [`Error::Setting`] for a level that is not
    /// between 0 and 1, or no resamples.
    pub fn mean(&self, values: &[f64]) -> Result<Interval> {
        let mean =
            |rows: &[usize]| rows.iter().map(|&row| values[row]).sum::<f64>() / rows.len() as f64;
        self.statistic(values.len(), mean)
    }

    /// Any score of rows `0..rows`, with its interval; `score` is asked with the numbers of the
    /// rows drawn, as many as there are rows.
    ///
    /// # Errors
    ///
    /// As [`Self::mean`].
    pub fn statistic(
        &self,
        rows: usize,
        score: impl Fn(&[usize]) -> f64 + Sync,
    ) -> Result<Interval> {
        self.check()?;
        if rows == 0 {
            return Err(Error::Empty { subject: "rows to measure".to_owned() });
        }
        let all: Vec<usize> = (0..rows).collect();
        // A generator for each draw, so that threads cannot change what is drawn.
        let mut seeds = Pcg64::seed_from_u64(self.seed);
        let seeds: Vec<u64> = (0..self.resamples).map(|_| seeds.next_u64()).collect();
        let mut draws: Vec<f64> = seeds
            .into_par_iter()
            .map_init(
                || vec![0; rows],
                |drawn, seed| {
                    let mut random = Pcg64::seed_from_u64(seed);
                    drawn.fill_with(|| random.random_range(0..rows));
                    score(drawn)
                },
            )
            .collect();
        draws.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - self.level) / 2.0;
        Ok(Interval {
            value: score(&all),
            low: quantile(&draws, tail),
            high: quantile(&draws, 1.0 - tail),
        })
    }

    fn check(&self) -> Result<()> {
        if !(self.level > 0.0 && self.level < 1.0) {
            let (name, value) = ("the confidence level", self.level);
            return Err(Error::Setting { name, value, allowed: "between 0 and 1" });
        }
        if self.resamples == 0 {
            let name = "the number of resamples";
            return Err(Error::Setting { name, value: 0.0, allowed: "at least 1" });
        }
        Ok(())
    }
}

/// Between the two nearest of the sorted values, as `numpy.quantile` does it.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    let below = position.floor();
    let low = sorted[below as usize];
    let high = sorted[position.ceil() as usize];
    low + (high - low) * (position - below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_numpy() {
        let values = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(quantile(&values, 0.0), 1.0);
        assert_eq!(quantile(&values, 0.5), 3.0);
        assert!((quantile(&values, 0.9) - 6.8).abs() < 1e-12);
        assert_eq!(quantile(&values, 1.0), 8.0);
    }

    /// The mean of n draws of a coin lies within 1.96 standard errors of p.
    #[test]
    fn agrees_with_the_normal_approximation() {
        for (right, rows) in [(500, 1000), (200, 1000), (4500, 5000)] {
            let values: Vec<f64> = (0..rows).map(|row| f64::from(row < right)).collect();
            let settings = Bootstrap { resamples: 4000, ..Bootstrap::default() };
            let interval = settings.mean(&values).unwrap();
            let p = f64::from(right) / f64::from(rows);
            let expected = 1.959_964 * (p * (1.0 - p) / f64::from(rows)).sqrt();
            assert_eq!(interval.value, p);
            for half in [p - interval.low, interval.high - p] {
                assert!((half / expected - 1.0).abs() < 0.08, "{right}/{rows}: {half} {expected}");
            }
        }
    }

    #[test]
    fn the_seed_decides() {
        let values: Vec<f64> = (0..50).map(f64::from).collect();
        let settings = Bootstrap::default();
        let first = settings.mean(&values).unwrap();
        assert_eq!(settings.mean(&values).unwrap(), first);
        let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(one_thread.install(|| settings.mean(&values)).unwrap(), first);
        assert_ne!(Bootstrap { seed: 1, ..settings }.mean(&values).unwrap(), first);
        let narrower = Bootstrap { level: 0.5, ..settings }.mean(&values).unwrap();
        assert!(narrower.low > first.low && narrower.high < first.high);
    }

    #[test]
    fn certain_scores_have_no_width() {
        let interval = Bootstrap::default().mean(&[1.0; 7]).unwrap();
        assert_eq!(interval, Interval { value: 1.0, low: 1.0, high: 1.0 });
        let one = Bootstrap { resamples: 1, ..Bootstrap::default() }.mean(&[0.5]).unwrap();
        assert_eq!(one, Interval { value: 0.5, low: 0.5, high: 0.5 });
    }

    #[test]
    fn refuses_senseless_settings() {
        let error =
            |settings: Bootstrap, values: &[f64]| settings.mean(values).unwrap_err().to_string();
        let default = Bootstrap::default();
        assert!(error(default, &[]).starts_with("there are no rows"));
        for level in [0.0, 1.0, 95.0, f64::NAN] {
            assert!(error(Bootstrap { level, ..default }, &[1.0]).contains("confidence level"));
        }
        assert!(error(Bootstrap { resamples: 0, ..default }, &[1.0]).contains("resamples is 0"));
    }
}
