//! Exact search.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::num::NonZero;
use std::ops::Range;
use std::panic::resume_unwind;
use std::thread;

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

/// Rows worth a thread of their own: fewer are scanned sooner than a thread starts.
const ROWS_PER_THREAD: usize = 8192;

impl Library {
    /// The `top` items nearest to `query` `[dimension]` among those that `filter` lets pass, best
    /// first; of equal scores the earlier inserted first. Every vector is compared, large libraries
    /// on all cores.
    ///
    /// # Errors
    ///
    /// [`Error::Dimension`](crate::Error::Dimension) or
    /// [`Error::NotFinite`](crate::Error::NotFinite) for a query that cannot be compared.
    pub fn search(
        &self,
        query: &[f32],
        top: usize,
        filter: impl Fn(&Item) -> bool + Sync,
    ) -> Result<Vec<Hit<'_>>> {
        self.check(query, || "the query".to_owned())?;
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = cores.min(self.len() / ROWS_PER_THREAD).max(1);
        let rows = self.len().div_ceil(threads);
        let scan = |thread: usize| {
            let end = ((thread + 1) * rows).min(self.len());
            self.best_of(thread * rows..end, query, top, &filter)
        };
        let mut best = thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|i| scope.spawn(move || scan(i))).collect();
            let mut best = scan(0);
            for other in others {
                // A panic in the caller's filter goes on in the caller.
                best.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            best
        });
        best.sort_unstable_by(|a, b| b.cmp(a));
        best.truncate(top);
        Ok(best.into_iter().map(|Ranked(hit)| hit).collect())
    }

    /// The best `top` of some rows, in any order.
    fn best_of(
        &self,
        rows: Range<usize>,
        query: &[f32],
        top: usize,
        filter: &impl Fn(&Item) -> bool,
    ) -> Vec<Ranked<'_>> {
        // The worst of the best so far is on top of the heap.
        let mut best = BinaryHeap::with_capacity(top.min(rows.len()) + 1);
        let items = self.items().enumerate().skip(rows.start).take(rows.len());
        for (index, item) in items.filter(|(_, item)| filter(item)) {
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
        best.into_iter().map(|Reverse(hit)| hit).collect()
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
