//! The score that a row has to reach.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::top::Total;

/// The best of the least that rows score: whoever cannot reach the worst of them is out.
pub(super) struct Lows(BinaryHeap<Reverse<Total>>, usize);

impl Lows {
    pub(super) fn new(top: usize) -> Self {
        Self(BinaryHeap::new(), top)
    }

    /// How many are looked for.
    pub(super) fn top(&self) -> usize {
        self.1
    }

    pub(super) fn add(&mut self, low: f32) {
        if self.0.len() < self.1 {
            self.0.push(Reverse(Total(low)));
        } else if let Some(mut worst) = self.0.peek_mut()
            && low > worst.0.0
        {
            *worst = Reverse(Total(low));
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|low| self.add(low.0.0));
    }

    pub(super) fn threshold(&self) -> f32 {
        match self.0.peek() {
            Some(worst) if self.0.len() == self.1 => worst.0.0,
            _ => f32::NEG_INFINITY,
        }
    }
}
