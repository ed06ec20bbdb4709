//! QOI ends with eight bytes that stand for no pixels (QOI specification, 1.0).

const END: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 1];
const HEADER: usize = 14;

pub(super) fn has_end(bytes: &[u8]) -> bool {
    bytes.ends_with(&END)
}

pub(super) fn completed(bytes: &[u8]) -> Option<Vec<u8>> {
    if has_end(bytes) {
        return None;
    }
    let (width, after) = bytes.get(4..)?.split_first_chunk()?;
    let (height, _) = after.split_first_chunk()?;
    let pixels = u64::from(u32::from_be_bytes(*width)) * u64::from(u32::from_be_bytes(*height));
    let (mut count, mut at) = (0, HEADER);
    while count < pixels {
        let (length, run) = match *bytes.get(at)? {
            0xfe => (4, 1),
            0xff => (5, 1),
            0x80..=0xbf => (2, 1),
            run @ 0xc0.. => (1, u64::from(run - 0xc0) + 1),
            _ => (1, 1),
        };
        count += run;
        at += length;
    }
    Some([bytes.get(..at)?, &END].concat())
}
