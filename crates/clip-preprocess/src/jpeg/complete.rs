//! What writers leave out of a JPEG and every decoder can fill in: the tables that frames of Motion
//! JPEG take for known, and the marker at the end.

use std::borrow::Cow;

use image::{DynamicImage, ImageResult};

use super::markers::{END, PROGRESSIVE, SCAN, is_whole, walk};
use super::open;
use crate::Detail;

/// Frames that are not progressive, with Huffman codes.
const BASELINE: u8 = 0xC0;
const EXTENDED: u8 = 0xC1;
const CODES: u8 = 0xC4;

/// A JPEG with all that its decoder needs.
pub(crate) struct Completed<'a> {
    pub(crate) bytes: Cow<'a, [u8]>,
    /// Whether the marker at the end was missing, so that the picture may not be whole.
    pub(crate) had_no_end: bool,
}

/// Adds what is missing; nothing where a part of the picture is, as far as the headers tell.
pub(crate) fn complete(bytes: &[u8]) -> Option<Completed<'_>> {
    let had_no_end = !is_whole(bytes);
    if had_no_end && !has_all_scans(bytes) {
        return None;
    }
    let mut completed = Cow::Borrowed(bytes);
    if had_no_end {
        completed.to_mut().extend([0xFF, END]);
    }
    if lacks_codes(bytes) {
        let tables = STANDARD.iter().flat_map(|(kind, counts, symbols)| {
            [std::slice::from_ref(kind), counts, symbols].concat()
        });
        let tables: Vec<u8> = tables.collect();
        let [high, low] = (tables.len() as u16 + 2).to_be_bytes();
        // Behind the first marker: whatever the file defines comes later and counts.
        let at = 2.min(completed.len());
        completed.to_mut().splice(at..at, [0xFF, CODES, high, low].into_iter().chain(tables));
    }
    Some(Completed { bytes: completed, had_no_end })
}

/// Whether the first scan names codes that were not defined, which only frames without scans may.
fn lacks_codes(bytes: &[u8]) -> bool {
    let mut defined = [[false; 4]; 2];
    let mut is_sequential = false;
    for (marker, mut content, _) in walk(bytes) {
        match marker {
            BASELINE | EXTENDED => is_sequential = true,
            // Class and number, the counts of sixteen lengths, and the symbols (T.81, B.2.4.2).
            CODES => {
                while let [kind, rest @ ..] = content {
                    let Some((counts, rest)) = rest.split_first_chunk::<16>() else { break };
                    let symbols = counts.iter().map(|count| usize::from(*count)).sum();
                    defined[usize::from(kind >> 4 & 1)][usize::from(kind & 3)] = true;
                    content = rest.get(symbols..).unwrap_or_default();
                }
            }
            SCAN => {
                let (channels, _) = content.get(1..).unwrap_or_default().as_chunks::<2>();
                let count = usize::from(content.first().copied().unwrap_or(0));
                let is_defined = |[_, codes]: &[u8; 2]| {
                    let [means, others] = [codes >> 4, codes & 15].map(usize::from);
                    defined[0].get(means) == Some(&true) && defined[1].get(others) == Some(&true)
                };
                return is_sequential && !channels.iter().take(count).all(is_defined);
            }
            _ => {}
        }
    }
    false
}

/// Whether the last scan of a picture whose end was added does not go on behind the end of the file:
/// then the decoder shows nothing else when other data follows.
pub(crate) fn has_all_rows(bytes: &[u8]) -> bool {
    let Some(data) = bytes.strip_suffix(&[0xFF, END]) else { return true };
    // Some data that no coder writes, without a marker in it.
    let noise = (0..4096_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 & 0x7F);
    let continued: Vec<u8> = data.iter().copied().chain(noise).chain([0xFF, END]).collect();
    match (pixels(bytes), pixels(&continued)) {
        (Ok(ended), Ok(continued)) => ended == continued,
        _ => false,
    }
}

fn pixels(bytes: &[u8]) -> ImageResult<DynamicImage> {
    DynamicImage::from_decoder(open(bytes, Detail::Full, None)?.decoder)
}

/// Whether the scans have every coefficient of every channel, to the last bit (T.81, B.2.3, G.1.1.1).
fn has_all_scans(bytes: &[u8]) -> bool {
    let mut channels: Vec<(u8, u64)> = Vec::new();
    for (marker, content, _) in walk(bytes) {
        match marker {
            BASELINE | EXTENDED | PROGRESSIVE => {
                let (described, _) = content.get(6..).unwrap_or_default().as_chunks::<3>();
                channels = described.iter().map(|[name, ..]| (*name, 0)).collect();
            }
            SCAN => {
                let [count, rest @ ..] = content else { return false };
                let Some((used, &[first, last, precision])) =
                    rest.split_at_checked(2 * usize::from(*count))
                else {
                    return false;
                };
                // The lower bits follow in another scan.
                if precision & 15 != 0 || last > 63 || first > last {
                    continue;
                }
                let coefficients = u64::MAX >> (63 - last) & u64::MAX << first;
                for [name, _] in used.as_chunks::<2>().0 {
                    let channel = channels.iter_mut().find(|(known, _)| known == name);
                    channel.into_iter().for_each(|(_, there)| *there |= coefficients);
                }
            }
            _ => {}
        }
    }
    !channels.is_empty() && channels.iter().all(|(_, there)| *there == u64::MAX)
}

/// The tables of T.81, K.3: class and number, how many codes of each length, and their symbols.
const STANDARD: [(u8, [u8; 16], &[u8]); 4] = [
    (
        0x00,
        [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    ),
    (
        0x01,
        [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0],
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    ),
    (0x10, [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D], &LUMINANCE),
    (0x11, [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77], &CHROMINANCE),
];

const LUMINANCE: [u8; 162] = [
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
    0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52, 0xD1, 0xF0,
    0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0A, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x25, 0x26, 0x27, 0x28,
    0x29, 0x2A, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
    0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
    0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
    0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7,
    0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3, 0xC4, 0xC5,
    0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xE1, 0xE2,
    0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8,
    0xF9, 0xFA,
];

const CHROMINANCE: [u8; 162] = [
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71,
    0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xA1, 0xB1, 0xC1, 0x09, 0x23, 0x33, 0x52, 0xF0,
    0x15, 0x62, 0x72, 0xD1, 0x0A, 0x16, 0x24, 0x34, 0xE1, 0x25, 0xF1, 0x17, 0x18, 0x19, 0x1A, 0x26,
    0x27, 0x28, 0x29, 0x2A, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
    0x49, 0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,
    0x69, 0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
    0x88, 0x89, 0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5,
    0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3,
    0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA,
    0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8,
    0xF9, 0xFA,
];
