//! The best of many.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// The key of something, and how near its vector is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scored {
    pub(crate) key: u64,
    pub(crate) score: f32,
}

/// A number that sorts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Total(pub(crate) f32);

impl Ord for Total {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Total {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Total {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Total {}

/// The best so far, the worst of them on top; of equal scores the lower key is better.
pub(crate) struct Best(BinaryHeap<Reverse<(Total, Reverse<u64>)>>, usize);

impl Best {
    pub(crate) fn new(top: usize) -> Self {
        Self(BinaryHeap::new(), top)
    }

    /// How many of the best are wanted.
    #[cfg(feature = "sqlite")]
    pub(crate) fn wanted(&self) -> usize {
        self.1
    }

    pub(crate) fn add(&mut self, key: u64, score: f32) {
        // Damaged vectors may hold anything; they are found by checking the file.
        if score.is_nan() || self.1 == 0 {
            return;
        }
        // Adding 0 makes −0 and 0 the same score.
        let entry = Reverse((Total(score + 0.0), Reverse(key)));
        if self.0.len() < self.1 {
            self.0.push(entry);
        } else if let Some(mut worst) = self.0.peek_mut()
            && entry < *worst
        {
            *worst = entry;
        }
    }

    pub(crate) fn sorted(self) -> Vec<Scored> {
        let sorted = self.0.into_sorted_vec().into_iter();
        sorted.map(|Reverse((score, key))| Scored { key: key.0, score: score.0 }).collect()
    }
}
