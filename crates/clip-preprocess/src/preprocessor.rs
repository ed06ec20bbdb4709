//! Resize, crop and normalize, with the constants of one checkpoint.

use clip_checkpoint::{Interpolation, PreprocessConfig, PreprocessMode, ResizeMode};
use image::RgbImage;

use crate::resample::{self, Axis};
use crate::{Error, Result};

/// Turns pictures into the vision tower's input, as `CLIPImageProcessorPil` of transformers does.
#[derive(Debug, Clone)]
pub struct Preprocessor {
    resize_size: u32,
    crop_size: u32,
    filter: Interpolation,
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
        match (config.mode, config.resize) {
            (PreprocessMode::HfPil, ResizeMode::Shortest) => {}
            (mode, resize) => {
                return bad_config(format!("{mode:?} with {resize:?} is not followed here"));
            }
        }
        let levels = levels(config.mean, config.std);
        let finite = levels.as_flattened().iter().all(|level| level.is_finite());
        if !finite || config.std.iter().any(|std| *std <= 0.0) {
            let (mean, std) = (config.mean, config.std);
            return bad_config(format!("mean {mean:?} and deviation {std:?} give no pixels"));
        }
        Ok(Self {
            resize_size: size("resize", config.resize_size)?,
            crop_size: size("crop", config.crop_size)?,
            filter: config.interpolation,
            levels,
        })
    }

    /// Side of the square that comes out, in pixels.
    pub fn crop_size(&self) -> usize {
        self.crop_size as usize
    }

    /// The center of the resized picture, `crop_size` × `crop_size`, in 8 bits. Where the resized
    /// picture is smaller than that, black surrounds it. A picture without pixels gives black.
    pub fn resize_and_crop(&self, picture: &RgbImage) -> RgbImage {
        let (width, height) = picture.dimensions();
        let mut square = RgbImage::new(self.crop_size, self.crop_size);
        if width == 0 || height == 0 {
            return square;
        }
        let short = width.min(height);
        let (x, y) = (self.crop(width, short), self.crop(height, short));
        let window = resample::resize(picture, &x.axis, &y.axis, self.filter);

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

    /// One axis of `length`, in a picture whose shorter side is `short`: sides as
    /// `get_resize_output_image_size` of transformers has them (truncated), position and padding as
    /// its `center_crop` does.
    fn crop(&self, length: u32, short: u32) -> Crop {
        let resized = u64::from(self.resize_size) * u64::from(length) / u64::from(short);
        let size = u64::from(self.crop_size);
        let start = resized.saturating_sub(size) / 2;
        let padding = size.saturating_sub(resized).div_ceil(2) as usize;
        let window = start..(start + size).min(resized);
        Crop { axis: Axis { source: length, resized, window }, padding }
    }
}

/// The crop on one axis: its part of the resized picture, and the black pixels before that.
struct Crop {
    axis: Axis,
    padding: usize,
}

/// What `rescale` and `normalize` of transformers make of each level: the product with 1/255 in
/// double precision, the rest in single precision. There are only 256 of them.
fn levels(mean: [f32; 3], std: [f32; 3]) -> [[f32; 256]; 3] {
    std::array::from_fn(|channel| {
        std::array::from_fn(|level| {
            let scaled = (level as f64 * (1.0 / 255.0)) as f32;
            (scaled - mean[channel]) / std[channel]
        })
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
