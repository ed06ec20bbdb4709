//! What the samples of a pixel mean.

use super::lab::Lab;
use super::ycbcr::Conversion;
use crate::pixel_mode::unfade;

pub(super) enum Color {
    Gray { inverted: bool },
    GrayAlpha { inverted: bool, alpha: Alpha },
    Palette(Vec<[u8; 3]>),
    PaletteAlpha((Vec<[u8; 3]>, Alpha)),
    Rgb,
    Rgba(Alpha),
    Cmyk,
    YCbCr(Box<Conversion>),
    Lab(Box<Lab>),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Alpha {
    /// Its number among a pixel's samples.
    pub(super) sample: usize,
    /// Whether colors have been multiplied with it.
    pub(super) is_associated: bool,
}

impl Alpha {
    /// The color without it, and alpha.
    pub(super) fn apply(self, color: [u8; 3], alpha: u8) -> [u8; 4] {
        let [r, g, b] = match self.is_associated {
            // `unpackRGBa` of Pillow's `Unpack.c`.
            true if alpha == 0 => [0; 3],
            true => unfade(color, alpha),
            false => color,
        };
        [r, g, b, alpha]
    }
}
