//! A decoded picture: RGB, or still of the file's own kind.

use std::path::Path;

use image::RgbImage;

use crate::pixel_mode::{PixelMode, clip, unfade};
use crate::read::Upright;
use crate::resample::{Arithmetic, Axis, Filter, resize};
use crate::rgb::product;
use crate::side::Side;
use crate::{ReadOptions, Result, read, rgb};

/// A decoded picture. With [`Conversion::AfterResize`](crate::Conversion::AfterResize) it may not
/// be RGB yet: Pillow resizes palettes, transparency and 16-bit gray each in its own way.
#[derive(Debug, Clone)]
pub struct Picture {
    mode: PixelMode,
    /// Width and height.
    sides: [Side; 2],
}

impl Picture {
    /// Reads a picture file, as [`read()`](crate::read()) does.
    ///
    /// # Errors
    ///
    /// Those of [`read()`](crate::read()).
    pub fn read(path: &Path, options: &ReadOptions) -> Result<Self> {
        Self::read_when(path, options, |_| ())
    }

    /// Reads a picture file, and decodes it when `wait` returns: it hears how many bytes the
    /// decoded picture takes, and may wait for others to be dropped.
    ///
    /// # Errors
    ///
    /// Those of [`read()`](crate::read()).
    pub fn read_when(path: &Path, options: &ReadOptions, wait: impl FnOnce(u64)) -> Result<Self> {
        let (bytes, origin) = read::load(path)?;
        Self::decode_when(&bytes, &origin, options, wait)
    }

    /// Decodes the bytes of a picture file, as [`decode`](crate::decode) does.
    ///
    /// # Errors
    ///
    /// Those of [`decode`](crate::decode).
    pub fn decode(bytes: &[u8], origin: &str, options: &ReadOptions) -> Result<Self> {
        Self::decode_when(bytes, origin, options, |_| ())
    }

    /// Decodes the bytes of a picture file when `wait` returns, as [`Self::read_when`].
    ///
    /// # Errors
    ///
    /// Those of [`decode`](crate::decode).
    pub fn decode_when(
        bytes: &[u8],
        origin: &str,
        options: &ReadOptions,
        wait: impl FnOnce(u64),
    ) -> Result<Self> {
        Ok(Self::keep(read::upright(bytes, origin, options, wait)?, options))
    }

    fn keep(Upright { picture, sides, stored }: Upright, options: &ReadOptions) -> Self {
        Self { mode: rgb::keep(picture, stored, options), sides }
    }

    pub(crate) fn sides(&self) -> [Side; 2] {
        self.sides
    }

    /// What is put around the picture: samples of 0.
    pub(crate) fn background(&self) -> [u8; 3] {
        match self.mode {
            PixelMode::Indexed { zero, .. } => zero,
            _ => [0; 3],
        }
    }

    /// The window as RGB, resized before it becomes that.
    pub(crate) fn resize(
        &self,
        x: &Axis,
        y: &Axis,
        filter: Filter,
        arithmetic: Arithmetic,
    ) -> Vec<u8> {
        match &self.mode {
            PixelMode::Rgb(picture) => resize::<u8, 3>(picture, x, y, filter, arithmetic),
            PixelMode::Indexed { colors, .. } => {
                resize::<u8, 3>(colors, x, y, Filter::Nearest, arithmetic)
            }
            PixelMode::Gray16(picture) => {
                let gray = resize::<u16, 1>(picture, x, y, filter, arithmetic);
                gray.into_iter().flat_map(|level| [clip(level); 3]).collect()
            }
            // `Image.resize` of Pillow returns a copy then.
            PixelMode::Rgba(picture) if x.keeps() && y.keeps() => {
                colors(&resize::<u8, 4>(picture, x, y, Filter::Nearest, arithmetic), |color, _| {
                    color
                })
            }
            PixelMode::Rgba(picture) => {
                let faded: Vec<u8> = picture.pixels().flat_map(|pixel| fade(pixel.0)).collect();
                colors(&resize::<u8, 4>(&faded, x, y, filter, arithmetic), unfade)
            }
        }
    }
}

impl From<RgbImage> for Picture {
    fn from(picture: RgbImage) -> Self {
        let sides = [Side::whole(picture.width()), Side::whole(picture.height())];
        Self { mode: PixelMode::Rgb(picture), sides }
    }
}

fn colors(samples: &[u8], color: impl Fn([u8; 3], u8) -> [u8; 3]) -> Vec<u8> {
    let (pixels, _) = samples.as_chunks();
    pixels.iter().flat_map(|&[r, g, b, a]| color([r, g, b], a)).collect()
}

/// Mode `RGBA` to `RGBa` (`rgbA2rgba` of `Convert.c`): colors multiplied with alpha.
fn fade([r, g, b, alpha]: [u8; 4]) -> [u8; 4] {
    let [r, g, b] = [r, g, b].map(|level| product(level, alpha));
    [r, g, b, alpha]
}
