//! Giving a large library graphs.

use rayon::prelude::*;

use super::graph::{Graph, Stop, USUAL, build};
use super::recall::{between, share};
use super::scan::{Place, Query, nearest};
use super::segment::{Segment, stride};
use super::view::{graph_path, spread};
use super::writer::Writer;
use crate::Result;
use crate::top::{Best, Scored};

/// Questions by which the breadth of searches is chosen.
const QUESTIONS: usize = 200;

/// Share of the true ten nearest that a search is to find.
const WANTED: f32 = 0.97;

/// Breadths that are tried.
const BREADTHS: [usize; 13] = [16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024];

impl Writer<'_> {
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
        let parts = &self.library().view.parts;
        let bare = || parts.iter().filter(|part| part.graph().is_none());
        let rows: usize = bare().map(|part| part.segment.rows() - part.dead.count()).sum();
        if rows < least.max(1) {
            return Ok(false);
        }
        let numbers: Vec<i64> = bare().map(|part| part.number).collect();
        if numbers.len() > 1 {
            self.merge(&numbers)?;
        }
        let part = self.parts_mut().iter_mut().find(|part| part.graph().is_none());
        let Some(part) = part else { return Ok(false) };
        let path = graph_path(&part.segment);
        let rows = part.segment.rows();
        match build(&path, &part.segment, &|done| go_on(done, rows)) {
            Ok(mut graph) => {
                graph.set_breadth(&path, breadth(&graph, &part.segment))?;
                part.set_graph(graph);
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
