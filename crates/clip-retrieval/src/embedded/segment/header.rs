//! The first bytes of a segment.

use std::path::Path;

use crate::{Error, Result};

/// Bytes of the header.
pub(super) const SIZE: usize = 64;

/// The version that is written, and the latest that is read.
const VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"CLIPSEGM";

/// In which numbers vectors are kept. Searches are exact for the vectors as they are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits: scores are off by up to 0.0005.
    F16,
}

impl Precision {
    /// Bytes of one value.
    pub fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }

    /// Its name, as users write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }

    /// The precision of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::F32, Self::F16].into_iter().find(|precision| precision.name() == name)
    }
}

/// What the rest of the file is read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) rows: u64,
    pub(crate) dimension: u32,
    pub(crate) precision: Precision,
    /// CRC-32 of the model's fingerprint: a file from another library is told.
    pub(crate) model: u32,
    /// CRC-32 of the parts, one after the other.
    pub(crate) checksum: u32,
}

impl Header {
    /// `CLIPSEGM`, version, dimension, rows, bytes of a value, model, checksum of the parts, zeros,
    /// checksum of the header.
    pub(super) fn write(&self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let mut at = 0;
        let mut put = |value: &[u8]| {
            bytes[at..at + value.len()].copy_from_slice(value);
            at += value.len();
        };
        put(&MAGIC);
        put(&VERSION.to_le_bytes());
        put(&self.dimension.to_le_bytes());
        put(&self.rows.to_le_bytes());
        put(&(self.precision.size() as u32).to_le_bytes());
        put(&self.model.to_le_bytes());
        put(&self.checksum.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..SIZE - 4]);
        bytes[SIZE - 4..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    pub(super) fn read(bytes: &[u8], path: &Path) -> Result<Self> {
        let path = || path.to_owned();
        let damaged = |reason: &str| Error::Damaged { path: path(), reason: reason.to_owned() };
        let Some(header) = bytes.first_chunk::<SIZE>() else {
            let (found, expected) = (bytes.len() as u64, SIZE as u64);
            return Err(Error::Truncated { path: path(), found, expected });
        };
        let number = |at: usize| {
            let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
            u32::from_le_bytes(bytes)
        };
        if header[..8] != MAGIC {
            return Err(damaged("it does not begin as vectors of a library do"));
        }
        let version = number(8);
        if version > VERSION {
            return Err(Error::Newer { path: path(), found: version, supported: VERSION });
        }
        if number(SIZE - 4) != crc32fast::hash(&header[..SIZE - 4]) {
            return Err(damaged("the checksum of its header differs"));
        }
        let precision = [Precision::F32, Precision::F16];
        let precision = precision.into_iter().find(|one| one.size() as u32 == number(24));
        Ok(Self {
            rows: u64::from(number(16)) | u64::from(number(20)) << 32,
            dimension: number(12),
            precision: precision.ok_or_else(|| damaged("its numbers have an unknown size"))?,
            model: number(28),
            checksum: number(32),
        })
    }
}
