//! Exact search.
//!
//! Every vector is compared with the query. The codes of a segment, a quarter of its vectors or half,
//! say between which bounds each product lies, and the vectors themselves are read of those alone
//! that may be among the best: the answer is that of comparing all of them.

mod codes;
mod sums;

use std::ops::Range;

use rayon::prelude::*;

use super::bits::Bits;
use super::graph::Look;
use super::lows::Lows;
use super::segment::{Segment, stride};
use crate::dot::dot;
use crate::top::{Best, Scored};

pub(super) use codes::{Aim, Bounds, Query, Scale, encode};
#[cfg(feature = "hnsw")]
pub(super) use sums::Product;
pub(super) use sums::SumsOf;

use sums::Sums;

/// Rows whose sums are made at once: they stay in the cache nearest to the core.
const BLOCK: usize = 256;

/// Rows worth sharing out among cores.
const SHARE: usize = 8192;

/// Of so few of the rows the vectors themselves are compared.
const FEW: usize = 32;

/// Where vectors are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    Segment {
        segment: &'a Segment,
        /// Rows that count; all where there is nothing.
        live: Option<&'a Bits>,
        /// By which it is searched, where that is worth while.
        graph: Option<Look<'a>>,
    },
    /// Vectors one after the other.
    Memory { keys: &'a [u64], vectors: &'a [f32] },
}

/// The `top` nearest to each query, best first; of equal scores the one with the lower key first. Many
/// queries at once read the vectors once.
pub(super) fn nearest(queries: &[&[f32]], top: usize, places: &[Place<'_>]) -> Vec<Vec<Scored>> {
    if top == 0 || queries.is_empty() {
        return vec![Vec::new(); queries.len()];
    }
    let queries: Vec<Query<'_>> =
        queries.iter().map(|query| Query::new(query, stride(query.len()))).collect();
    let mut best: Vec<Best> = queries.iter().map(|_| Best::new(top)).collect();
    let add = |best: &mut [Best], key: u64, vector: &[f32]| {
        queries.iter().zip(best).for_each(|(query, best)| best.add(key, query.score(vector)));
    };
    let mut shares = Vec::new();
    for place in places {
        match *place {
            Place::Memory { keys, vectors } => {
                let vectors = vectors.chunks_exact(queries[0].exact.len().max(1));
                keys.iter().zip(vectors).for_each(|(key, vector)| add(&mut best, *key, vector));
            }
            Place::Segment { segment, live: Some(live), .. }
                if live.count() * FEW <= segment.rows() =>
            {
                live.iter()
                    .for_each(|row| add(&mut best, segment.keys()[row], &segment.vector(row)));
            }
            Place::Segment { segment, live, graph: Some(look) }
                if is_worth_while(look, segment, live, top) =>
            {
                let find = |(query, best): (&Query<'_>, &mut Best)| {
                    look.graph.find(segment, query, look.breadth(top), live, best);
                };
                match queries.len() {
                    1 => queries.iter().zip(&mut best).for_each(find),
                    _ => queries.par_iter().zip(&mut best).for_each(find),
                }
            }
            Place::Segment { segment, live, .. } => {
                let size = segment.rows().div_ceil(4 * cores()).max(SHARE).next_multiple_of(BLOCK);
                shares.extend((0..segment.rows()).step_by(size).map(|start| Share {
                    segment,
                    live,
                    rows: start..segment.rows().min(start + size),
                }));
            }
        }
    }
    let found: Vec<Vec<Found<'_>>> = match shares.len() {
        // Threads start later than a small library is done.
        0 | 1 => shares.iter().map(|share| share.scan(&queries, top)).collect(),
        _ => shares.par_iter().map(|share| share.scan(&queries, top)).collect(),
    };
    let finish = |(i, (query, mut best)): (usize, (&Query<'_>, Best))| {
        let found = || found.iter().map(|found| &found[i]);
        let mut lows = Lows::new(top);
        found().for_each(|found| lows.merge(&found.lows));
        for found in found() {
            for (_, row) in found.rows.iter().filter(|(high, _)| *high >= lows.threshold()) {
                best.add(found.segment.keys()[*row], query.score(&found.segment.vector(*row)));
            }
        }
        best.sorted()
    };
    let queries: Vec<(usize, (&Query<'_>, Best))> = queries.iter().zip(best).enumerate().collect();
    match queries.len() {
        1 => queries.into_iter().map(finish).collect(),
        _ => queries.into_par_iter().map(finish).collect(),
    }
}

/// Whether a walk looks at so few rows that a scan takes longer: not where most of what it meets does
/// not count.
fn is_worth_while(look: Look<'_>, segment: &Segment, live: Option<&Bits>, top: usize) -> bool {
    let rows = segment.rows();
    let live = live.map_or(rows, Bits::count);
    4 * live >= rows && 100 * look.breadth(top) <= live
}

fn cores() -> usize {
    rayon::current_num_threads()
}

impl Query<'_> {
    pub(super) fn score(&self, vector: &[f32]) -> f32 {
        dot(self.exact, vector)
    }
}

/// Rows that one core scans.
struct Share<'a> {
    segment: &'a Segment,
    live: Option<&'a Bits>,
    rows: Range<usize>,
}

/// Rows that may be among the best for a query.
struct Found<'a> {
    segment: &'a Segment,
    lows: Lows,
    /// The most that each may score, and its number.
    rows: Vec<(f32, usize)>,
}

impl<'a> Share<'a> {
    fn scan(&self, queries: &[Query<'_>], top: usize) -> Vec<Found<'a>> {
        let segment = self.segment;
        let aims: Vec<Aim> = queries.iter().map(|query| query.aim(segment.center())).collect();
        let mut found: Vec<Found<'_>> = queries
            .iter()
            .map(|_| Found { segment, lows: Lows::new(top), rows: Vec::new() })
            .collect();
        let mut sums = [0; BLOCK];
        for start in self.rows.clone().step_by(BLOCK) {
            let rows = start..self.rows.end.min(start + BLOCK);
            let (codes, sums) = (segment.codes(rows.clone()), &mut sums[..rows.len()]);
            for ((query, aim), found) in queries.iter().zip(&aims).zip(&mut found) {
                Sums { codes, digits: &query.digits, out: sums }.run();
                found.take(rows.clone(), sums, *aim, self.live);
            }
        }
        found
    }
}

impl Found<'_> {
    /// Takes the rows that may be among the best by the sums of their codes.
    fn take(&mut self, rows: Range<usize>, sums: &[i32], aim: Aim, live: Option<&Bits>) {
        let scales = &self.segment.scales()[rows.clone()];
        for ((row, sum), scale) in rows.zip(sums).zip(scales) {
            let bounds = aim.bounds(*sum, *scale);
            let is_live = || live.is_none_or(|live| live.has(row));
            if bounds.high >= self.lows.threshold() && is_live() {
                self.lows.add(bounds.low);
                self.rows.push((bounds.high, row));
            }
        }
        // As many as may be wanted, and room for some that will not be.
        if self.rows.len() > self.lows.top().saturating_mul(4).saturating_add(BLOCK) {
            let threshold = self.lows.threshold();
            self.rows.retain(|(high, _)| *high >= threshold);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use clip_testkit::Random;

    use super::super::segment::{Precision, Source, write};
    use super::*;

    struct Vectors<'a>(&'a [Vec<f32>]);

    impl Source for Vectors<'_> {
        fn for_each(&self, visit: &mut dyn FnMut(u64, &[f32]) -> io::Result<()>) -> io::Result<()> {
            (0..).zip(self.0).try_for_each(|(key, vector)| visit(3 * key, vector))
        }
    }

    fn unit(random: &mut Random, width: usize, offset: f32) -> Vec<f32> {
        let mut vector = random.values(width);
        vector[0] += offset;
        let norm = dot(&vector, &vector).sqrt();
        vector.iter().map(|value| value / norm).collect()
    }

    /// Against a scan of the vectors themselves, as they are kept: few and many, spread and crowded
    /// (so that bounds say little), with equal ones, on some rows and all.
    #[test]
    fn the_nearest_are_those_of_a_full_scan() {
        let folder = tempfile::tempdir().unwrap();
        for (rows, width, offset) in
            [(1, 8, 0.0), (300, 5, 0.0), (20_000, 64, 0.0), (9000, 100, 30.0)]
        {
            let mut random = Random::new(rows as u64);
            let mut vectors: Vec<Vec<f32>> =
                (0..rows).map(|_| unit(&mut random, width, offset)).collect();
            for i in 1..rows / 10 {
                vectors[rows - i] = vectors[i].clone();
            }
            for precision in [Precision::F32, Precision::F16] {
                let path = folder.path().join("segment");
                write(&path, (rows, width), precision, 7, &Vectors(&vectors)).unwrap();
                let segment = Segment::open(&path, width, 7).unwrap();
                segment.verify().unwrap();
                let (mut third, mut few) = (Bits::none(rows), Bits::none(rows));
                (0..rows).step_by(3).for_each(|row| third.insert(row));
                (0..rows).step_by(100).for_each(|row| few.insert(row));
                for live in [None, Some(&third), Some(&few)] {
                    for top in [1, 10, 500] {
                        let query = unit(&mut random, width, 0.0);
                        let mut expected: Vec<Scored> = (0..rows)
                            .filter(|row| live.is_none_or(|live| live.has(*row)))
                            .map(|row| {
                                let score = dot(&query, &segment.vector(row));
                                Scored { key: segment.keys()[row], score }
                            })
                            .collect();
                        expected
                            .sort_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
                        expected.truncate(top);
                        let place = Place::Segment { segment: &segment, live, graph: None };
                        let other = unit(&mut random, width, offset);
                        let found = nearest(&[&other, &query], top, &[place]);
                        assert_eq!(found[1], expected);
                        assert_eq!(nearest(&[&query], top, &[place]), [expected]);
                        assert_eq!(nearest(&[&other], top, &[place]), found[..1]);
                    }
                }
            }
        }
    }
}
