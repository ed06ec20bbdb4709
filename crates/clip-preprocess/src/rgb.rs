//! From whatever a decoder gives to 8-bit RGB.

use image::{DynamicImage, RgbImage};

use crate::{Gray16, ReadOptions, Transparency};

/// 8-bit RGB with Pillow's rules: gray thrice, the upper 8 of 16 bits; the rest by `options`.
pub(crate) fn convert(picture: DynamicImage, options: &ReadOptions) -> RgbImage {
    let (width, height) = (picture.width(), picture.height());
    let flatten = match options.transparency {
        Transparency::OnWhite => on_white,
        Transparency::Drop => |color, _| color,
    };
    let gray16 = match options.gray16 {
        Gray16::Scale => upper,
        Gray16::Clip => |level: u16| level.min(255) as u8,
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

fn map<T: Copy, const N: usize>(samples: &[T], rgb: impl Fn([T; N]) -> [u8; 3]) -> Vec<u8> {
    samples.as_chunks().0.iter().flat_map(|pixel| rgb(*pixel)).collect()
}

fn upper(level: u16) -> u8 {
    (level >> 8) as u8
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
