//! Black and white as fax machines send it (TIFF 6.0, sections 10 and 11; ITU-T T.4 and T.6).

use hayro_ccitt::{DecodeSettings, Decoder, DecoderContext, EncodingMode};
use image::ImageResult;

use super::damaged;
use super::directory::Directory;

#[derive(Debug, Clone, Copy)]
pub(super) enum Fax {
    /// Runs of a row, which ends on a byte.
    Huffman,
    /// The same, but a row ends on two.
    HuffmanWords,
    Group3,
    /// Rows are coded by their differences to the one before, too.
    Group3TwoDimensional,
    Group4,
}

impl Fax {
    /// The kind of Group 3, by the lowest bit of the field T4Options.
    pub(super) fn group3(fields: &Directory<'_>) -> ImageResult<Self> {
        let is_two_dimensional = fields.integer(292, 0)? & 1 == 1;
        Ok(if is_two_dimensional { Self::Group3TwoDimensional } else { Self::Group3 })
    }
}

/// Rows of bits, of which 1 is black.
struct Rows<'a> {
    out: std::slice::ChunksExactMut<'a, u8>,
}

impl Decoder for Rows<'_> {
    fn push_row(&mut self, changes: &[u32]) {
        let Some(row) = self.out.next() else { return };
        for run in changes.chunks(2) {
            let end = run.get(1).map_or(row.len() * 8, |end| *end as usize);
            blacken(row, run[0] as usize, end.min(row.len() * 8));
        }
    }
}

fn blacken(row: &mut [u8], start: usize, end: usize) {
    let (first, last) = (start / 8, end / 8);
    let (head, tail) = (0xff >> (start % 8), !(0xff >> (end % 8)));
    if first == last {
        if first < row.len() {
            row[first] |= head & tail;
        }
        return;
    }
    row[first] |= head;
    row[first + 1..last].fill(0xff);
    if last < row.len() {
        row[last] |= tail;
    }
}

/// Fills `out`, which is white. Rows after the mark of the end stay so.
pub(super) fn decode(
    fax: Fax,
    bytes: &[u8],
    (width, height): (u32, u32),
    out: &mut [u8],
) -> ImageResult<()> {
    let mut settings = DecodeSettings {
        columns: width,
        rows: height,
        end_of_block: true,
        end_of_line: false,
        rows_are_byte_aligned: false,
        encoding: EncodingMode::Group3_1D,
        strict: false,
    };
    match fax {
        Fax::Huffman => settings.rows_are_byte_aligned = true,
        Fax::HuffmanWords => (settings.rows_are_byte_aligned, settings.rows) = (true, 1),
        Fax::Group3 => {}
        Fax::Group3TwoDimensional => settings.encoding = EncodingMode::Group3_2D,
        Fax::Group4 => settings.encoding = EncodingMode::Group4,
    }
    let mut rows = Rows { out: out.chunks_exact_mut(width.div_ceil(8) as usize) };
    let mut context = DecoderContext::new(settings);
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty());
        let rest = rest.ok_or_else(|| damaged("its pixels end early"))?;
        let read = hayro_ccitt::decode(rest, &mut rows, &mut context);
        if rows.out.len() == 0 {
            return Ok(());
        }
        let read = read.map_err(|error| damaged(error.to_string()))?;
        if matches!(fax, Fax::HuffmanWords) {
            at += words(&rest[..read]);
        } else if has_end(&rest[..read]) {
            return Ok(());
        } else {
            return Err(damaged("its pixels end early"));
        }
    }
}

/// The length of a row that ends on two bytes. Zeros that fill it up may have been read as an end of
/// the row together with the beginning of the next, which no row can end with.
fn words(row: &[u8]) -> usize {
    match row.last_chunk::<2>().map(|end| u16::from_be_bytes(*end)) {
        Some(1..32) => row.len() - 1,
        _ => row.len().max(1),
    }
    .next_multiple_of(2)
}

/// Whether the mark of the end is there: two and more ends of a row, with a bit between them where
/// rows are coded by differences.
fn has_end(bytes: &[u8]) -> bool {
    let last = bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    (0..8).any(|padding| {
        let bits = last >> padding;
        bits & 0xff_ffff == 0x00_1001 || bits & 0x3ff_ffff == 0x6003
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_every_place() {
        for start in 0..24 {
            for end in start..=24 {
                let mut row = [0; 3];
                blacken(&mut row, start, end);
                let bit = |i: usize| row[i / 8] >> (7 - i % 8) & 1 == 1;
                assert!((0..24).all(|i| bit(i) == (start..end).contains(&i)), "{start} to {end}");
            }
        }
    }

    /// Two rows, of which the second is left out: as many writers do with white ones.
    #[test]
    fn rows_after_the_mark_are_white() {
        // One row of a black pixel and seven white ones, coded as it is; then the mark.
        let marked = [0x26, 0xaa, 0x00, 0x20, 0x02];
        let mut out = [0; 2];
        decode(Fax::Group4, &marked, (8, 2), &mut out).unwrap();
        assert_eq!(out, [0x80, 0]);
        assert!(decode(Fax::Group4, &marked[..2], (8, 2), &mut [0; 2]).is_err());
        assert!(decode(Fax::Group4, &[], (8, 2), &mut [0; 2]).is_err());
    }
}
