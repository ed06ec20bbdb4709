//! What an image file says besides its pixels: the blocks of metadata, whatever container holds them.
//!
//! One place knows where EXIF, XMP, IPTC and the color profile are stored. The decoder takes the
//! orientation and the color from here, programs the dates and keywords. What is missing or damaged
//! is `None`: no image is refused because of its metadata.

mod exif;
mod gif;
mod heif;
mod jpeg;
mod orientation;
mod photoshop;
mod png;
mod tiff;
mod webp;

use std::borrow::Cow;
use std::io::Read;

use crate::color::Color;

pub use exif::{Exif, Field, Tag};

/// The most that a compressed block may become, in bytes. Profiles of printers have a few megabytes.
const MAX_INFLATED: u64 = 16 << 20;

/// The metadata of an image file.
#[derive(Debug, Clone, Default)]
pub struct Metadata<'a> {
    /// The fields of EXIF. In TIFF those of the file itself.
    pub exif: Option<Exif<'a>>,
    /// An XMP packet (ISO 16684-1), RDF as XML.
    pub xmp: Option<Cow<'a, [u8]>>,
    /// The data sets of IPTC-IIM.
    pub iptc: Option<Cow<'a, [u8]>>,
    /// How colors are stored, where that is not sRGB.
    pub(crate) color: Option<Color<'a>>,
}

impl<'a> Metadata<'a> {
    /// Reads what the bytes of a file hold. Of the pixels nothing is decoded.
    pub fn read(bytes: &'a [u8]) -> Self {
        if bytes.starts_with(b"\xff\xd8") {
            jpeg::read(bytes)
        } else if let Some(chunks) = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n") {
            png::read(chunks)
        } else if let [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', chunks @ ..] =
            bytes
        {
            webp::read(chunks)
        } else if bytes.starts_with(b"GIF8") {
            gif::read(bytes)
        } else if crate::heif::Kind::of(bytes).is_some() {
            heif::read(bytes)
        } else {
            tiff::read(bytes)
        }
    }
}

/// The EXIF in a block. Some programs write the prefix of JPEG's segments in other containers too, or
/// write it twice.
fn exif_block(block: Cow<'_, [u8]>) -> Option<Exif<'_>> {
    const PREFIX: &[u8] = b"Exif\0\0";
    match block {
        Cow::Borrowed(mut bytes) => {
            while let Some(rest) = bytes.strip_prefix(PREFIX) {
                bytes = rest;
            }
            Exif::new(bytes.into())
        }
        Cow::Owned(mut bytes) => {
            while bytes.starts_with(PREFIX) {
                bytes.drain(..PREFIX.len());
            }
            Exif::new(bytes.into())
        }
    }
}

/// What a zlib stream holds, or nothing where it is damaged or larger than [`MAX_INFLATED`].
fn inflate(compressed: &[u8]) -> Option<Vec<u8>> {
    let mut inflated = Vec::new();
    let mut decoder = flate2::read::ZlibDecoder::new(compressed).take(MAX_INFLATED + 1);
    decoder.read_to_end(&mut inflated).ok()?;
    (inflated.len() as u64 <= MAX_INFLATED).then_some(inflated)
}
