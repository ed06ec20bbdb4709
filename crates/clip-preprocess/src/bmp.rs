//! The headers of BMP, and those of OS/2 2.x in the place of Windows' own.

use image::error::{ImageFormatHint, UnsupportedError, UnsupportedErrorKind};
use image::{ImageError, ImageFormat, ImageResult};

/// Where the second header begins, and how long the common one of Windows is.
const START: usize = 14;
const INFO: usize = 40;

/// What both headers say of the pixels.
pub(crate) struct Header {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) bits: u16,
    pub(crate) compression: Compression,
    /// Where the pixels begin.
    pub(crate) pixels: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Rle8,
    Rle4,
}

impl Header {
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize, length: usize| {
            let bytes = bytes.get(at..at + length)?;
            Some(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
        };
        let pixels = number(10, 4)? as usize;
        // The oldest header has narrower fields.
        if number(14, 4)? == 12 {
            let (width, height) = (number(18, 2)?, number(20, 2)?);
            let bits = number(24, 2)? as u16;
            return Some(Self { width, height, bits, compression: Compression::None, pixels });
        }
        let (width, height) = (number(18, 4)?, number(22, 4)?.cast_signed().unsigned_abs());
        let compression = match number(30, 4)? {
            0 | 3 | 6 => Compression::None,
            1 => Compression::Rle8,
            2 => Compression::Rle4,
            _ => return None,
        };
        Some(Self { width, height, bits: number(28, 2)? as u16, compression, pixels })
    }
}

/// A file with a header of OS/2 2.x as one of Windows. Its fields are the same as far as that one goes,
/// and a writer may leave out the last ones; what is behind says how to print.
pub(crate) fn from_os2(bytes: &[u8]) -> ImageResult<Option<Vec<u8>>> {
    let length = bytes.get(START..START + 4).and_then(|length| length.try_into().ok());
    let length = length.map(u32::from_le_bytes).unwrap_or_default() as usize;
    // Those that are not here are known as they are.
    if !(16..=64).contains(&length) || matches!(length, INFO | 52 | 56) {
        return Ok(None);
    }
    let Some(header) = bytes.get(START..START + length) else { return Ok(None) };
    if let Some(method @ 3..=4) = header.get(16) {
        let name = if *method == 3 { "Huffman 1D" } else { "RLE24" };
        let kind = UnsupportedErrorKind::GenericFeature(format!("OS/2's compression by {name}"));
        let hint = ImageFormatHint::Exact(ImageFormat::Bmp);
        return Err(ImageError::Unsupported(UnsupportedError::from_format_and_kind(hint, kind)));
    }
    let mut file = bytes[..START].to_vec();
    let pixels = file.last_chunk::<4>().map(|offset| u32::from_le_bytes(*offset));
    let pixels = pixels.unwrap_or_default().wrapping_add(INFO as u32).wrapping_sub(length as u32);
    file[10..].copy_from_slice(&pixels.to_le_bytes());
    let mut info = [0; INFO];
    let common = length.min(INFO);
    info[..common].copy_from_slice(&header[..common]);
    info[..4].copy_from_slice(&(INFO as u32).to_le_bytes());
    file.extend(info);
    file.extend(&bytes[START + length..]);
    Ok(Some(file))
}
