//! Writing the file of a graph.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::super::atomic::write_whole;
use super::super::segment::Segment;
use super::file::{HEADER, Header, MAGIC, VERSION, damaged};
use crate::Result;
use crate::error::io_error;

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
}

/// Writes the graph of a segment.
///
/// # Errors
///
/// [`crate::Error::Io`].
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
/// [`crate::Error::Io`], [`crate::Error::Damaged`].
pub(super) fn set_breadth(path: &Path, breadth: usize) -> Result<()> {
    let io = io_error("write", path);
    let mut file = File::options().read(true).write(true).open(path).map_err(&io)?;
    let mut bytes = [0; HEADER];
    file.read_exact(&mut bytes).map_err(&io)?;
    let header = Header::read(&bytes).map_err(|reason| damaged(path, reason))?;
    let header = Header { breadth: breadth as u32, ..header };
    let mut put = || {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header.write())?;
        file.sync_all()
    };
    put().map_err(&io)
}
