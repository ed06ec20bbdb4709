//! A random part of a picture, brought to size.

use clip_preprocess::RgbImage;
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use rand::{Rng, RngExt};

/// Part of a picture, in pixels and fractions of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Part {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

/// Draws a part as `RandomResizedCrop` of torchvision does, but for whole pixels: ten attempts at
/// an area and a ratio (log-uniform), then the largest part in the middle whose ratio is allowed.
pub(super) fn draw<R: Rng + ?Sized>(
    (width, height): (u32, u32),
    scale: [f64; 2],
    ratio: [f64; 2],
    rng: &mut R,
) -> Part {
    let (whole_width, whole_height) = (f64::from(width), f64::from(height));
    for _ in 0..10 {
        let area = whole_width * whole_height * between(scale, rng);
        let ratio = between(ratio.map(f64::ln), rng).exp();
        // Rounding may take the whole for a little more than the whole.
        let fit = |side: f64, whole: f64| (side <= whole * (1.0 + 1e-9)).then(|| side.min(whole));
        let width = fit((area * ratio).sqrt(), whole_width);
        let height = fit((area / ratio).sqrt(), whole_height);
        let (x, y) = (rng.random::<f64>(), rng.random::<f64>());
        if let (Some(width), Some(height)) = (width, height) {
            let (left, top) = ((whole_width - width) * x, (whole_height - height) * y);
            return Part { left, top, width, height };
        }
    }
    let allowed = (whole_width / whole_height).clamp(ratio[0], ratio[1]);
    let width = whole_width.min(whole_height * allowed);
    let height = whole_height.min(whole_width / allowed);
    let (left, top) = ((whole_width - width) / 2.0, (whole_height - height) / 2.0);
    Part { left, top, width, height }
}

fn between<R: Rng + ?Sized>([least, most]: [f64; 2], rng: &mut R) -> f64 {
    least + (most - least) * rng.random::<f64>()
}

/// The part as a square of `size` pixels.
pub(super) fn resize(picture: &RgbImage, part: Part, size: u32) -> RgbImage {
    let Part { left, top, width, height } = part;
    // The sum may be rounded past the edge, which the resizer refuses.
    let inside = |start: f64, length: f64, whole: u32| {
        let length = length.max(f64::MIN_POSITIVE).min(f64::from(whole));
        (start.min(f64::from(whole) - length).max(0.0), length)
    };
    let (left, width) = inside(left, width, picture.width());
    let (top, height) = inside(top, height, picture.height());
    let filter = ResizeAlg::Convolution(FilterType::CatmullRom);
    let options = ResizeOptions::new().resize_alg(filter).crop(left, top, width, height);
    run(picture, size, size, &options)
}

/// The whole picture, smaller.
pub(super) fn shrink(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    let filter = ResizeAlg::Convolution(FilterType::CatmullRom);
    run(picture, width, height, &ResizeOptions::new().resize_alg(filter))
}

/// For one type of pixel: `Resizer::resize` compiles the kernels of all thirteen, and this crate takes three times as long.
fn run(picture: &RgbImage, width: u32, height: u32, options: &ResizeOptions) -> RgbImage {
    let source =
        TypedImageRef::<U8x3>::from_buffer(picture.width(), picture.height(), picture.as_raw())
            .expect("three samples for each pixel");
    let mut resized = RgbImage::new(width, height);
    let mut target = TypedImage::<U8x3>::from_buffer(width, height, &mut resized)
        .expect("three samples for each pixel");
    Resizer::new()
        .resize_typed(&source, &mut target, options)
        .expect("the part is inside the picture");
    resized
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, generator};

    #[test]
    fn parts_are_inside_and_as_large_as_allowed() {
        let mut rng = generator(Purpose::Row, &[1]);
        let (scale, ratio) = ([0.3, 0.9], [0.5, 2.0]);
        for size in [(96_u32, 96_u32), (200, 50), (1, 1), (3, 500)] {
            let (width, height) = (f64::from(size.0), f64::from(size.1));
            for _ in 0..500 {
                let part = draw(size, scale, ratio, &mut rng);
                assert!(part.left >= 0.0 && part.left + part.width <= width * (1.0 + 1e-9));
                assert!(part.top >= 0.0 && part.top + part.height <= height * (1.0 + 1e-9));
                let shape = part.width / part.height;
                assert!((0.5 - 1e-9..=2.0 + 1e-9).contains(&shape), "{part:?}");
                let area = part.width * part.height / (width * height);
                assert!(area <= 0.9 + 1e-9, "{part:?}");
                // Where no such part fits, the largest allowed one is taken.
                assert!(area >= 0.3 - 1e-9 || size == (3, 500), "{part:?}");
                assert_eq!(resize(&RgbImage::new(size.0, size.1), part, 5).dimensions(), (5, 5));
            }
        }
    }

    #[test]
    fn a_whole_square_stays() {
        let mut rng = generator(Purpose::Row, &[2]);
        let part = draw((64, 64), [1.0; 2], [1.0; 2], &mut rng);
        assert_eq!(part, Part { left: 0.0, top: 0.0, width: 64.0, height: 64.0 });
    }
}
