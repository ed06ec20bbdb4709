//! Giving a large library graphs.

use std::sync::Arc;

use rayon::prelude::*;

use super::files::graph_path;
use super::graph::{Graph, Stop, USUAL, build};
use super::recall::{between, share};
use super::scan::{Place, Query, nearest};
use super::segment::{Segment, stride};
use super::vectors::{SegmentHandle, spread};
use super::writer::Writer;
use crate::Result;
use crate::top::{Best, Scored};

/// Questions by which the breadth of searches is chosen.
const QUESTIONS: usize = 200;

/// Share of the true ten nearest that a search is to find.
const WANTED: f32 = 0.97;

/// Breadths that are tried.
const BREADTHS: [usize; 13] = [16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024];

impl Writer {
    /// Makes one graph over the vectors that have none, where they are at least so many; says whether
    /// it did. Searches take a small part of the time then, and miss a few of the nearest:
    /// [`Library::recall`](crate::Library::recall) says how many. `go_on` hears how many of how many
    /// are in the graph, from several threads, and says whether to go on; what was made of a graph
    /// until then is lost, and nothing else.
    ///
    /// Takes the room of 32 neighbors of 4 bytes for each vector on the disk, and about twice as much
    /// memory meanwhile.
    ///
    /// # Errors
    ///
    /// As [`Self::commit`], [`Error::Io`](crate::Error::Io), [`Error::Graph`](crate::Error::Graph).
    pub fn connect(
        &mut self,
        least: usize,
        go_on: &(dyn Fn(usize, usize) -> bool + Sync),
    ) -> Result<bool> {
        self.commit()?;
        let segments = &self.snapshot().vectors.segments;
        let bare = || segments.iter().filter(|handle| handle.graph().is_none());
        let rows: usize = bare().map(SegmentHandle::live_rows).sum();
        if rows < least.max(1) {
            return Ok(false);
        }
        let numbers: Vec<i64> = bare().map(|handle| handle.number).collect();
        if numbers.len() > 1 {
            self.merge(&numbers)?;
        }
        let segments = &self.snapshot().vectors.segments;
        let Some(at) = segments.iter().position(|handle| handle.graph().is_none()) else {
            return Ok(false);
        };
        let segment = Arc::clone(&segments[at].segment);
        let (path, rows) = (graph_path(&segment), segment.rows());
        match build(&path, &segment, &|done| go_on(done, rows)) {
            Ok(mut graph) => {
                graph.set_breadth(&path, breadth(&graph, &segment))?;
                // A commit by which those who search learn of it, in other programs too.
                self.begin()?;
                self.vectors_mut().segments[at].set_graph(graph);
                self.publish()?;
                Ok(true)
            }
            Err(Stop::Unwanted) => Ok(false),
            Err(Stop::Failed(error)) => Err(error),
        }
    }
}

/// The least breadth by which enough is found.
fn breadth(graph: &Graph, segment: &Segment) -> usize {
    let rows = spread(segment.rows(), 2 * QUESTIONS);
    let vectors: Vec<f32> = rows.flat_map(|row| segment.vector(row).into_owned()).collect();
    let questions = between(&vectors, segment.dimension());
    let questions: Vec<&[f32]> = questions.iter().map(Vec::as_slice).collect();
    let expected =
        nearest(&questions, USUAL, &[Place::Segment { segment, live: None, graph: None }]);
    let queries: Vec<Query<'_>> =
        questions.iter().map(|query| Query::new(query, stride(query.len()))).collect();
    let is_enough = |breadth: usize| {
        let find = |query: &Query<'_>| {
            let mut best = Best::new(USUAL);
            graph.find(segment, query, breadth, None, &mut best);
            best.sorted()
        };
        let found: Vec<Vec<Scored>> = queries.par_iter().map(find).collect();
        share(&expected, &found) >= WANTED
    };
    let last = BREADTHS[BREADTHS.len() - 1];
    BREADTHS.into_iter().find(|breadth| is_enough(*breadth)).unwrap_or(last)
}
