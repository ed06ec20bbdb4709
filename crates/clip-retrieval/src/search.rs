//! Exact search.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::dot::dot;
use crate::{Item, Library, Result};

/// One answer of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit<'a> {
    /// What was found.
    pub item: &'a Item,
    /// Its place among [`Library::items`].
    pub index: usize,
    /// Dot product of query and vector; the cosine, where the query has length 1.
    pub score: f32,
}

impl Library {
    /// The `top` items nearest to `query` `[dimension]` among those that `filter` lets pass, best
    /// first; of equal scores the earlier inserted first. Every vector is compared.
    ///
    /// # Errors
    ///
    /// [`Error::Dimension`](crate::Error::Dimension) or
    /// [`Error::NotFinite`](crate::Error::NotFinite) for a query that cannot be compared.
    pub fn search(
        &self,
        query: &[f32],
        top: usize,
        filter: impl Fn(&Item) -> bool,
    ) -> Result<Vec<Hit<'_>>> {
        self.check(query, || "the query".to_owned())?;
        // The worst of the best so far is on top of the heap.
        let mut best = BinaryHeap::with_capacity(top.min(self.len()) + 1);
        let rows = self.items().enumerate().filter(|(_, item)| filter(item));
        for (index, item) in rows {
            // Adding 0 makes −0 and 0 the same score.
            let score = dot(query, &self.vectors()[self.range(index)]) + 0.0;
            let hit = Ranked(Hit { item, index, score });
            if best.len() < top {
                best.push(Reverse(hit));
            } else if let Some(mut worst) = best.peek_mut()
                && hit > worst.0
            {
                *worst = Reverse(hit);
            }
        }
        // Ascending order of what is reversed: best first.
        Ok(best.into_sorted_vec().into_iter().map(|Reverse(Ranked(hit))| hit).collect())
    }
}

/// A hit that is greater the better it is.
struct Ranked<'a>(Hit<'a>);

impl Ord for Ranked<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = self.0.score.total_cmp(&other.0.score);
        by_score.then_with(|| other.0.index.cmp(&self.0.index))
    }
}

impl PartialOrd for Ranked<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked<'_> {}
