//! How the characters of a text are stored.

use std::path::Path;

use super::line_of;
use crate::{Error, Result};

/// By its first bytes; everything that is not clearly something else is taken for UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Utf16(Endian),
    Utf32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endian {
    Little,
    Big,
}

impl Encoding {
    /// By the byte order mark, and without one by where the zeros are among the first four bytes,
    /// which begin with two ASCII characters in lists as in JSON (RFC 4627, section 3).
    pub(super) fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Self::Utf32,
            [0xff, 0xfe, ..] => Self::Utf16(Endian::Little),
            [0xfe, 0xff, ..] => Self::Utf16(Endian::Big),
            [0, 0, 0, 1..=255, ..] | [1..=255, 0, 0, 0, ..] => Self::Utf32,
            [1..=255, 0, 1..=255, 0, ..] => Self::Utf16(Endian::Little),
            [0, 1..=255, 0, 1..=255, ..] => Self::Utf16(Endian::Big),
            _ => Self::Utf8,
        }
    }

    /// The same text in UTF-8 without a byte order mark.
    pub(super) fn to_utf8(self, path: &Path, mut bytes: Vec<u8>) -> Result<Vec<u8>> {
        let endian = match self {
            Self::Utf8 => {
                bytes.drain(..bytes.len() - super::strip_bom(&bytes).len());
                return Ok(bytes);
            }
            Self::Utf16(endian) => endian,
            Self::Utf32 => {
                let path = path.to_owned();
                return Err(Error::UnreadEncoding { path, encoding: "UTF-32" });
            }
        };
        let bad = |text: &str| {
            let line = line_of(text.as_bytes());
            Error::NotEncoded { path: path.to_owned(), line, encoding: "UTF-16" }
        };
        let (units, rest) = bytes.as_chunks();
        let units = units.iter().map(|unit| match endian {
            Endian::Little => u16::from_le_bytes(*unit),
            Endian::Big => u16::from_be_bytes(*unit),
        });
        let mut text = String::with_capacity(bytes.len());
        for character in char::decode_utf16(units) {
            match character {
                Ok(character) => text.push(character),
                Err(_) => return Err(bad(&text)),
            }
        }
        if !rest.is_empty() {
            return Err(bad(&text));
        }
        if text.starts_with('\u{feff}') {
            text.remove(0);
        }
        Ok(text.into_bytes())
    }
}
