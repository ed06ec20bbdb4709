//! A graph over the rows of a segment, by which the nearest are found without looking at all.
//!
//! Hierarchical navigable small worlds (Malkov and Yashunin 2018, "Efficient and robust approximate
//! nearest neighbor search using hierarchical navigable small world graphs"): each row knows some of
//! its neighbors, and a search walks to whoever is nearer until nobody is. It looks at few rows, and
//! misses some of the nearest. The library `usearch` finds the neighbors; they are kept in a file
//! beside the segment, and walked here: over the codes of the rows, many at once. What was found is
//! ranked by the vectors themselves.
//!
//! A graph adds nothing to what a library knows. Where its file is missing or damaged, everything is
//! scanned.

#[cfg(feature = "hnsw")]
mod build;
mod file;
mod walk;
#[cfg(feature = "hnsw")]
mod write;

use std::ops::Range;
use std::path::Path;

use memmap2::Mmap;

#[cfg(feature = "hnsw")]
pub(super) use build::{Stop, build};

use super::bits::Bits;
use super::lows::Lows;
use super::scan::Query;
use super::segment::Segment;
use crate::Result;
use crate::top::Best;
use file::Header;

/// Neighbors of a row, on the lowest level twice as many.
#[cfg(feature = "hnsw")]
const DEGREE: usize = 16;

/// The number of answers that the breadth of a search was chosen for.
pub(super) const USUAL: usize = 10;

/// The open graph of a segment.
#[derive(Debug)]
pub(super) struct Graph {
    map: Mmap,
    header: Header,
    levels: Vec<Level>,
}

/// Where the rows of a level and their neighbors are; the lowest has all rows.
#[derive(Debug)]
struct Level {
    rows: Range<usize>,
    links: Range<usize>,
    degree: usize,
}

/// A graph, and how broadly it is searched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) graph: &'a Graph,
    breadth: usize,
}

impl Look<'_> {
    /// Rows that a search for so many keeps in view.
    pub(super) fn breadth(&self, top: usize) -> usize {
        self.breadth.max(self.breadth * top / USUAL)
    }
}

impl Graph {
    /// Opens the graph of a segment.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Io`], [`crate::Error::Damaged`]; both also where there is none.
    pub(super) fn open(path: &Path, segment: &Segment) -> Result<Self> {
        file::open(path, segment)
    }

    /// The graph, to be searched with so many candidates, or as many as it says itself.
    pub(super) fn looking(&self, ef_search: Option<usize>) -> Look<'_> {
        Look { graph: self, breadth: ef_search.unwrap_or(self.header.breadth as usize) }
    }

    /// Notes how broadly searches are to look, here and in its file.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Io`], [`crate::Error::Damaged`].
    #[cfg(feature = "hnsw")]
    pub(super) fn set_breadth(&mut self, path: &Path, breadth: usize) -> Result<()> {
        self.header.breadth = breadth as u32;
        write::set_breadth(path, breadth)
    }

    /// Puts the nearest among those that count into `best`, by their keys and true scores.
    pub(super) fn find(
        &self,
        segment: &Segment,
        query: &Query<'_>,
        breadth: usize,
        live: Option<&Bits>,
        best: &mut Best,
    ) {
        let found = self.walk(segment, query, breadth, live);
        // Vectors are read of those alone that may be among the best.
        let mut lows = Lows::new(best.wanted());
        found.iter().for_each(|(bounds, _)| lows.add(bounds.low));
        for (_, row) in found.iter().filter(|(bounds, _)| bounds.high >= lows.threshold()) {
            best.add(segment.keys()[*row], query.score(&segment.vector(*row)));
        }
    }

    /// The neighbors of a row of a level.
    fn neighbors(&self, level: &Level, row: u32) -> &[u32] {
        let room = self.room(level, row);
        let count = room.iter().position(|row| *row == file::NONE).unwrap_or(room.len());
        &room[..count]
    }

    /// Where the neighbors of a row of a level are.
    fn room(&self, level: &Level, row: u32) -> &[u32] {
        let all: &[u32] = bytemuck::cast_slice(&self.map[level.links.clone()]);
        let rows: &[u32] = bytemuck::cast_slice(&self.map[level.rows.clone()]);
        let place = match rows.is_empty() {
            true => row as usize,
            false => match rows.binary_search(&row) {
                Ok(place) => place,
                Err(_) => return &[],
            },
        };
        &all[place * level.degree..][..level.degree]
    }

    /// Where a search begins.
    fn entry(&self) -> u32 {
        let rows = self.levels.last().map(|level| &self.map[level.rows.clone()]);
        let rows: &[u32] = rows.map(bytemuck::cast_slice).unwrap_or_default();
        rows.first().copied().unwrap_or(0)
    }
}
