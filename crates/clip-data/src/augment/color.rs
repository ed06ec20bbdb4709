//! Color changes as one linear map over the pixels.

use clip_preprocess::RgbImage;
use rand::{Rng, RngExt};

use super::AugmentConfig;

/// Weights of ITU-R BT.601, which Pillow's gray has too.
pub(super) const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

type Matrix = [[f32; 3]; 3];

/// Changes brightness, saturation, hue and contrast by up to the strengths, then takes color away.
/// Values are cut to 0–255 once, after all changes.
pub(super) fn change<R: Rng + ?Sized>(
    picture: &mut RgbImage,
    strengths: Option<&AugmentConfig>,
    gray: bool,
    rng: &mut R,
) {
    let mut map = scaled(1.0);
    let mut contrast = 1.0;
    if let Some(config) = strengths {
        let mut around = |strength: f64| (strength * (2.0 * rng.random::<f64>() - 1.0)) as f32;
        map = scaled(1.0 + around(config.brightness));
        contrast = 1.0 + around(config.contrast);
        map = product(&saturation(1.0 + around(config.saturation)), &map);
        map = product(&hue(around(config.hue)), &map);
    }
    // Contrast keeps the mean brightness, which a linear map takes where it takes the mean color.
    let offset = (1.0 - contrast) * luma(times(&map, mean(picture)));
    map = product(&scaled(contrast), &map);
    if gray {
        map = product(&saturation(0.0), &map);
    }
    for pixel in picture.pixels_mut() {
        pixel.0 = times(&map, pixel.0.map(f32::from)).map(|level| (level + offset).round() as u8);
    }
}

fn mean(picture: &RgbImage) -> [f32; 3] {
    let mut sums = [0_u64; 3];
    for pixel in picture.pixels() {
        for (sum, level) in sums.iter_mut().zip(pixel.0) {
            *sum += u64::from(level);
        }
    }
    sums.map(|sum| sum as f32 / (picture.width() * picture.height()) as f32)
}

fn luma(color: [f32; 3]) -> f32 {
    color.iter().zip(LUMA).map(|(level, weight)| level * weight).sum()
}

fn scaled(factor: f32) -> Matrix {
    std::array::from_fn(|row| std::array::from_fn(|col| if row == col { factor } else { 0.0 }))
}

/// Between gray (0) and the color itself (1), or beyond.
fn saturation(amount: f32) -> Matrix {
    std::array::from_fn(|row| {
        std::array::from_fn(|col| {
            (1.0 - amount) * LUMA[col] + if row == col { amount } else { 0.0 }
        })
    })
}

/// A turn around the gray axis; grays stay.
fn hue(circle: f32) -> Matrix {
    let (sin, cos) = (circle * std::f32::consts::TAU).sin_cos();
    let third = (1.0 - cos) / 3.0;
    let side = sin / 3.0_f32.sqrt();
    [
        [third + cos, third - side, third + side],
        [third + side, third + cos, third - side],
        [third - side, third + side, third + cos],
    ]
}

fn product(left: &Matrix, right: &Matrix) -> Matrix {
    std::array::from_fn(|row| {
        std::array::from_fn(|col| (0..3).map(|at| left[row][at] * right[at][col]).sum())
    })
}

fn times(map: &Matrix, color: [f32; 3]) -> [f32; 3] {
    map.map(|row| row.iter().zip(color).map(|(weight, level)| weight * level).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_do_what_they_say() {
        let near = |a: [f32; 3], b: [f32; 3]| {
            let close = a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3);
            assert!(close, "{a:?} {b:?}");
        };
        let color = [200.0, 100.0, 50.0];
        near(times(&saturation(1.0), color), color);
        near(times(&saturation(0.0), color), [luma(color); 3]);
        near(times(&hue(0.0), color), color);
        // A third of the circle swaps the channels around.
        near(times(&hue(1.0 / 3.0), color), [50.0, 200.0, 100.0]);
        near(times(&hue(0.1), [70.0; 3]), [70.0; 3]);
        near(times(&product(&scaled(0.5), &hue(1.0 / 3.0)), color), [25.0, 100.0, 50.0]);
    }
}
