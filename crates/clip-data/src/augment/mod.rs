//! Random changes to training pictures, on 8-bit RGB.

mod background;
mod color;
mod crop;

use clip_preprocess::RgbImage;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::error::bad_config;
use crate::{Kind, Result};

/// How training pictures are changed at random. [`Self::none`] changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentConfig {
    /// Least and largest part of the area that is seen.
    pub crop_scale: [f64; 2],
    /// Least and largest width of that part, its height being 1; it is stretched to a square.
    pub crop_ratio: [f64; 2],
    /// How often left and right are swapped.
    pub flip: f64,
    /// How often color is taken away.
    pub gray: f64,
    /// How often the white behind a cut-out becomes a color or a gradient. Emoji and drawings are
    /// taken for cut-outs, other pictures if they are white all around.
    pub background: f64,
    /// How often the next four change a picture.
    pub jitter: f64,
    /// Brightness is multiplied by 1 less or more up to this.
    pub brightness: f64,
    /// Contrast, likewise.
    pub contrast: f64,
    /// Saturation, likewise.
    pub saturation: f64,
    /// Hue is turned by up to this part of a circle, either way.
    pub hue: f64,
}

impl Default for AugmentConfig {
    /// For small models trained from the start on a mixture of photographs and drawings.
    fn default() -> Self {
        Self {
            crop_scale: [0.5, 1.0],
            crop_ratio: [0.75, 4.0 / 3.0],
            flip: 0.5,
            gray: 0.1,
            background: 0.5,
            jitter: 0.5,
            brightness: 0.2,
            contrast: 0.2,
            saturation: 0.2,
            hue: 0.03,
        }
    }
}

impl AugmentConfig {
    /// Every picture as it is.
    pub fn none() -> Self {
        Self {
            crop_scale: [1.0; 2],
            crop_ratio: [1.0; 2],
            flip: 0.0,
            gray: 0.0,
            background: 0.0,
            jitter: 0.0,
            brightness: 0.0,
            contrast: 0.0,
            saturation: 0.0,
            hue: 0.0,
        }
    }

    /// Whether no picture is changed. Strengths without a probability count for nothing.
    pub fn is_none(&self) -> bool {
        let strengths = [self.brightness, self.contrast, self.saturation, self.hue];
        let jitter = self.jitter > 0.0 && strengths.iter().any(|strength| *strength > 0.0);
        let chances = [self.flip, self.gray, self.background];
        self.crop_scale == [1.0; 2] && !jitter && chances.iter().all(|chance| *chance == 0.0)
    }

    /// Checks that the settings can be followed.
    ///
    /// # Errors
    ///
    /// [`Error::BadConfig`](crate::Error::BadConfig) for the first that cannot.
    pub fn validate(&self) -> Result<()> {
        let [least, most] = self.crop_scale;
        if !(least > 0.0 && least <= most && most <= 1.0) {
            return bad_config("crop_scale", self.crop_scale, "two parts of 1, the lesser first");
        }
        let [least, most] = self.crop_ratio;
        if !(least > 0.0 && least <= most && most.is_finite()) {
            return bad_config("crop_ratio", self.crop_ratio, "two ratios, the lesser first");
        }
        let parts = [
            ("flip", self.flip),
            ("gray", self.gray),
            ("background", self.background),
            ("jitter", self.jitter),
            ("brightness", self.brightness),
            ("contrast", self.contrast),
            ("saturation", self.saturation),
        ];
        if let Some((field, value)) = parts.iter().find(|(_, part)| !(0.0..=1.0).contains(part)) {
            return bad_config(field, value, "it is between 0 and 1");
        }
        if !(0.0..=0.5).contains(&self.hue) {
            return bad_config("hue", self.hue, "it is between 0 and 0.5");
        }
        Ok(())
    }
}

/// Applies an [`AugmentConfig`], in this order: background, crop and resize (antialiased
/// Catmull-Rom), flip, jitter, gray.
#[derive(Debug, Clone)]
pub struct Augment {
    config: AugmentConfig,
    size: u32,
}

impl Augment {
    /// Changes pictures to squares of `size` pixels.
    ///
    /// # Errors
    ///
    /// Those of [`AugmentConfig::validate`], and
    /// [`Error::BadConfig`](crate::Error::BadConfig) for a size of 0 or beyond 8192.
    pub fn new(config: &AugmentConfig, size: usize) -> Result<Self> {
        config.validate()?;
        match u32::try_from(size) {
            Ok(pixels @ 1..=8192) => Ok(Self { config: config.clone(), size: pixels }),
            _ => bad_config("size", size, "it is between 1 and 8192"),
        }
    }

    /// Side of the squares in pixels.
    pub fn size(&self) -> usize {
        self.size as usize
    }

    /// A changed picture, `size` × `size`. The same generator state gives the same picture; a
    /// picture without pixels gives black.
    pub fn apply<R: Rng + ?Sized>(&self, picture: &RgbImage, kind: Kind, rng: &mut R) -> RgbImage {
        if picture.width() == 0 || picture.height() == 0 {
            return RgbImage::new(self.size, self.size);
        }
        let config = &self.config;
        let mut chance = |probability: f64| rng.random::<f64>() < probability;
        let [replace, flip, jitter, gray] =
            [config.background, config.flip, config.jitter, config.gray].map(&mut chance);

        let replaced = if replace { background::replace(picture, kind, rng) } else { None };
        let picture = replaced.as_ref().unwrap_or(picture);
        let part = crop::draw(picture.dimensions(), config.crop_scale, config.crop_ratio, rng);
        let mut square = crop::resize(picture, part, self.size);
        if flip {
            image::imageops::flip_horizontal_in_place(&mut square);
        }
        if jitter || gray {
            let strength = jitter.then_some(config);
            color::change(&mut square, strength, gray, rng);
        }
        square
    }

    /// Makes a large picture as small as no crop can tell: the smallest crop still has more pixels
    /// than come out. Anything smaller is left as it is.
    pub fn prepare(&self, picture: RgbImage) -> RgbImage {
        let (width, height) = picture.dimensions();
        let short = f64::from(width.min(height));
        let enough = f64::from(self.size) * 1.5 / self.config.crop_scale[0].sqrt();
        if short <= enough * 1.25 {
            return picture;
        }
        let scale = enough / short;
        let scaled = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
        crop::shrink(&picture, scaled(width), scaled(height))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, generator};
    use image::Rgb;

    fn picture(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            Rgb([(255 * x / width) as u8, (255 * y / height) as u8, 128])
        })
    }

    #[test]
    fn the_same_draws_give_the_same_square() {
        let augment = Augment::new(&AugmentConfig::default(), 24).unwrap();
        let make = |seed, width, height| {
            let mut rng = generator(Purpose::Row, &[seed]);
            augment.apply(&picture(width, height), Kind::Photo, &mut rng)
        };
        for (width, height) in [(96, 96), (1, 1), (300, 7), (7, 300), (24, 24)] {
            for seed in 0..20 {
                let square = make(seed, width, height);
                assert_eq!(square.dimensions(), (24, 24));
                assert_eq!(square, make(seed, width, height));
            }
        }
        assert_ne!(make(1, 96, 96), make(2, 96, 96));
        let none =
            augment.apply(&RgbImage::new(0, 3), Kind::Other, &mut generator(Purpose::Row, &[]));
        assert_eq!(none.dimensions(), (24, 24));
    }

    #[test]
    fn each_change_does_what_it_says() {
        let apply = |config: AugmentConfig, source: &RgbImage| {
            let augment = Augment::new(&config, source.width() as usize).unwrap();
            augment.apply(source, Kind::Photo, &mut generator(Purpose::Row, &[5]))
        };
        let source = picture(16, 16);
        assert_eq!(apply(AugmentConfig::none(), &source), source);
        let flipped = apply(AugmentConfig { flip: 1.0, ..AugmentConfig::none() }, &source);
        assert_eq!(flipped, image::imageops::flip_horizontal(&source));
        let gray = apply(AugmentConfig { gray: 1.0, ..AugmentConfig::none() }, &source);
        assert!(gray.pixels().all(|Rgb([r, g, b])| r == g && g == b));
        let jitter = AugmentConfig { jitter: 1.0, brightness: 0.4, ..AugmentConfig::none() };
        assert_ne!(apply(jitter, &source), source);
    }

    #[test]
    fn large_pictures_shrink_to_what_crops_need() {
        let config = AugmentConfig { crop_scale: [0.25, 1.0], ..AugmentConfig::default() };
        let augment = Augment::new(&config, 32).unwrap();
        // 32 · 1.5 / √0.25 = 96
        assert_eq!(augment.prepare(picture(96, 96)).dimensions(), (96, 96));
        assert_eq!(augment.prepare(picture(400, 200)).dimensions(), (192, 96));
    }

    #[test]
    fn bad_settings_are_named() {
        let bad = |config: AugmentConfig, field: &str| {
            let text = config.validate().unwrap_err().to_string();
            assert!(text.contains(field), "{text}");
        };
        let default = AugmentConfig::default;
        default().validate().unwrap();
        bad(AugmentConfig { crop_scale: [0.0, 1.0], ..default() }, "crop_scale");
        bad(AugmentConfig { crop_ratio: [2.0, 1.0], ..default() }, "crop_ratio");
        bad(AugmentConfig { flip: -0.1, ..default() }, "flip");
        bad(AugmentConfig { saturation: f64::NAN, ..default() }, "saturation");
        bad(AugmentConfig { hue: 0.6, ..default() }, "hue");
        assert!(Augment::new(&default(), 0).is_err());
        assert!(AugmentConfig::none().is_none() && !default().is_none());
        assert!(AugmentConfig { jitter: 1.0, ..AugmentConfig::none() }.is_none());
    }
}
