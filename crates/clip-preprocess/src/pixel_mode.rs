//! Pillow's modes of pixels, as far as they are resized in ways of their own.

use image::{ImageBuffer, Luma, RgbImage, RgbaImage};

/// Pixels as they are to be resized.
#[derive(Debug, Clone)]
pub(crate) enum PixelMode {
    Rgb(RgbImage),
    /// Modes `RGBA` and `LA`.
    Rgba(RgbaImage),
    /// Mode `I;16`.
    Gray16(ImageBuffer<Luma<u16>, Vec<u16>>),
    /// Modes `P` and `1`, as RGB; `zero` is the color that 0 stands for.
    Indexed {
        colors: RgbImage,
        zero: [u8; 3],
    },
}

/// `I16_RGB` of Pillow's `Convert.c`.
pub(crate) fn clip(level: u16) -> u8 {
    level.min(255) as u8
}

/// Mode `RGBa` to `RGBA` (`rgba2rgbA` of `Convert.c`), of which alpha is then dropped.
pub(crate) fn unfade(color: [u8; 3], alpha: u8) -> [u8; 3] {
    match u32::from(alpha) {
        0 | 255 => color,
        alpha => color.map(|level| (255 * u32::from(level) / alpha).min(255) as u8),
    }
}
