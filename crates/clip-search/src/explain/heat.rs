//! Relevance as color over a picture.

use clip::{Explanation, RgbImage};
use image::imageops::{FilterType, resize};
use image::{ImageBuffer, Luma, Rgb};

/// The palette "inferno" of Matplotlib (van der Walt and Smith, CC0) at even steps: as dark or light
/// as the value it stands for, and legible without telling red from green.
const PALETTE: [[u8; 3]; 17] = [
    [0, 0, 4],
    [11, 7, 36],
    [33, 12, 74],
    [61, 9, 101],
    [87, 16, 110],
    [113, 25, 110],
    [138, 34, 106],
    [163, 44, 97],
    [188, 55, 84],
    [210, 70, 68],
    [228, 90, 49],
    [241, 115, 29],
    [249, 142, 9],
    [252, 172, 17],
    [249, 203, 53],
    [242, 234, 105],
    [252, 255, 164],
];

/// How much of the color is heat; the rest is the picture in gray.
const OPACITY: f32 = 0.6;

/// The picture in gray under its heat: from the least relevant patch, dark, to the most relevant one,
/// light. Between the centers of patches the heat is smooth.
pub(super) fn overlay(picture: &RgbImage, explanation: &Explanation) -> RgbImage {
    let (width, height) = picture.dimensions();
    let cover = |side: u32| ((side as f32 * explanation.covered).round() as u32).clamp(1, side);
    let (columns, rows) = (cover(width), cover(height));
    let grid = explanation.grid as u32;
    let patches = ImageBuffer::<Luma<f32>, _>::from_raw(grid, grid, scaled(&explanation.relevance))
        .unwrap_or_else(|| ImageBuffer::new(grid, grid));
    let heat = resize(&patches, columns, rows, FilterType::CatmullRom);
    RgbImage::from_fn(width, height, |x, y| {
        let Rgb([red, green, blue]) = picture[(x, y)];
        // Rec. 601, as Pillow converts to gray.
        let gray = 0.299 * f32::from(red) + 0.587 * f32::from(green) + 0.114 * f32::from(blue);
        let seen = x < columns && y < rows;
        let value = if seen { heat[(x, y)].0[0] } else { 0.0 };
        let mix = |color: u8| OPACITY * f32::from(color) + (1.0 - OPACITY) * gray;
        Rgb(color(value).map(|channel| mix(channel) as u8))
    })
}

/// From 0 for the smallest value to 1 for the largest; 0 throughout where all are the same.
fn scaled(values: &[f32]) -> Vec<f32> {
    let least = values.iter().copied().fold(f32::INFINITY, f32::min);
    let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let range = most - least;
    let scale = |value: &f32| if range > 0.0 { (value - least) / range } else { 0.0 };
    values.iter().map(scale).collect()
}

/// The color of a value in `0..=1`.
pub(super) fn color(value: f32) -> [u8; 3] {
    let last = PALETTE.len() - 1;
    let at = value.clamp(0.0, 1.0) * last as f32;
    let low = (at as usize).min(last - 1);
    let part = at - low as f32;
    let mix = |i: usize| {
        let [low, high] = [PALETTE[low][i], PALETTE[low + 1][i]].map(f32::from);
        (low + part * (high - low)).round() as u8
    };
    [0, 1, 2].map(mix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(relevance: &[f32], expected: &[f32]) {
        assert_eq!(scaled(relevance), expected);
    }

    #[test]
    fn the_scale_goes_from_least_to_most() {
        check(&[1.0, 3.0, 2.0], &[0.0, 1.0, 0.5]);
        check(&[0.2, 0.2], &[0.0, 0.0]);
        check(&[], &[]);
    }

    #[test]
    fn colors_are_those_of_the_palette() {
        assert_eq!([color(0.0), color(0.5), color(1.0)], [PALETTE[0], PALETTE[8], PALETTE[16]]);
        assert_eq!([color(-1.0), color(7.0)], [PALETTE[0], PALETTE[16]]);
    }

    /// The hot patch of two by two is in its place, and what no patch covers stays dark.
    #[test]
    fn heat_lies_over_its_patch() {
        let gray = RgbImage::from_pixel(100, 100, Rgb([128; 3]));
        let relevance = vec![0.0, 1.0, 0.0, 0.0];
        let heat = overlay(&gray, &Explanation { cosine: 0.3, relevance, grid: 2, covered: 0.9 });
        let bright = |x, y| heat[(x, y)].0.iter().map(|channel| u32::from(*channel)).sum::<u32>();
        let (hot, cold) = (bright(68, 22), bright(22, 68));
        assert!(hot > 2 * cold, "{hot} {cold}");
        assert!(bright(95, 22) <= cold && bright(22, 95) <= cold);
    }
}
