//! Which picture format some bytes are in, by their content.

use image::ImageFormat;

use crate::heif::{self, Codec};
use crate::{Error, Result, tiff};

/// How many bytes [`identify`] wants to see.
pub(crate) const HEAD: u64 = 512;

/// Formats that people have and the decoder does not know: position and bytes of a signature.
const FOREIGN: &[(usize, &[u8], &str)] = &[
    (4, b"ftypcrx ", "Canon raw"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"8BPS", "Photoshop"),
    (0, b"%PDF-", "PDF"),
    (0, b"<svg", "SVG"),
    (0, b"FUJIFILMCCD-RAW", "Fujifilm raw"),
];

/// A format that can be read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Format {
    /// One of the crate `image`.
    Image(ImageFormat),
    /// One of libheif.
    Heif(Codec),
}

/// The format that the first [`HEAD`] bytes (or all, if fewer) belong to.
pub(crate) fn identify(head: &[u8], origin: &str) -> Result<Format> {
    let origin = || origin.to_owned();
    if head.is_empty() {
        return Err(Error::Empty { origin: origin() });
    }
    let foreign = |&&(at, signature, _): &&(usize, &[u8], &str)| {
        head.get(at..).is_some_and(|bytes| bytes.starts_with(signature))
    };
    if let Some((_, _, name)) = FOREIGN.iter().find(foreign) {
        return Err(Error::UnsupportedFormat { origin: origin(), format: (*name).to_owned() });
    }
    if let Some(kind) = heif::Kind::of(head) {
        return Codec::find(kind, &origin()).map(Format::Heif);
    }
    if tiff::is_tiff(head) {
        return Ok(Format::Image(ImageFormat::Tiff));
    }
    match image::guess_format(head) {
        Ok(format) if format.reading_enabled() => Ok(Format::Image(format)),
        Ok(format) => {
            let extension = format.extensions_str().first().copied().unwrap_or("unknown");
            Err(Error::UnsupportedFormat { origin: origin(), format: extension.to_uppercase() })
        }
        Err(_) => Err(Error::NotAPicture { origin: origin() }),
    }
}

/// Width and height from a PNG's first chunk, which has a fixed place (PNG specification, 11.2.1).
/// The decoder gives them only once it has reached the pixels.
pub(crate) fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let header = bytes.get(12..24)?.strip_prefix(b"IHDR")?;
    let (width, height) = header.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*width), u32::from_be_bytes(height.try_into().ok()?)))
}
