//! JPEG in strips and tiles: streams of their own, whose tables may lie beside them (the second
//! technical note on TIFF 6.0).

use std::io::ErrorKind;

use image::{ImageDecoder, ImageError, ImageResult};

use super::directory::Directory;
use super::{damaged, unsupported};
use crate::{Detail, jpeg};

/// Markers (ITU-T T.81, table B.1).
const START: [u8; 2] = [0xff, 0xd8];
const END: [u8; 2] = [0xff, 0xd9];
const SCAN: u8 = 0xda;
const JFIF: u8 = 0xe0;
const ADOBE: u8 = 0xee;

/// What the fields say of the pixels of a stream.
pub(super) struct Layout {
    pub(super) row_bytes: usize,
    pub(super) channels: usize,
    /// Its width, and the most that it may be high.
    pub(super) most: (u32, u32),
}

/// The tables that all streams share, as a stream without pictures.
pub(super) struct Tables {
    stream: Vec<u8>,
    /// Whether three channels are YCbCr. TIFF says so, and JPEG's own marks do not count.
    is_ycbcr: bool,
}

impl Tables {
    pub(super) fn new(fields: &Directory<'_>) -> ImageResult<Self> {
        let stream = fields.bytes(347)?.unwrap_or_default().to_vec();
        Ok(Self { stream, is_ycbcr: fields.integer(262, 0)? == 6 })
    }

    /// A stream that can be decoded alone.
    fn complete(&self, stream: &[u8], channels: usize) -> Vec<u8> {
        let tables = self.stream.strip_prefix(&START).unwrap_or_default();
        let tables = tables.strip_suffix(&END).unwrap_or(tables);
        let mut whole = START.to_vec();
        if channels == 3 {
            whole.extend([0xff, ADOBE, 0, 14]);
            whole.extend(b"Adobe\0\x64\0\0\0\0");
            whole.push(u8::from(self.is_ycbcr));
        }
        whole.extend(tables);
        let mut rest = stream.strip_prefix(&START).unwrap_or(stream);
        // What is before the pixels, without marks that say what the colors are.
        while let [0xff, marker, high, low, ..] = *rest {
            let length = 2 + usize::from(u16::from_be_bytes([high, low]));
            let Some((segment, after)) = rest.split_at_checked(length) else { break };
            if marker == SCAN {
                break;
            }
            if !matches!(marker, JFIF | ADOBE) {
                whole.extend(segment);
            }
            rest = after;
        }
        whole.extend(rest);
        whole
    }
}

/// Decodes the stream of a strip or tile.
pub(super) fn read(
    tables: &Tables,
    bytes: &[u8],
    layout: &Layout,
    out: &mut [u8],
) -> ImageResult<()> {
    let stream = tables.complete(bytes, channels(bytes));
    decode(&stream, layout, out)
}

/// The number of channels, from the frame.
fn channels(stream: &[u8]) -> usize {
    let mut rest = stream.strip_prefix(&START).unwrap_or(stream);
    while let [0xff, marker, high, low, ..] = *rest {
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            return rest.get(9).copied().map_or(0, usize::from);
        }
        let length = 2 + usize::from(u16::from_be_bytes([high, low]));
        rest = rest.get(length..).unwrap_or_default();
    }
    0
}

fn decode(stream: &[u8], layout: &Layout, out: &mut [u8]) -> ImageResult<()> {
    let Layout { row_bytes: row, channels, most } = *layout;
    let check = |(width, height): (u32, u32)| {
        if width != most.0 || height > most.1 || row * (height as usize) < out.len() {
            return Err(damaged(format!("a strip or tile of it has {width}×{height} pixels")));
        }
        Ok(())
    };
    let pixels = if channels == 4 {
        // Without a mark of Adobe's they come as they are, whatever they mean.
        jpeg::inks(stream, check)?
    } else {
        let decoder = jpeg::open(stream, Detail::Full, None)?.decoder;
        check(decoder.dimensions())?;
        if usize::from(decoder.color_type().channel_count()) != channels {
            return Err(damaged("a strip or tile of it has other channels"));
        }
        let mut pixels = vec![0; decoder.total_bytes() as usize];
        decoder.read_image_boxed(&mut pixels)?;
        pixels
    };
    let pixels = pixels.get(..out.len()).ok_or_else(|| damaged("its pixels end early"))?;
    out.copy_from_slice(pixels);
    Ok(())
}

/// A picture that is one JPEG file, to which the fields of TIFF 6.0's own JPEG lead. Those that have
/// only tables there are not read.
pub(super) struct Old {
    offset: u64,
    length: Option<u64>,
}

impl Old {
    pub(super) fn new(fields: &Directory<'_>) -> ImageResult<Self> {
        let offset = fields.integers(513)?.and_then(|offsets| offsets.first().copied());
        let offset = offset.ok_or_else(|| unsupported("JPEG of TIFF 6.0 in parts".to_owned()))?;
        let length = fields.integer(514, 0)?;
        Ok(Self { offset, length: (length > 0).then_some(length) })
    }

    pub(super) fn read(&self, layout: &Layout, file: &[u8], out: &mut [u8]) -> ImageResult<()> {
        let stream = usize::try_from(self.offset).ok().and_then(|offset| file.get(offset..));
        let stream = stream.ok_or(ImageError::IoError(ErrorKind::UnexpectedEof.into()))?;
        let length = self.length.and_then(|length| usize::try_from(length).ok());
        let stream = &stream[..length.unwrap_or(stream.len()).min(stream.len())];
        if !stream.starts_with(&START) {
            return Err(unsupported("JPEG of TIFF 6.0 in parts".to_owned()));
        }
        decode(stream, layout, out)
    }
}
