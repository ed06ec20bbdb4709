//! From whatever a decoder gives to 8-bit RGB, at once or after the resize.

use image::{DynamicImage, RgbImage, RgbaImage};

use crate::pixel_mode::{PixelMode, clip};
use crate::{Conversion, Gray16, ReadOptions, Transparency};

/// What the decoder does not say about a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored {
    /// For files of numbers or bits: the color that 0 stands for.
    pub(crate) zero: Option<[u8; 3]>,
    /// Whether alpha is a channel of its own.
    pub(crate) alpha: bool,
}

/// The picture as it is to be resized.
pub(crate) fn keep(picture: DynamicImage, stored: Stored, options: &ReadOptions) -> PixelMode {
    if options.conversion == Conversion::BeforeResize {
        return PixelMode::Rgb(convert(picture, options));
    }
    if let Some(zero) = stored.zero {
        return PixelMode::Indexed { colors: convert(picture, options), zero };
    }
    let weighed = stored.alpha && options.transparency == Transparency::Drop;
    let (width, height) = (picture.width(), picture.height());
    let samples = match picture {
        DynamicImage::ImageLuma16(gray) if options.gray16 == Gray16::Clip => {
            return PixelMode::Gray16(gray);
        }
        picture if !(weighed && picture.color().has_alpha()) => {
            return PixelMode::Rgb(convert(picture, options));
        }
        DynamicImage::ImageLumaA16(gray) => {
            map(&gray, |[l, a]| [upper(l), upper(l), upper(l), upper(a)])
        }
        DynamicImage::ImageRgba16(rgba) => map(&rgba, |color: [u16; 4]| color.map(upper)),
        other => other.into_rgba8().into_raw(),
    };
    PixelMode::Rgba(
        RgbaImage::from_raw(width, height, samples).expect("four samples for each pixel"),
    )
}

/// 8-bit RGB with Pillow's rules: gray thrice, the upper 8 of 16 bits; the rest by `options`.
pub(crate) fn convert(picture: DynamicImage, options: &ReadOptions) -> RgbImage {
    let (width, height) = (picture.width(), picture.height());
    let flatten = match options.transparency {
        Transparency::OnWhite => on_white,
        Transparency::Drop => |color, _| color,
    };
    let gray16 = match options.gray16 {
        Gray16::Scale => upper,
        Gray16::Clip => clip,
    };
    let samples = match picture {
        DynamicImage::ImageRgb8(rgb) => return rgb,
        DynamicImage::ImageLuma8(gray) => map(&gray, |[l]| [l; 3]),
        DynamicImage::ImageLumaA8(gray) => map(&gray, |[l, a]| flatten([l; 3], a)),
        DynamicImage::ImageRgba8(rgba) => map(&rgba, |[r, g, b, a]| flatten([r, g, b], a)),
        DynamicImage::ImageLuma16(gray) => map(&gray, |[l]| [gray16(l); 3]),
        DynamicImage::ImageLumaA16(gray) => map(&gray, |[l, a]| flatten([upper(l); 3], upper(a))),
        DynamicImage::ImageRgb16(rgb) => map(&rgb, |color: [u16; 3]| color.map(upper)),
        DynamicImage::ImageRgba16(rgba) => {
            map(&rgba, |[r, g, b, a]| flatten([r, g, b].map(upper), upper(a)))
        }
        // Floating point (TIFF), which Pillow does not read as color.
        other => return convert(DynamicImage::ImageRgba8(other.into_rgba8()), options),
    };
    RgbImage::from_raw(width, height, samples).expect("three samples for each pixel")
}

fn map<T: Copy, const N: usize, const M: usize>(
    samples: &[T],
    color: impl Fn([T; N]) -> [u8; M],
) -> Vec<u8> {
    samples.as_chunks().0.iter().flat_map(|pixel| color(*pixel)).collect()
}

fn upper(level: u16) -> u8 {
    (level >> 8) as u8
}

/// `MULDIV255` of Pillow's `ImagingUtils.h`: of two parts of 255, the part of the part.
pub(crate) fn product(a: u8, b: u8) -> u8 {
    let product = u32::from(a) * u32::from(b) + 128;
    ((product + (product >> 8)) >> 8) as u8
}

fn on_white(color: [u8; 3], alpha: u8) -> [u8; 3] {
    let alpha = u32::from(alpha);
    color.map(|level| ((u32::from(level) * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::on_white;

    #[test]
    fn transparency_lets_white_through() {
        assert_eq!(on_white([0, 100, 255], 255), [0, 100, 255]);
        assert_eq!(on_white([0, 100, 255], 0), [255, 255, 255]);
        // 255 - 128 = 127 exactly; 155.196 and 227.7 to the nearest
        assert_eq!(on_white([0, 56, 201], 128), [127, 155, 228]);
    }
}
