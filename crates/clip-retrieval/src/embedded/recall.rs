//! How much the graphs of a library miss.

use super::library::Library;
use super::scan::nearest;
use super::snapshot::LibrarySnapshot;
use super::vectors::{SearchMode, SegmentHandle};
use crate::Result;
use crate::top::Scored;

/// How many of the nearest a search by graphs finds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recall {
    /// Share of the true ten nearest among the ten that were found.
    pub at_10: f32,
    /// Questions asked.
    pub queries: usize,
    /// Vectors that have a graph.
    pub connected: usize,
}

/// Answers that are compared.
const TOP: usize = 10;

impl Library {
    /// Compares searches by graphs with scans, for `queries` questions that lie between two vectors
    /// of the library each; nothing where there is no graph.
    ///
    /// # Errors
    ///
    /// [`Error::Catalog`](crate::Error::Catalog).
    pub fn recall(&self, queries: usize) -> Result<Option<Recall>> {
        let vectors = LibrarySnapshot::newest(&self.shared)?.vectors;
        let connected = vectors.segments.iter().filter(|handle| handle.graph().is_some());
        let connected: usize = connected.map(SegmentHandle::live_rows).sum();
        if connected == 0 {
            return Ok(None);
        }
        let dimension = self.shared.kind.dimension;
        let sample = vectors.sample(None, 2 * queries, dimension);
        let questions = between(&sample, dimension);
        let questions: Vec<&[f32]> = questions.iter().map(Vec::as_slice).collect();
        let ask = |mode: SearchMode| {
            vectors.with_places(None, dimension, mode, |places| nearest(&questions, TOP, places))
        };
        let by_graphs = ask(SearchMode::Graphs { ef_search: None });
        let at_10 = share(&ask(SearchMode::Exact), &by_graphs);
        Ok(Some(Recall { at_10, queries: questions.len(), connected }))
    }
}

/// Questions as texts ask them, which are near no picture and have to find what is nearest all the
/// same: each halfway between the first and the second half of some vectors.
pub(super) fn between(vectors: &[f32], dimension: usize) -> Vec<Vec<f32>> {
    let count = vectors.len() / dimension.max(1) / 2;
    let (first, second) = vectors.split_at(count * dimension);
    let pairs = first.chunks_exact(dimension).zip(second.chunks_exact(dimension));
    pairs.map(|(a, b)| a.iter().zip(b).map(|(a, b)| (a + b) / 2.0).collect()).collect()
}

/// Share of the keys of `expected` that are in `found`.
pub(super) fn share(expected: &[Vec<Scored>], found: &[Vec<Scored>]) -> f32 {
    let all: usize = expected.iter().map(Vec::len).sum();
    let has = |found: &[Scored], key| found.iter().any(|scored| scored.key == key);
    let both = expected.iter().zip(found);
    let hits: usize = both
        .map(|(expected, found)| expected.iter().filter(|scored| has(found, scored.key)).count())
        .sum();
    hits as f32 / all.max(1) as f32
}
