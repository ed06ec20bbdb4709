//! Inputs that are the same on every machine.

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// A generator; each seed gives another sequence.
#[derive(Debug, Clone)]
pub struct Random(Pcg64Mcg);

impl Random {
    /// A generator.
    pub fn new(seed: u64) -> Self {
        Self(Pcg64Mcg::seed_from_u64(seed))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// The next value, uniform in `-1..1`.
    pub fn uniform(&mut self) -> f32 {
        self.0.random_range(-1.0..1.0)
    }

    /// The next `count` values, uniform in `-1..1`.
    pub fn values(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.uniform()).collect()
    }
}
