//! From the samples of a pixel to what a picture is made of.

use image::ImageResult;

use super::color::Color;
use super::header::Header;
use super::rows::{Row, for_each_row};
use super::samples::Samples;
use crate::Gray16;
use crate::rgb::product;

/// Reads the picture.
pub(super) fn read(
    color: &Color,
    header: &Header,
    file: &[u8],
    gray16: Gray16,
    out: &mut [u8],
) -> ImageResult<()> {
    let size = out.len() / (header.width as usize * header.height as usize);
    for_each_row(header, file, Samples::levels, |Row { x, y, samples }| {
        let start = (y as usize * header.width as usize + x as usize) * size;
        let pixels = samples.len() / header.samples.count;
        convert(color, header, gray16, samples, &mut out[start..][..pixels * size]);
    })
}

fn convert(color: &Color, header: &Header, gray16: Gray16, samples: &[u16], out: &mut [u8]) {
    let (count, bits) = (header.samples.count, header.samples.level_bits());
    let level = |sample: u16| level(sample, bits);
    let invert = |is_inverted: bool| if is_inverted { u16::MAX >> (16 - bits) } else { 0 };
    let pixels = samples.chunks_exact(count);
    match color {
        Color::Gray { inverted } if bits > 8 => {
            let invert = invert(*inverted);
            for (out, pixel) in out.as_chunks_mut::<2>().0.iter_mut().zip(pixels) {
                let gray = match gray16 {
                    // Mode `I;16` has the numbers of the file, even where white is 0.
                    Gray16::Clip => pixel[0],
                    Gray16::Scale => widened(pixel[0] ^ invert, bits),
                };
                *out = gray.to_ne_bytes();
            }
        }
        Color::Gray { inverted } => {
            let invert = invert(*inverted);
            each(out, pixels, |pixel| [level(pixel[0] ^ invert)]);
        }
        Color::GrayAlpha { inverted, alpha } => {
            let invert = invert(*inverted);
            each(out, pixels, |pixel| {
                let gray = level(pixel[0] ^ invert);
                let [gray, _, _, alpha] = alpha.apply([gray; 3], level(pixel[alpha.sample]));
                [gray, alpha]
            });
        }
        Color::Palette(colors) => each(out, pixels, |pixel| entry(colors, pixel[0])),
        Color::PaletteAlpha((colors, alpha)) => each(out, pixels, |pixel| {
            alpha.apply(entry(colors, pixel[0]), level(pixel[alpha.sample]))
        }),
        Color::Rgb => each(out, pixels, |pixel| rgb(pixel).map(level)),
        Color::Rgba(alpha) => each(out, pixels, |pixel| {
            alpha.apply(rgb(pixel).map(level), level(pixel[alpha.sample]))
        }),
        Color::Cmyk => each(out, pixels, |pixel| {
            // `cmyk2rgb` of Pillow's `Convert.c`.
            let light = u8::MAX - level(pixel[3]);
            rgb(pixel).map(|ink| light - product(level(ink), light))
        }),
        Color::YCbCr(conversion) => {
            each(out, pixels, |pixel| conversion.rgb(rgb(pixel).map(|sample| sample as u8)));
        }
        Color::Lab(lab) => each(out, pixels, |pixel| lab.rgb(rgb(pixel), bits)),
    }
}

fn each<'a, const N: usize>(
    out: &mut [u8],
    pixels: impl Iterator<Item = &'a [u16]>,
    color: impl Fn(&[u16]) -> [u8; N],
) {
    for (out, pixel) in out.as_chunks_mut::<N>().0.iter_mut().zip(pixels) {
        *out = color(pixel);
    }
}

fn rgb(pixel: &[u16]) -> [u16; 3] {
    [pixel[0], pixel[1], pixel[2]]
}

fn entry(colors: &[[u8; 3]], number: u16) -> [u8; 3] {
    colors.get(usize::from(number)).copied().unwrap_or_default()
}

/// The level in 8 bits: the upper ones of more, as in Pillow.
fn level(sample: u16, bits: u16) -> u8 {
    match bits {
        8 => sample as u8,
        ..8 => {
            let most = (1 << bits) - 1;
            ((u32::from(sample) * 255 + most / 2) / most) as u8
        }
        _ => (sample >> (bits - 8)) as u8,
    }
}

/// The level of 9 to 16 bits in 16.
fn widened(level: u16, bits: u16) -> u16 {
    let level = u32::from(level) << (16 - bits);
    (level | level >> bits) as u16
}
