//! The file of a graph.
//!
//! | bytes | what |
//! | --- | --- |
//! | 64 | the header |
//! | levels · 4 | rows of each level, from the lowest |
//! | rows · 2 · degree · 4 | the lowest level: the neighbors of each row, the rest [`NONE`] |
//! | for each other level: its rows · 4 | its rows, ascending |
//! | its rows · degree · 4 | their neighbors, the rest [`NONE`] |
//!
//! Numbers are little-endian.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use memmap2::Mmap;

use super::super::segment::Segment;
use super::{Graph, Level};
use crate::error::io_error;
use crate::{Error, Result};

/// What stands where a row has fewer neighbors than there is room for.
pub(super) const NONE: u32 = u32::MAX;

pub(super) const MAGIC: [u8; 8] = *b"CLIPGRPH";

/// The version that is written, and the only one that is read: a graph can be made anew.
pub(super) const VERSION: u32 = 1;

pub(super) const HEADER: usize = 64;

/// What the rest of the file is read by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Header {
    /// Neighbors of a row, of a row of the lowest level half of them.
    pub(super) degree: u32,
    pub(super) levels: u32,
    /// Rows of the segment.
    pub(super) rows: u32,
    /// Checksum of the segment.
    pub(super) segment: u32,
    /// Rows that a search keeps in view to find ten.
    pub(super) breadth: u32,
    /// Checksum of all after the header.
    pub(super) checksum: u32,
}

impl Header {
    pub(super) fn read(bytes: &[u8]) -> std::result::Result<Self, &'static str> {
        let header = bytes.get(..HEADER).ok_or("it ends in its header")?;
        let number = |i: usize| {
            let at = 8 + 4 * i;
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        if header[..8] != MAGIC || number(0) != VERSION {
            return Err("it is of another version");
        }
        if number(13) != crc32fast::hash(&header[..HEADER - 4]) {
            return Err("the checksum of its header differs");
        }
        Ok(Self {
            degree: number(1),
            levels: number(2),
            rows: number(3),
            segment: number(4),
            breadth: number(5),
            checksum: number(6),
        })
    }
}

/// Opens the graph of a segment, and reads all of it: what is in it is trusted afterwards.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Damaged`]; both also where there is none.
pub(super) fn open(path: &Path, segment: &Segment) -> Result<Graph> {
    let file = File::open(path).map_err(io_error("read", path))?;
    #[expect(unsafe_code, reason = "a graph is read where it lies, whatever its size")]
    // SAFETY: as of a segment: read-only, private, any bits are numbers, and the file is never
    // written after it got its name but for its header, which is copied here.
    let map = unsafe { Mmap::map(&file) }.map_err(io_error("map", path))?;
    let header = Header::read(&map).map_err(|reason| damaged(path, reason))?;
    let rows = segment.rows();
    if header.segment != segment.checksum() || header.rows as usize != rows {
        return Err(damaged(path, "it is of other vectors"));
    }
    if header.checksum != crc32fast::hash(&map[HEADER..]) {
        return Err(damaged(path, "its checksum differs"));
    }
    let levels = levels(&map, &header).ok_or_else(|| damaged(path, "its parts do not fit"))?;
    Ok(Graph { map, header, levels })
}

/// Where the levels are, if all fits.
fn levels(map: &[u8], header: &Header) -> Option<Vec<Level>> {
    let mut end = HEADER;
    let mut part = |numbers: usize| -> Option<Range<usize>> {
        let start = end;
        end = start.checked_add(numbers.checked_mul(4)?)?;
        (end <= map.len()).then_some(start..end)
    };
    let counts: &[u32] = bytemuck::try_cast_slice(&map[part(header.levels as usize)?]).ok()?;
    let mut levels = Vec::new();
    for (level, count) in counts.iter().enumerate() {
        let count = *count as usize;
        let rows = part(if level == 0 { 0 } else { count })?;
        let degree = header.degree as usize * if level == 0 { 2 } else { 1 };
        levels.push(Level { rows, links: part(count.checked_mul(degree)?)?, degree });
    }
    let is_whole = end == map.len() && counts.first() == Some(&header.rows);
    let fits = |level: &Level| {
        let links: &[u32] = bytemuck::cast_slice(&map[level.links.clone()]);
        let rows: &[u32] = bytemuck::cast_slice(&map[level.rows.clone()]);
        links.iter().all(|row| *row == NONE || *row < header.rows)
            && rows.iter().all(|row| *row < header.rows)
    };
    (is_whole && levels.iter().all(fits)).then_some(levels)
}

pub(super) fn damaged(path: &Path, reason: &str) -> Error {
    Error::Damaged { path: path.to_owned(), reason: reason.to_owned() }
}
