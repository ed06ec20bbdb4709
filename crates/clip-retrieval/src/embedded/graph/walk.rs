//! Finding the nearest by a graph.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::bits::Bits;
use clip_kernels::prefetch;

use super::super::scan::{Aim, Bounds, Query, SumsOf};
use super::super::segment::Segment;
use super::{Graph, Level};
use crate::top::Total;

/// Rows by their score.
type Scored = (Total, u32);

impl Graph {
    /// Rows near the query among those that count, about `breadth` of them: those that the walk had
    /// in view at its end, and between which bounds they score.
    pub(super) fn walk(
        &self,
        segment: &Segment,
        query: &Query<'_>,
        breadth: usize,
        live: Option<&Bits>,
    ) -> Vec<(Bounds, usize)> {
        let mut walk = Walk {
            graph: self,
            segment,
            query,
            aim: query.aim(segment.center()),
            seen: Bits::none(segment.rows()),
            fresh: Vec::new(),
            sums: Vec::new(),
        };
        let Some((base, upper)) = self.levels.split_first() else { return Vec::new() };
        if segment.rows() == 0 {
            return Vec::new();
        }
        let mut nearest = walk.score(self.entry());
        for level in upper.iter().rev() {
            nearest = walk.descend(level, nearest);
        }
        walk.search(base, nearest, breadth.max(1), live)
    }
}

struct Walk<'a> {
    graph: &'a Graph,
    segment: &'a Segment,
    query: &'a Query<'a>,
    aim: Aim,
    /// Rows that were looked at on the lowest level.
    seen: Bits,
    fresh: Vec<u32>,
    sums: Vec<i32>,
}

impl Walk<'_> {
    fn score(&mut self, row: u32) -> Scored {
        self.fresh.clear();
        self.fresh.push(row);
        self.score_fresh();
        self.scored(0)
    }

    /// Makes the sums of all fresh rows at once.
    fn score_fresh(&mut self) {
        self.sums.resize(self.fresh.len(), 0);
        let codes = self.segment.codes(0..self.segment.rows());
        let (digits, rows) = (self.query.digits.as_slice(), self.fresh.as_slice());
        for row in rows.iter().map(|row| *row as usize) {
            prefetch(&codes[row * digits.len()..][..digits.len()]);
            prefetch(&self.segment.scales()[row..=row]);
        }
        SumsOf { codes, digits, rows, out: &mut self.sums }.run();
    }

    fn scored(&self, fresh: usize) -> Scored {
        let row = self.fresh[fresh];
        let scale = self.segment.scales()[row as usize];
        (Total(self.aim.middle(self.sums[fresh], scale)), row)
    }

    /// The nearest of a level, by going to the best neighbor as long as one is better.
    fn descend(&mut self, level: &Level, from: Scored) -> Scored {
        let mut nearest = from;
        loop {
            self.fresh.clear();
            self.fresh.extend_from_slice(self.graph.neighbors(level, nearest.1));
            self.score_fresh();
            match (0..self.fresh.len()).map(|i| self.scored(i)).max() {
                Some(best) if best.0 > nearest.0 => nearest = best,
                _ => return nearest,
            }
        }
    }

    /// The best `breadth` that count of those that are reached by ever looking at the neighbors of
    /// the best, until those are worse than all of them.
    fn search(
        &mut self,
        level: &Level,
        from: Scored,
        breadth: usize,
        live: Option<&Bits>,
    ) -> Vec<(Bounds, usize)> {
        let counts = |row: u32| live.is_none_or(|live| live.has(row as usize));
        let mut next = BinaryHeap::from([from]);
        let mut found: BinaryHeap<Reverse<Scored>> = BinaryHeap::new();
        if counts(from.1) {
            found.push(Reverse(from));
        }
        self.seen.insert(from.1 as usize);
        while let Some(candidate) = next.pop() {
            let is_full = found.len() >= breadth;
            if is_full && found.peek().is_some_and(|worst| candidate.0 < worst.0.0) {
                break;
            }
            // Unless a nearer one is among its neighbors, whose memory is on its way then.
            if let Some(after) = next.peek() {
                prefetch(self.graph.room(level, after.1));
            }
            self.fresh.clear();
            for row in self.graph.neighbors(level, candidate.1) {
                if !self.seen.has(*row as usize) {
                    self.seen.insert(*row as usize);
                    self.fresh.push(*row);
                }
            }
            self.score_fresh();
            for i in 0..self.fresh.len() {
                let scored = self.scored(i);
                let worst = found.peek().map(|worst| worst.0.0);
                if found.len() < breadth || worst.is_some_and(|worst| scored.0 > worst) {
                    next.push(scored);
                    if counts(scored.1) {
                        found.push(Reverse(scored));
                        if found.len() > breadth {
                            found.pop();
                        }
                    }
                }
            }
        }
        let bounds = |found: Reverse<Scored>| {
            let (middle, row) = (found.0.0.0, found.0.1 as usize);
            (self.aim.around(middle, self.segment.scales()[row]), row)
        };
        found.into_iter().map(bounds).collect()
    }
}
