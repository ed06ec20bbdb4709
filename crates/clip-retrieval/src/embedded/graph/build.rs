//! Making a graph.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

use super::super::scan::Product;
use super::super::segment::Segment;
use super::file::NONE;
use super::write::{Draft, write};
use super::{DEGREE, Graph};
use crate::Error;

/// Rows that are looked at to find the neighbors of a new one: twice as many give little more.
const CARE: usize = 128;

/// Bytes of a row's number.
const NUMBER: usize = size_of::<u32>();

/// Why a graph was not made.
#[derive(Debug)]
pub(in crate::embedded) enum Stop {
    /// Nobody waits for it any more.
    Unwanted,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Makes the graph of a segment, on all cores, and opens it. `go_on` hears how many rows are in it
/// and says whether to go on.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Graph`].
pub(in crate::embedded) fn build(
    path: &Path,
    segment: &Arc<Segment>,
    go_on: &(dyn Fn(usize) -> bool + Sync),
) -> std::result::Result<Graph, Stop> {
    let failed =
        |error: &dyn Display| Error::Graph { path: path.to_owned(), reason: error.to_string() };
    let index = connect(segment).map_err(|error| failed(&*error))?;
    let done = AtomicUsize::new(0);
    (0..segment.rows() as u32).into_par_iter().try_for_each(|row| {
        if !go_on(done.fetch_add(1, Ordering::Relaxed)) {
            return Err(Stop::Unwanted);
        }
        let added = index.add(row.into(), row.to_le_bytes().as_slice());
        added.map_err(|error| Stop::Failed(failed(&error)))
    })?;
    write(path, segment, DEGREE, &levels(&index, segment.rows()))?;
    Ok(Graph::open(path, segment)?)
}

/// An index without rows that will be those of the segment, by their numbers.
fn connect(segment: &Arc<Segment>) -> std::result::Result<Index, Box<dyn std::error::Error>> {
    let mut index = Index::new(&IndexOptions {
        dimensions: NUMBER,
        metric: MetricKind::L2sq,
        quantization: ScalarKind::U8,
        connectivity: DEGREE,
        expansion_add: CARE,
        expansion_search: CARE,
        multi: false,
    })?;
    index.reserve_capacity_and_threads(segment.rows(), rayon::current_num_threads())?;
    // Vectors stay where they are: what the index calls a vector is the number of a row.
    let number = |bytes: *const u8| {
        #[expect(unsafe_code, reason = "the index passes what it calls vectors by their address")]
        // SAFETY: it points to a copy of the `NUMBER` bytes that the index was given.
        let bytes = unsafe { bytes.cast::<[u8; NUMBER]>().read() };
        u32::from_le_bytes(bytes) as usize
    };
    let segment = Arc::clone(segment);
    let norms: Vec<f32> =
        (0..segment.rows()).into_par_iter().map(|row| product(&segment, row, row)).collect();
    index.change_metric(Box::new(move |a: *const u8, b: *const u8| {
        let (a, b) = (number(a), number(b));
        norms[a] + norms[b] - 2.0 * product(&segment, a, b)
    }));
    Ok(index)
}

/// Of two rows as their codes say, without the center.
fn product(segment: &Segment, a: usize, b: usize) -> f32 {
    let codes = |row: usize| segment.codes(row..row + 1);
    let [scale_a, scale_b] = [a, b].map(|row| segment.scales()[row].step);
    scale_a * scale_b * Product(codes(a), codes(b)).run() as f32
}

/// The neighbors that were found, from the lowest level.
fn levels(index: &Index, rows: usize) -> Vec<Draft> {
    let mut levels = vec![Draft::default()];
    let mut found = vec![0; 2 * DEGREE];
    for row in 0..rows as u32 {
        let highest = index.level_of_key(row.into());
        levels.resize_with(levels.len().max(highest + 1), Draft::default);
        for (level, draft) in levels.iter_mut().enumerate().take(highest + 1) {
            let degree = if level == 0 { 2 * DEGREE } else { DEGREE };
            if level > 0 {
                draft.rows.push(row);
            }
            let count = index.neighbors(row.into(), level).drain_into(&mut found).min(degree);
            let end = draft.links.len() + degree;
            draft.links.extend(found[..count].iter().map(|row| *row as u32));
            draft.links.resize(end, NONE);
        }
    }
    levels
}
