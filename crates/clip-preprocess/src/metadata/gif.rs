//! GIF: application extensions (GIF89a, 26) ahead of the first frame.

use super::Metadata;
use crate::color::Color;

pub(super) fn read(bytes: &[u8]) -> Metadata<'_> {
    let mut metadata = Metadata::default();
    let flags = bytes.get(10).copied().unwrap_or(0);
    let palette = if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut rest = bytes.get(13 + palette..).unwrap_or_default();
    while let [b'!', kind, blocks @ ..] = rest {
        let Some(length) = blocks_length(blocks) else { break };
        let (extension, behind) = blocks.split_at(length);
        match (kind, extension) {
            // The packet is not cut into blocks. What follows it makes sure that whoever takes it for
            // blocks comes to its end (XMP specification, part 3, 1.1.2).
            (
                0xFF,
                [11, b'X', b'M', b'P', b' ', b'D', b'a', b't', b'a', b'X', b'M', b'P', packet @ ..],
            ) => {
                let end = packet.iter().rposition(|byte| *byte == b'>').map_or(0, |end| end + 1);
                metadata.xmp = metadata.xmp.or(Some(packet[..end].into()));
            }
            (
                0xFF,
                [11, b'I', b'C', b'C', b'R', b'G', b'B', b'G', b'1', b'0', b'1', b'2', blocks @ ..],
            ) => {
                metadata.color = metadata.color.or_else(|| Some(Color::Icc(joined(blocks).into())));
            }
            _ => {}
        }
        rest = behind;
    }
    metadata
}

/// How many bytes some blocks have, with the one of no bytes that ends them.
fn blocks_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match usize::from(*bytes.get(at)?) {
            0 => return Some(at + 1),
            length => at += 1 + length,
        }
    }
}

fn joined(mut blocks: &[u8]) -> Vec<u8> {
    let mut joined = Vec::new();
    while let Some((length, rest)) = blocks.split_first() {
        let Some((block, rest)) = rest.split_at_checked(usize::from(*length)) else { break };
        joined.extend_from_slice(block);
        blocks = rest;
    }
    joined
}
