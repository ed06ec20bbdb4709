//! Another background for cut-outs on white.
//!
//! The background is what near-white pixels connect to the border. A pixel beside it is partly
//! object, partly background (antialiasing); its share of white is replaced by as much of the new
//! color, or a light rim would stay around every object.

use clip_preprocess::RgbImage;
use image::Rgb;
use rand::{Rng, RngExt};

use super::color::LUMA;
use crate::Kind;

/// The darkest channel of a pixel that is background: lossy compression makes white uneven, and
/// objects have light grays that must not be taken for it.
const WHITE: u8 = 246;

/// How far from the background a pixel may be mixed with it: antialiasing is a pixel wide, and
/// compression and scaling smear it.
const RIM: usize = 3;

/// What a rim pixel is compared with is at least this far from white beside the background, a part
/// of it further in: compression leaves light specks there, which are no objects of their own.
const OBJECT: f32 = 100.0;

/// The part of the border that is white in a picture that does not say it is a cut-out.
const WHITE_BORDER: f32 = 0.95;

/// A color that differs from the object's by less than this (of 441) would hide it.
const VISIBLE: f32 = 90.0;

/// The picture on another background, or nothing if it has no white one.
pub(super) fn replace<R: Rng + ?Sized>(
    picture: &RgbImage,
    kind: Kind,
    rng: &mut R,
) -> Option<RgbImage> {
    let cut_out = matches!(kind, Kind::Emoji | Kind::Drawing);
    let border = border(picture.dimensions());
    let white = |&(x, y): &(u32, u32)| is_white(picture.get_pixel(x, y));
    let seeds: Vec<(u32, u32)> = border.iter().copied().filter(white).collect();
    let share = seeds.len() as f32 / border.len().max(1) as f32;
    if seeds.is_empty() || (!cut_out && share < WHITE_BORDER) {
        return None;
    }
    let opacity = opacity(picture, &seeds);
    let paint = Paint::draw(object_color(picture, &opacity), rng);
    let (width, height) = picture.dimensions();
    let mut result = picture.clone();
    for (at, pixel) in result.pixels_mut().enumerate() {
        let through = 1.0 - opacity[at];
        if through > 0.0 {
            let (x, y) = (at as u32 % width, at as u32 / width);
            let color = paint.at(x as f32 / width as f32, y as f32 / height as f32);
            for (level, new) in pixel.0.iter_mut().zip(color) {
                *level = (f32::from(*level) + through * (new - 255.0)).round() as u8;
            }
        }
    }
    Some(result)
}

fn is_white(pixel: &Rgb<u8>) -> bool {
    pixel.0.iter().all(|level| *level >= WHITE)
}

fn border((width, height): (u32, u32)) -> Vec<(u32, u32)> {
    let rows = (0..width).flat_map(|x| [(x, 0), (x, height - 1)]);
    let columns = (1..height.saturating_sub(1)).flat_map(|y| [(0, y), (width - 1, y)]);
    rows.chain(columns).collect()
}

/// How much of each pixel is object: 0 in the background, 1 inside, between in the rim.
fn opacity(picture: &RgbImage, seeds: &[(u32, u32)]) -> Vec<f32> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let pixels = picture.as_raw().as_chunks::<3>().0;
    let mut distance = vec![usize::MAX; pixels.len()];
    let mut front: Vec<usize> =
        seeds.iter().map(|(x, y)| *y as usize * width + *x as usize).collect();
    let neighbors = |at: usize| {
        let (x, y) = (at % width, at / width);
        let left = (x > 0).then(|| at - 1);
        let right = (x + 1 < width).then(|| at + 1);
        let up = (y > 0).then(|| at - width);
        let down = (y + 1 < height).then(|| at + width);
        [left, right, up, down].into_iter().flatten()
    };
    front.iter().for_each(|at| distance[*at] = 0);
    let mut background = front.clone();
    while let Some(at) = front.pop() {
        for next in neighbors(at) {
            if distance[next] != 0 && is_white(&Rgb(pixels[next])) {
                distance[next] = 0;
                front.push(next);
                background.push(next);
            }
        }
    }
    let mut opacity = vec![1.0; pixels.len()];
    background.iter().for_each(|at| opacity[*at] = 0.0);
    let mut edge = background;
    for step in 1..=RIM {
        let mut outer = Vec::new();
        for at in edge {
            for next in neighbors(at) {
                if distance[next] == usize::MAX {
                    distance[next] = step;
                    outer.push(next);
                }
            }
        }
        edge = outer;
        for at in &edge {
            opacity[*at] = share_of_object(pixels, &distance, *at, width, height);
        }
    }
    opacity
}

/// How much of a rim pixel is object, the object's color being that of the darkest pixel nearby
/// that is not background.
fn share_of_object(
    pixels: &[[u8; 3]],
    distance: &[usize],
    at: usize,
    width: usize,
    height: usize,
) -> f32 {
    let away = |pixel: [u8; 3]| pixel.map(|level| 255.0 - f32::from(level));
    let square = |color: [f32; 3]| color.iter().map(|level| level * level).sum::<f32>();
    let (x, y) = (at % width, at / width);
    let mut object = [0.0; 3];
    for y in y.saturating_sub(RIM)..(y + RIM + 1).min(height) {
        for x in x.saturating_sub(RIM)..(x + RIM + 1).min(width) {
            let near = y * width + x;
            let color = away(pixels[near]);
            if distance[near] != 0 && square(color) > square(object) {
                object = color;
            }
        }
    }
    let own = away(pixels[at]);
    let dot: f32 = own.iter().zip(object).map(|(own, object)| own * object).sum();
    let length = square(object).sqrt().max(1.0);
    let least = OBJECT / distance[at].pow(2) as f32;
    (dot / (length * length.max(least))).clamp(0.0, 1.0)
}

/// The mean color of the object.
fn object_color(picture: &RgbImage, opacity: &[f32]) -> [f32; 3] {
    let mut sums = [0.0; 3];
    let mut weight = 0.0;
    for (pixel, share) in picture.pixels().zip(opacity) {
        if *share == 1.0 {
            weight += 1.0;
            sums.iter_mut().zip(pixel.0).for_each(|(sum, level)| *sum += f32::from(level));
        }
    }
    sums.map(|sum| if weight == 0.0 { 255.0 } else { sum / weight })
}

/// One color, or a gradient between two.
struct Paint {
    from: [f32; 3],
    to: [f32; 3],
    direction: [f32; 2],
}

impl Paint {
    /// Half the time one color; colors too near the object's are drawn again a few times.
    fn draw<R: Rng + ?Sized>(object: [f32; 3], rng: &mut R) -> Self {
        let mut color = || {
            let mut best = [0.0; 3];
            let mut difference = -1.0;
            for _ in 0..4 {
                let color = std::array::from_fn(|_| f32::from(rng.random::<u8>()));
                let apart = apart(color, object);
                if apart > difference {
                    (best, difference) = (color, apart);
                }
                if difference >= VISIBLE {
                    break;
                }
            }
            best
        };
        let (from, other) = (color(), color());
        let angle = rng.random::<f32>() * std::f32::consts::TAU;
        let to = if rng.random::<bool>() { other } else { from };
        Self { from, to, direction: [angle.cos(), angle.sin()] }
    }

    /// The color at a place, both coordinates in `0.0..1.0`.
    fn at(&self, x: f32, y: f32) -> [f32; 3] {
        let [dx, dy] = self.direction;
        // The diagonal is the longest way: √2 / 2 to either side of the center.
        let along = ((x - 0.5) * dx + (y - 0.5) * dy) / std::f32::consts::SQRT_2 + 0.5;
        std::array::from_fn(|c| self.from[c] + (self.to[c] - self.from[c]) * along.clamp(0.0, 1.0))
    }
}

/// Distance of two colors, weighted as the eye sees brightness.
fn apart(a: [f32; 3], b: [f32; 3]) -> f32 {
    let square = |channel: usize| 3.0 * LUMA[channel] * (a[channel] - b[channel]).powi(2);
    (0..3).map(square).sum::<f32>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, generator};

    const RED: [f32; 3] = [200.0, 30.0, 60.0];

    /// How much of a pixel is inside a ring around the center of 40×40, from 64 points.
    fn coverage(x: u32, y: u32) -> f32 {
        let inside = |point: u32| {
            let (dx, dy) = ((point % 8) as f32 / 8.0 + 1.0 / 16.0, (point / 8) as f32 / 8.0);
            let (x, y) = (x as f32 + dx - 20.0, y as f32 + dy - 20.0);
            (8.0..15.0).contains(&x.hypot(y))
        };
        (0..64).filter(|point| inside(*point)).count() as f32 / 64.0
    }

    /// A red ring on white, its edges antialiased, with the unevenness of lossy compression.
    fn ring(noise: u8) -> RgbImage {
        RgbImage::from_fn(40, 40, |x, y| {
            let share = coverage(x, y);
            let uneven = ((x * 7 + y * 13) % 5) as u8 * noise / 4;
            Rgb(RED.map(|level| (level * share + 255.0 * (1.0 - share)) as u8 - uneven))
        })
    }

    #[test]
    fn the_rim_is_mixed_as_the_edge_was() {
        for noise in [0, 6] {
            let picture = ring(noise);
            let seeds = border((40, 40));
            let opacity = opacity(&picture, &seeds);
            for (x, y, _) in picture.enumerate_pixels() {
                let inner = (x as f32 - 19.5).hypot(y as f32 - 19.5) < 10.0;
                // The hole is not connected with the background, so it is object.
                let expected = if inner { 1.0 } else { coverage(x, y) };
                let found = opacity[(y * 40 + x) as usize];
                assert!((found - expected).abs() < 0.08, "{found} for {expected} at {x}, {y}");
            }
        }
    }

    #[test]
    fn the_object_stays_and_the_white_goes() {
        let picture = ring(6);
        let mut rng = generator(Purpose::Row, &[4]);
        let new = replace(&picture, Kind::Emoji, &mut rng).unwrap();
        assert_eq!(new.get_pixel(20, 20), picture.get_pixel(20, 20), "the hole");
        assert_eq!(new.get_pixel(20, 9), picture.get_pixel(20, 9), "the ring");
        let white = |picture: &RgbImage| picture.pixels().filter(|pixel| is_white(pixel)).count();
        assert!(white(&new) * 3 < white(&picture), "only the hole is white");
        let again = replace(&picture, Kind::Emoji, &mut generator(Purpose::Row, &[4])).unwrap();
        assert_eq!(new, again);
        let other = replace(&picture, Kind::Emoji, &mut rng).unwrap();
        assert_ne!(new, other);
    }

    #[test]
    fn only_cut_outs_get_another_background() {
        let mut rng = generator(Purpose::Row, &[4]);
        let mut replaced = |picture: &RgbImage, kind| replace(picture, kind, &mut rng).is_some();
        let cut_out = ring(0);
        assert!(replaced(&cut_out, Kind::Photo), "white all around");
        let mut corner = cut_out.clone();
        for at in 0..20 {
            corner.put_pixel(at, 0, Rgb([0; 3]));
        }
        assert!(!replaced(&corner, Kind::Photo) && !replaced(&corner, Kind::Other));
        assert!(replaced(&corner, Kind::Emoji) && replaced(&corner, Kind::Drawing));
        let dark = RgbImage::from_pixel(9, 9, Rgb([90; 3]));
        assert!(!replaced(&dark, Kind::Emoji));
        for size in [(1, 1), (1, 5), (5, 2)] {
            assert!(replaced(&RgbImage::from_pixel(size.0, size.1, Rgb([255; 3])), Kind::Emoji));
        }
    }

    #[test]
    fn paint_differs_from_the_object() {
        let mut rng = generator(Purpose::Row, &[6]);
        let hidden = (0..500).filter(|_| {
            let paint = Paint::draw(RED, &mut rng);
            apart(paint.from, RED) < VISIBLE || apart(paint.to, RED) < VISIBLE
        });
        assert!(hidden.count() < 25);
    }
}
