//! The learning rate over a run: a linear warm-up, then half a cosine down to nothing.

use serde::{Deserialize, Serialize};

/// Configuration of the learning rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleConfig {
    /// The highest rate, reached after the warm-up.
    pub learning_rate: f64,
    /// Steps of the warm-up.
    pub warmup_steps: u64,
    /// Passes over the data.
    pub epochs: u64,
    /// Ends the run after that many steps; 0 leaves it to `epochs`.
    pub max_steps: u64,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self { learning_rate: 1e-3, warmup_steps: 200, epochs: 30, max_steps: 0 }
    }
}

impl ScheduleConfig {
    /// The rate of step `step` (from 0) of `total`: `r (t+1)/w` while warming up, then
    /// `r ½ (1 + cos(π (t−w)/(T−w)))`, as `cosine_lr` of OpenCLIP (`open_clip_train/scheduler.py`).
    pub fn rate(&self, step: u64, total: u64) -> f64 {
        let warmup = self.warmup_steps.min(total);
        if step < warmup {
            return self.learning_rate * (step + 1) as f64 / warmup as f64;
        }
        let progress = (step - warmup) as f64 / (total - warmup).max(1) as f64;
        self.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * progress.min(1.0)).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_and_falls() {
        let schedule =
            ScheduleConfig { learning_rate: 2.0, warmup_steps: 4, epochs: 1, max_steps: 0 };
        let rates: Vec<f64> = (0..=12).map(|step| schedule.rate(step, 12)).collect();
        assert_eq!(rates[..5], [0.5, 1.0, 1.5, 2.0, 2.0]);
        assert!(rates[4..].is_sorted_by(|a, b| a > b));
        assert!((rates[8] - 1.0).abs() < 1e-12 && rates[12].abs() < 1e-12);
        assert!((schedule.rate(0, 0)).is_finite());
    }
}
