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
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use memmap2::Mmap;

use super::super::atomic::write_whole;
use super::super::segment::Segment;
use super::{Graph, Level};
use crate::error::io_error;
use crate::{Error, Result};

/// What stands where a row has fewer neighbors than there is room for.
pub(super) const NONE: u32 = u32::MAX;

const MAGIC: [u8; 8] = *b"CLIPGRPH";

/// The version that is written, and the only one that is read: a graph can be made anew.
const VERSION: u32 = 1;

const HEADER: usize = 64;

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
    checksum: u32,
}

/// One level, as it is made.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// None for the lowest level, which has all.
    pub(super) rows: Vec<u32>,
    pub(super) links: Vec<u32>,
}

impl Header {
    fn write(&self) -> [u8; HEADER] {
        let Self { degree, levels, rows, segment, breadth, checksum } = *self;
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        let numbers = [VERSION, degree, levels, rows, segment, breadth, checksum];
        let places = bytes[8..].chunks_exact_mut(4);
        places.zip(numbers).for_each(|(place, number)| {
            place.copy_from_slice(&number.to_le_bytes());
        });
        let checksum = crc32fast::hash(&bytes[..HEADER - 4]);
        bytes[HEADER - 4..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> std::result::Result<Self, &'static str> {
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

/// Writes the graph of a segment.
///
/// # Errors
///
/// [`Error::Io`].
pub(super) fn write(path: &Path, segment: &Segment, degree: usize, levels: &[Draft]) -> Result<()> {
    write_whole(path, |file| {
        let mut out = BufWriter::with_capacity(1 << 20, file.as_file());
        out.write_all(&[0; HEADER])?;
        let mut checksum = crc32fast::Hasher::new();
        let mut put = |numbers: &[u32]| {
            let bytes: &[u8] = bytemuck::cast_slice(numbers);
            checksum.update(bytes);
            out.write_all(bytes)
        };
        let counts = levels.iter().enumerate().map(|(level, draft)| match level {
            0 => segment.rows() as u32,
            _ => draft.rows.len() as u32,
        });
        put(&counts.collect::<Vec<u32>>())?;
        for draft in levels {
            put(&draft.rows)?;
            put(&draft.links)?;
        }
        let header = Header {
            degree: degree as u32,
            levels: levels.len() as u32,
            rows: segment.rows() as u32,
            segment: segment.checksum(),
            // Until it was found out.
            breadth: u32::from(u16::MAX),
            checksum: checksum.finalize(),
        };
        out.seek(SeekFrom::Start(0))?;
        out.write_all(&header.write())?;
        out.flush()
    })
}

/// Says how broadly the graph of a file is to be searched.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Damaged`].
#[cfg(feature = "hnsw")]
pub(super) fn set_breadth(path: &Path, breadth: usize) -> Result<()> {
    let io = io_error("write", path);
    let mut file = File::options().read(true).write(true).open(path).map_err(&io)?;
    let mut bytes = [0; HEADER];
    std::io::Read::read_exact(&mut file, &mut bytes).map_err(&io)?;
    let header = Header::read(&bytes).map_err(|reason| damaged(path, reason))?;
    let header = Header { breadth: breadth as u32, ..header };
    let mut put = || {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header.write())?;
        file.sync_all()
    };
    put().map_err(&io)
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

fn damaged(path: &Path, reason: &str) -> Error {
    Error::Damaged { path: path.to_owned(), reason: reason.to_owned() }
}
