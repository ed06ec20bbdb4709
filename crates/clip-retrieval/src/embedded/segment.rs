//! Vectors in a file that never changes.
//!
//! A segment holds vectors by the keys of their items, in the order of the keys. It is written once,
//! beside its place, and renamed into it, so it is whole or not there; afterwards it is only read,
//! through a map of the file, so a library of any size takes the memory of what a search touches.
//! What became of its items later stands in the catalog.
//!
//! | bytes | what |
//! | --- | --- |
//! | 64 | the header: see [`Header`] |
//! | dimension · 4 | the mean of the vectors, `f32` |
//! | rows · 8 | keys, ascending |
//! | rows · 8 | how the codes are read: a [`Scale`] each |
//! | rows · stride | codes of 8 bits; the stride is the dimension in whole [`ALIGN`] |
//! | rows · dimension · 4 or 2 | the vectors, `f32` or `f16` |
//!
//! Each part begins at a multiple of [`ALIGN`]. Numbers are little-endian.

mod header;
mod write;

use std::borrow::Cow;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use memmap2::Mmap;

pub(crate) use header::Header;
pub use header::Precision;
pub(crate) use write::{Source, write};

use super::scan::Scale;
use crate::error::io_error;
use crate::{Error, Result};

/// What the parts of a file, and the codes of a vector, begin at a multiple of.
const ALIGN: usize = 64;

/// An open segment.
#[derive(Debug)]
pub(crate) struct Segment {
    path: PathBuf,
    map: Mmap,
    header: Header,
    parts: Parts,
}

/// Where the parts of a file are.
#[derive(Debug, Clone)]
struct Parts {
    center: Range<usize>,
    keys: Range<usize>,
    scales: Range<usize>,
    codes: Range<usize>,
    vectors: Range<usize>,
}

impl Parts {
    fn new(header: &Header) -> Self {
        let (rows, dimension) = (header.rows as usize, header.dimension as usize);
        let mut end = header::SIZE;
        let mut part = |bytes: usize| {
            let start = end.next_multiple_of(ALIGN);
            end = start + bytes;
            start..end
        };
        Self {
            center: part(dimension * size_of::<f32>()),
            keys: part(rows * size_of::<u64>()),
            scales: part(rows * size_of::<Scale>()),
            codes: part(rows * stride(dimension)),
            vectors: part(rows * dimension * header.precision.size()),
        }
    }

    fn all(&self) -> [&Range<usize>; 5] {
        [&self.center, &self.keys, &self.scales, &self.codes, &self.vectors]
    }

    /// Size of the file.
    fn end(&self) -> usize {
        self.vectors.end
    }
}

/// Codes of a vector.
pub(crate) fn stride(dimension: usize) -> usize {
    dimension.next_multiple_of(ALIGN)
}

impl Segment {
    /// Opens a segment of a library whose model has that checksum; its pages are read when they are
    /// needed, so damage to them shows in [`Self::verify`] only.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Damaged`], [`Error::Truncated`], [`Error::Newer`].
    pub(crate) fn open(path: &Path, dimension: usize, model: u32) -> Result<Self> {
        let file = File::open(path).map_err(io_error("read", path))?;
        #[expect(unsafe_code, reason = "vectors are read where they lie, whatever their number")]
        // SAFETY: the map is read-only and private to this value. A segment is never written after
        // it got its name (see `write`), and every bit pattern is a value of what is read from it; a
        // program that cuts the file off while it is mapped breaks it for every reader.
        let map = unsafe { Mmap::map(&file) }.map_err(io_error("map", path))?;
        let header = Header::read(&map, path)?;
        let damaged = |reason: String| Error::Damaged { path: path.to_owned(), reason };
        if header.model != model || header.dimension as usize != dimension {
            return Err(damaged("it holds the vectors of another model".to_owned()));
        }
        let parts = Parts::new(&header);
        let (found, expected) = (map.len() as u64, parts.end() as u64);
        if found < expected {
            return Err(Error::Truncated { path: path.to_owned(), found, expected });
        }
        if found > expected {
            return Err(damaged(format!("it has {found} bytes, not {expected}")));
        }
        Ok(Self { path: path.to_owned(), map, header, parts })
    }

    /// Reads everything and compares it with the checksum.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`].
    pub(crate) fn verify(&self) -> Result<()> {
        let mut hasher = crc32fast::Hasher::new();
        for part in self.parts.all() {
            hasher.update(&self.map[part.clone()]);
        }
        let damaged =
            |reason: &str| Error::Damaged { path: self.path.clone(), reason: reason.to_owned() };
        if hasher.finalize() != self.header.checksum {
            return Err(damaged("its checksum differs"));
        }
        match self.keys().is_sorted_by(|a, b| a < b) {
            true => Ok(()),
            false => Err(damaged("its keys are not in order")),
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.header.rows as usize
    }

    pub(crate) fn dimension(&self) -> usize {
        self.header.dimension as usize
    }

    /// Its file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Checksum of all that is in it.
    pub(crate) fn checksum(&self) -> u32 {
        self.header.checksum
    }

    /// The key of each row, ascending.
    pub(crate) fn keys(&self) -> &[u64] {
        bytemuck::cast_slice(&self.map[self.parts.keys.clone()])
    }

    /// The row of a key.
    pub(crate) fn row(&self, key: u64) -> Option<usize> {
        self.keys().binary_search(&key).ok()
    }

    /// The mean of the vectors.
    pub(crate) fn center(&self) -> &[f32] {
        bytemuck::cast_slice(&self.map[self.parts.center.clone()])
    }

    pub(crate) fn scales(&self) -> &[Scale] {
        bytemuck::cast_slice(&self.map[self.parts.scales.clone()])
    }

    /// The codes of some rows, one after the other.
    pub(crate) fn codes(&self, rows: Range<usize>) -> &[u8] {
        let stride = stride(self.dimension());
        &self.map[self.parts.codes.clone()][rows.start * stride..rows.end * stride]
    }

    /// The vector of a row.
    pub(crate) fn vector(&self, row: usize) -> Cow<'_, [f32]> {
        let size = self.dimension() * self.header.precision.size();
        let bytes = &self.map[self.parts.vectors.clone()][row * size..][..size];
        match self.header.precision {
            Precision::F32 => Cow::Borrowed(bytemuck::cast_slice(bytes)),
            Precision::F16 => {
                let mut vector = vec![0.0; self.dimension()];
                let bits: &[u16] = bytemuck::cast_slice(bytes);
                bits.reinterpret_cast::<half::f16>().convert_to_f32_slice(&mut vector);
                Cow::Owned(vector)
            }
        }
    }
}

#[cfg(target_endian = "big")]
compile_error!("segments are read where they lie, as little-endian numbers");
