//! Resize, crop and normalize, with the constants of one checkpoint.

use clip_checkpoint::PreprocessConfig;
use image::{Rgb, RgbImage};

use crate::resample::{Axis, Filter, resize};
use crate::side::Side;
use crate::steps::Steps;
use crate::{Detail, Error, Picture, Result};

/// How many pixels of a side are enough to make two of them. Of 166 pictures the lowest cosine was
/// 0.9973 with 3, 0.9991 with 4 and 0.9997 with 5, between vectors of the built-in model.
const ENOUGH: u32 = 5;

/// Turns pictures into the vision tower's input, as the reference of the checkpoint's mode does.
#[derive(Debug, Clone)]
pub struct Preprocessor {
    steps: Steps,
    resize_size: u32,
    crop_size: u32,
    filter: Filter,
    /// The normalized value of each level of each channel.
    levels: [[f32; 256]; 3],
}

impl Preprocessor {
    /// The largest resize and crop size that is taken for meant.
    pub const MAX_SIZE: u32 = 8192;

    /// Prepares the steps that `config` describes.
    ///
    /// # Errors
    ///
    /// [`Error::BadConfig`] for sizes of 0 or beyond [`Self::MAX_SIZE`], a mean or deviation that
    /// gives no finite pixels, and modes that this version does not follow.
    pub fn new(config: &PreprocessConfig) -> Result<Self> {
        let steps = Steps::new(config)?;
        let levels = levels(steps.value, config.mean, config.std);
        let finite = levels.as_flattened().iter().all(|level| level.is_finite());
        if !finite || config.std.iter().any(|std| *std <= 0.0) {
            let (mean, std) = (config.mean, config.std);
            return bad_config(format!("mean {mean:?} and deviation {std:?} give no pixels"));
        }
        Ok(Self {
            steps,
            resize_size: size("resize", config.resize_size)?,
            crop_size: size("crop", config.crop_size)?,
            filter: Filter::Weighted(config.interpolation),
            levels,
        })
    }

    /// How much of a picture shows in what comes out: see [`ReadOptions::detail`]. The shorter
    /// side stays two and a half times as long as it is resized to, or longer.
    ///
    /// [`ReadOptions::detail`]: crate::ReadOptions::detail
    pub fn enough(&self) -> Detail {
        Detail::AtLeast((ENOUGH * self.resize_size).div_ceil(2))
    }

    /// Side of the square that comes out, in pixels.
    pub fn crop_size(&self) -> usize {
        self.crop_size as usize
    }

    /// The center of the resized picture, `crop_size` × `crop_size`, in 8 bits. Where the resized
    /// picture is smaller than that, black surrounds it. A picture without pixels gives black.
    pub fn resize_and_crop(&self, picture: &RgbImage) -> RgbImage {
        let (width, height) = picture.dimensions();
        self.square([Side::whole(width), Side::whole(height)], [0; 3], |x, y| {
            resize::<u8, 3>(picture, x, y, self.filter, self.steps.arithmetic)
        })
    }

    /// The same for a picture of its file's own kind. Where that has a palette, its first color
    /// takes the place of black, as in Pillow.
    pub fn resize_and_crop_picture(&self, picture: &Picture) -> RgbImage {
        self.square(picture.sides(), picture.background(), |x, y| {
            picture.resize(x, y, self.filter, self.steps.arithmetic)
        })
    }

    fn square(
        &self,
        [width, height]: [Side; 2],
        background: [u8; 3],
        resize: impl FnOnce(&Axis, &Axis) -> Vec<u8>,
    ) -> RgbImage {
        let mut square = RgbImage::from_pixel(self.crop_size, self.crop_size, Rgb(background));
        if width.pixels == 0 || height.pixels == 0 {
            return square;
        }
        let wholes = [width.whole, height.whole];
        let [resized_width, resized_height] = (self.steps.sides)(self.resize_size, wholes);
        let (x, y) = (self.crop(width, resized_width), self.crop(height, resized_height));
        let window = resize(&x.axis, &y.axis);

        let stride = 3 * self.crop_size();
        let columns = 3 * x.padding..3 * (x.padding + x.axis.wanted());
        let rows = square.chunks_exact_mut(stride).skip(y.padding);
        for (to, from) in rows.zip(window.chunks_exact(columns.len())) {
            to[columns.clone()].copy_from_slice(from);
        }
        square
    }

    /// Each channel scaled to `0..=1`, less its mean, divided by its deviation.
    ///
    /// # Shapes
    ///
    /// - `picture`: `H` × `W`
    /// - output: `[3, H, W]`
    pub fn normalize(&self, picture: &RgbImage) -> Vec<f32> {
        let mut pixels = Vec::with_capacity(picture.len());
        self.normalize_into(picture, &mut pixels);
        pixels
    }

    /// All steps: [`Self::resize_and_crop`], then [`Self::normalize`].
    ///
    /// # Shapes
    ///
    /// - output: `[3, crop_size, crop_size]`
    pub fn pixels(&self, picture: &RgbImage) -> Vec<f32> {
        self.normalize(&self.resize_and_crop(picture))
    }

    /// All steps for a picture of its file's own kind.
    ///
    /// # Shapes
    ///
    /// - output: `[3, crop_size, crop_size]`
    pub fn picture_pixels(&self, picture: &Picture) -> Vec<f32> {
        self.normalize(&self.resize_and_crop_picture(picture))
    }

    /// Appends [`Self::pixels`] to a batch.
    ///
    /// # Shapes
    ///
    /// - `batch`: `[B, 3, crop_size, crop_size]` becomes `[B + 1, 3, crop_size, crop_size]`
    pub fn pixels_into(&self, picture: &RgbImage, batch: &mut Vec<f32>) {
        self.normalize_into(&self.resize_and_crop(picture), batch);
    }

    fn normalize_into(&self, picture: &RgbImage, out: &mut Vec<f32>) {
        let (pixels, _) = picture.as_chunks::<3>();
        for (channel, levels) in self.levels.iter().enumerate() {
            out.extend(pixels.iter().map(|pixel| levels[usize::from(pixel[channel])]));
        }
    }

    /// The part of a side, resized from `source`, that the crop takes.
    fn crop(&self, source: Side, resized: u64) -> Crop {
        let size = u64::from(self.crop_size);
        let start = (self.steps.offset)(resized.saturating_sub(size));
        let padding = (self.steps.padding)(size.saturating_sub(resized)) as usize;
        let window = start..(start + size).min(resized);
        Crop { axis: Axis { source, resized, window }, padding }
    }
}

/// The crop on one axis: its part of the resized picture, and the black pixels before that.
struct Crop {
    axis: Axis,
    padding: usize,
}

/// The value of each level of each channel. There are only 256 of them.
fn levels(value: fn(u8, f32, f32) -> f32, mean: [f32; 3], std: [f32; 3]) -> [[f32; 256]; 3] {
    std::array::from_fn(|channel| {
        std::array::from_fn(|level| value(level as u8, mean[channel], std[channel]))
    })
}

fn size(what: &str, size: usize) -> Result<u32> {
    match u32::try_from(size) {
        Ok(size @ 1..=Preprocessor::MAX_SIZE) => Ok(size),
        _ => {
            let max = Preprocessor::MAX_SIZE;
            bad_config(format!("the {what} size {size} is not between 1 and {max}"))
        }
    }
}

fn bad_config<T>(reason: String) -> Result<T> {
    Err(Error::BadConfig { reason })
}
