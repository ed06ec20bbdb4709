//! WebP: chunks of RIFF (WebP Container Specification).

use super::{Metadata, exif_block};
use crate::color::Color;

pub(super) fn read(mut chunks: &[u8]) -> Metadata<'_> {
    let mut metadata = Metadata::default();
    while let Some((name, rest)) = chunks.split_first_chunk::<4>() {
        let Some((length, rest)) = rest.split_first_chunk::<4>() else { break };
        let length = u32::from_le_bytes(*length) as usize;
        let Some(content) = rest.get(..length) else { break };
        match name {
            b"EXIF" => metadata.exif = metadata.exif.or_else(|| exif_block(content.into())),
            b"XMP " => metadata.xmp = metadata.xmp.or(Some(content.into())),
            b"ICCP" => metadata.color = metadata.color.or(Some(Color::Icc(content.into()))),
            _ => {}
        }
        chunks = rest.get(length.next_multiple_of(2)..).unwrap_or_default();
    }
    metadata
}
