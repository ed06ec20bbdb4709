//! Shapes that a naive resize cannot hold in memory, and configurations that make no sense.

use clip_checkpoint::{Interpolation, PreprocessConfig, PreprocessMode, ResizeMode};
use clip_preprocess::{Error, Preprocessor, RgbImage};
use image::Rgb;

fn config(resize_size: usize, crop_size: usize) -> PreprocessConfig {
    PreprocessConfig {
        mode: PreprocessMode::HfPil,
        resize: ResizeMode::Shortest,
        resize_size,
        interpolation: Interpolation::Bicubic,
        crop_size,
        mean: [0.5, 0.25, 0.0],
        std: [0.5, 0.25, 1.0],
    }
}

fn square(picture: &RgbImage, resize_size: usize, crop_size: usize) -> RgbImage {
    Preprocessor::new(&config(resize_size, crop_size)).unwrap().resize_and_crop(picture)
}

/// A picture of one color stays of one color.
#[track_caller]
fn check(width: u32, height: u32) {
    let color = Rgb([10, 200, 77]);
    let crop = square(&RgbImage::from_pixel(width, height, color), 224, 224);
    assert_eq!(crop.dimensions(), (224, 224));
    assert!(crop.pixels().all(|pixel| *pixel == color));
}

#[test]
fn extreme_shapes() {
    check(1, 1);
    check(1, 65_500);
    check(65_500, 1);
    check(5_000, 1);
    check(1, 5_000);
    check(2, 9_000);
    check(223, 20_000);
    check(20_000, 225);
    check(1, 50_000_000);
}

#[test]
fn extreme_shapes_in_every_mode() {
    let color = Rgb([10, 200, 77]);
    for (width, height) in [(1, 1), (1, 65_500), (65_500, 1), (1, 300_000), (2, 9_000)] {
        let picture = RgbImage::from_pixel(width, height, color);
        for mode in [PreprocessMode::Openai, PreprocessMode::HfPil, PreprocessMode::HfTorchvision] {
            for resize in [ResizeMode::Shortest, ResizeMode::Longest, ResizeMode::Squash] {
                let config = PreprocessConfig { mode, resize, ..config(224, 224) };
                let crop = Preprocessor::new(&config).unwrap().resize_and_crop(&picture);
                let in_color = crop.pixels().filter(|pixel| **pixel == color).count();
                // The longer side is whole, a pixel of the shorter one is left.
                let whole = resize != ResizeMode::Longest || width == height;
                let expected = if whole { 224 * 224 } else { 224 };
                assert_eq!(in_color, expected, "{width}×{height}, {mode:?}, {resize:?}");
            }
        }
    }
}

#[test]
fn the_center_of_an_extreme_shape() {
    // The middle two of 65,500 pixels differ, and each becomes 224 rows.
    let tall = RgbImage::from_fn(1, 65_500, |_, y| Rgb([if y < 32_750 { 0 } else { 255 }; 3]));
    let crop = square(&tall, 224, 224);
    assert_eq!(crop.get_pixel(100, 0), &Rgb([0; 3]));
    assert_eq!(crop.get_pixel(100, 223), &Rgb([255; 3]));
    assert!((0..224).all(|x| crop.get_pixel(x, 111)[0] < 128 && crop.get_pixel(x, 112)[0] > 127));
}

#[test]
fn padding_is_black_and_goes_before_first() {
    let white = RgbImage::from_pixel(4, 4, Rgb([255; 3]));
    let crop = square(&white, 4, 7);
    let is_white = |i: u32| (2..6).contains(&i);
    for (x, y, pixel) in crop.enumerate_pixels() {
        let expected = if is_white(x) && is_white(y) { 255 } else { 0 };
        assert_eq!(pixel[0], expected, "{x}, {y}");
    }
}

#[test]
fn a_picture_without_pixels_is_black() {
    for (width, height) in [(0, 0), (0, 5), (5, 0)] {
        assert_eq!(square(&RgbImage::new(width, height), 8, 8), RgbImage::new(8, 8));
    }
}

#[test]
fn normalized_values_lie_by_channel() {
    let preprocessor = Preprocessor::new(&config(2, 2)).unwrap();
    assert_eq!(preprocessor.crop_size(), 2);
    let picture =
        RgbImage::from_raw(2, 2, vec![255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0]).unwrap();
    let expected = [1.0, -1.0, 1.0, -1.0, -1.0, 3.0, -1.0, 3.0, 1.0, 0.0, 1.0, 0.0];
    assert_eq!(preprocessor.normalize(&picture), expected);
    assert_eq!(preprocessor.pixels(&picture), expected);
    let mut batch = Vec::new();
    preprocessor.pixels_into(&picture, &mut batch);
    preprocessor.pixels_into(&picture, &mut batch);
    assert_eq!(batch, [expected, expected].concat());
}

#[test]
fn configurations_that_give_no_pixels() {
    let check = |config: PreprocessConfig, part: &str| {
        let error = Preprocessor::new(&config).unwrap_err();
        assert!(matches!(error, Error::BadConfig { .. }), "{error:?}");
        assert!(error.to_string().contains(part), "{error}");
    };
    check(config(0, 224), "the resize size 0 is not between 1 and 8192");
    check(config(224, 0), "the crop size 0");
    check(config(224, 1 << 40), "the crop size 1099511627776");
    check(PreprocessConfig { std: [1.0, 0.0, 1.0], ..config(8, 8) }, "deviation [1.0, 0.0, 1.0]");
    check(PreprocessConfig { std: [1.0, -1.0, 1.0], ..config(8, 8) }, "give no pixels");
    check(PreprocessConfig { mean: [f32::NAN, 0.0, 0.0], ..config(8, 8) }, "mean [NaN");
}
