//! How fast a run goes.

use std::time::Instant;

/// Steps over which the speed is averaged.
const STEPS: usize = 20;

/// Times of the last steps, and how many samples each had.
#[derive(Debug)]
pub(crate) struct Speed {
    times: Vec<(Instant, usize)>,
}

impl Speed {
    /// Starts the clock.
    pub(crate) fn start() -> Self {
        Self { times: vec![(Instant::now(), 0)] }
    }

    /// Counts a step of so many samples; samples a second and seconds a step over the last steps.
    pub(crate) fn count(&mut self, samples: usize) -> (f64, f64) {
        let times = &mut self.times;
        times.push((Instant::now(), samples));
        if times.len() > STEPS {
            times.remove(0);
        }
        let samples: usize = times[1..].iter().map(|(_, samples)| samples).sum();
        let seconds = times[0].0.elapsed().as_secs_f64();
        (samples as f64 / seconds.max(1e-9), seconds / (times.len() - 1).max(1) as f64)
    }
}
