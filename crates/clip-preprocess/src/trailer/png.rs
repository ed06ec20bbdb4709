//! PNG ends with a chunk of its own, IEND (PNG specification, 11.2.5).

const END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";

/// The chunks that are whole, as much as there is of the pixels, and the end.
pub(super) fn completed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut at = 8;
    let mut has_pixels = false;
    loop {
        let chunk = bytes.get(at..).unwrap_or_default();
        let length = chunk.first_chunk().map(|length| u32::from_be_bytes(*length) as usize);
        let is_pixels = chunk.get(4..8) == Some(b"IDAT");
        has_pixels |= is_pixels;
        let end = length.and_then(|length| length.checked_add(12));
        if let Some(end) = end.filter(|end| *end <= chunk.len()) {
            if &chunk[4..8] == b"IEND" {
                return None;
            }
            at += end;
            continue;
        }
        if !has_pixels {
            return None;
        }
        let mut whole = bytes[..at.min(bytes.len())].to_vec();
        if is_pixels {
            let pixels = &chunk[8..chunk.len().min(end.map_or(usize::MAX, |end| end - 4))];
            whole.extend((pixels.len() as u32).to_be_bytes());
            whole.extend(b"IDAT");
            whole.extend(pixels);
            whole.extend(crc32fast::hash(&chunk[4..8 + pixels.len()]).to_be_bytes());
        }
        whole.extend(END);
        return Some(whole);
    }
}
