//! The markers of a JPEG (ITU-T T.81, B.1.1), which tell what decoders do not: they fill a missing
//! rest with gray and say nothing.

const RESTART: std::ops::RangeInclusive<u8> = 0xD0..=0xD7;
const START: u8 = 0xD8;
pub(super) const END: u8 = 0xD9;
pub(super) const SCAN: u8 = 0xDA;

/// A frame that is read: baseline, extended or progressive.
pub(super) const FRAME: std::ops::RangeInclusive<u8> = 0xC0..=PROGRESSIVE;
pub(super) const PROGRESSIVE: u8 = 0xC2;

/// Whether the marker that ends the picture is there; whatever follows it is ignored, as cameras
/// append their own data there.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    walk(bytes).any(|(marker, ..)| marker == END)
}

/// From marker to marker, each with the content of its segment and all that comes behind it.
/// Segments are skipped by their length, so markers of a thumbnail inside one do not count; one that
/// is not whole is the last.
pub(crate) fn walk(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8], &[u8])> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let at = next_marker(bytes)?;
        let (marker, after) = (bytes[at + 1], &bytes[at + 2..]);
        let length = match (marker, after) {
            (START | END, _) => 0,
            (_, [high, low, ..]) => usize::from(u16::from_be_bytes([*high, *low])),
            _ => return None,
        };
        rest = after.get(length..);
        let content = after.get(2..length).unwrap_or_default();
        Some((marker, content, rest.unwrap_or_default()))
    })
}

/// How many scans there are ahead of the end.
pub(super) fn scans(bytes: &[u8]) -> usize {
    let markers = walk(bytes).map(|(marker, ..)| marker).take_while(|marker| *marker != END);
    markers.filter(|marker| *marker == SCAN).count()
}

/// How many channels the frame has.
pub(super) fn channels(bytes: &[u8]) -> Option<u8> {
    let (_, frame, _) = walk(bytes).find(|(marker, ..)| FRAME.contains(marker))?;
    frame.get(5).copied()
}

/// Position of the next marker: 0xFF and a code. Within compressed data 0xFF is followed by 0, and
/// restart marks belong to that data.
fn next_marker(bytes: &[u8]) -> Option<usize> {
    let is_marker = |pair: &[u8]| {
        pair[0] == 0xFF && !matches!(pair[1], 0 | 1 | 0xFF) && !RESTART.contains(&pair[1])
    };
    bytes.windows(2).position(is_marker)
}

#[cfg(test)]
mod tests {
    use super::is_whole;

    #[test]
    fn the_end_marker_decides() {
        let segment = [0xFF, 0xE1, 0, 4, 0xFF, 0xD9];
        let scan = [0xFF, 0xDA, 0, 2, 7, 0xFF, 0, 0xFF, 0xD3, 8];
        let start = [0xFF, 0xD8];
        let end = [0xFF, 0xD9];
        let check = |parts: &[&[u8]], whole| assert_eq!(is_whole(&parts.concat()), whole);
        check(&[&start, &segment, &scan, &end], true);
        check(&[&start, &segment, &scan, &end, b"trailer"], true);
        check(&[&start, &segment, &scan, &segment, &scan, &end], true);
        check(&[&start, &segment, &scan, &[0xFF, 0xFF, 0xD9]], true);
        check(&[&start, &segment, &scan], false);
        check(&[&start, &segment, &scan, &[0xFF]], false);
        check(&[&start, &segment], false);
        check(&[&start, &[0xFF, 0xE1, 0xFF, 0xFF], &end], false);
        check(&[&start, &[0xFF, 0xE1, 0]], false);
        check(&[&start], false);
        check(&[], false);
    }
}
