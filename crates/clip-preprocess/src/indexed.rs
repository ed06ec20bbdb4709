//! Whether the pixels of a file are numbers of colors or bits, which Pillow does not interpolate.

use image::ImageFormat;

use crate::tiff;

/// Where Pillow opens a file in mode `P` or `1`: the color that 0 stands for. The decoder gives
/// colors and does not say.
pub(crate) fn zero(format: ImageFormat, bytes: &[u8]) -> Option<[u8; 3]> {
    const BLACK: [u8; 3] = [0; 3];
    match format {
        ImageFormat::Png => match bytes.get(24..26)? {
            [1, 0] => Some(BLACK),
            [_, 3] => Some(first(png_palette(bytes)?)),
            _ => None,
        },
        ImageFormat::Gif => gif_palette(bytes).filter(|palette| !is_ramp(palette)).map(first),
        ImageFormat::Bmp => {
            let palette = bmp_palette(bytes)?;
            match palette.as_flattened() {
                [0, 0, 0, 255, 255, 255] => Some(BLACK),
                _ if is_ramp(palette.as_flattened()) => None,
                // Blue comes first.
                _ => palette.first().map(|&[b, g, r]| [r, g, b]),
            }
        }
        ImageFormat::Tiff => tiff::zero(bytes),
        _ => None,
    }
}

/// Whether alpha is a channel of its own, and not one color or number that is transparent.
pub(crate) fn has_alpha_channel(format: ImageFormat, bytes: &[u8]) -> bool {
    match format {
        ImageFormat::Png => bytes.get(25).is_some_and(|color_type| color_type & 4 != 0),
        ImageFormat::Gif => false,
        _ => true,
    }
}

/// Whether the numbers are the levels of gray, so that Pillow opens the file in mode `L`.
fn is_ramp(palette: &[u8]) -> bool {
    palette
        .chunks(3)
        .enumerate()
        .all(|(i, color)| color.iter().all(|level| usize::from(*level) == i))
}

fn first(palette: &[u8]) -> [u8; 3] {
    palette.first_chunk().copied().unwrap_or_default()
}

/// The content of chunk `PLTE` (PNG specification, 11.2.2).
fn png_palette(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(8..)?;
    loop {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let (kind, after) = after.split_first_chunk::<4>()?;
        if kind == b"PLTE" {
            return after.get(..length);
        }
        rest = after.get(length.checked_add(4)?..)?;
    }
}

/// The palette of the first frame, or the one for all (GIF89a, 18 to 21).
fn gif_palette(bytes: &[u8]) -> Option<&[u8]> {
    let table = |flags: u8, rest: &'_ [u8]| gif_table(flags).min(rest.len());
    let flags = *bytes.get(10)?;
    let rest = bytes.get(13..)?;
    let (global, mut rest) = rest.split_at(table(flags, rest));
    loop {
        match *rest {
            [b'!', _, ref blocks @ ..] => rest = after_blocks(blocks)?,
            [b',', _, _, _, _, _, _, _, _, flags, ref rest @ ..] => {
                let (local, _) = rest.split_at(table(flags, rest));
                return Some(if local.is_empty() { global } else { local });
            }
            _ => return None,
        }
    }
}

/// How many bytes the palette has that some flags announce.
pub(crate) fn gif_table(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

pub(crate) fn after_blocks(mut rest: &[u8]) -> Option<&[u8]> {
    while let (&length @ 1.., after) = rest.split_first()? {
        rest = after.get(usize::from(length)..)?;
    }
    rest.get(1..)
}

/// The colors of a file with 8 bits or fewer for a pixel; blue comes first.
fn bmp_palette(bytes: &[u8]) -> Option<Vec<[u8; 3]>> {
    let number = |at: usize, length: usize| {
        let bytes = bytes.get(at..at + length)?;
        Some(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    };
    let header = number(14, 4)?;
    // The oldest header has narrower fields, and colors of three bytes.
    let (bits, named, width) = match header {
        12 => (number(24, 2)?, 0, 3),
        // The shortest of OS/2 2.x ends before the number of colors.
        ..36 => (number(28, 2)?, 0, 4),
        _ => (number(28, 2)?, number(46, 4)?, 4),
    };
    if !(1..=8).contains(&bits) {
        return None;
    }
    let colors = if named == 0 { 1 << bits } else { named };
    let palette = bytes.get(14_usize.checked_add(header)?..)?;
    Some(
        palette
            .chunks_exact(width)
            .take(colors)
            .map(|color| [color[0], color[1], color[2]])
            .collect(),
    )
}
