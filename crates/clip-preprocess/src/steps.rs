//! What tells the references apart, once a picture is decoded.

use clip_checkpoint::{PreprocessConfig, PreprocessMode, ResizeMode};

use crate::resample::Arithmetic;
use crate::{Error, Result};

/// The steps of one mode. Sides come as `[width, height]`.
#[derive(Debug, Clone)]
pub(crate) struct Steps {
    /// The sides of the resized picture, by the size and the sides of the source.
    pub(crate) sides: fn(u32, [u32; 2]) -> [u64; 2],
    /// How the resize calculates.
    pub(crate) arithmetic: Arithmetic,
    /// Where the crop begins in a side that is too long, by the number of pixels too many.
    pub(crate) offset: fn(u64) -> u64,
    /// How many pixels go before a side that is too short, by the number of pixels missing.
    pub(crate) padding: fn(u64) -> u64,
    /// The value of a level, by mean and deviation.
    pub(crate) value: fn(u8, f32, f32) -> f32,
}

impl Steps {
    /// # Errors
    ///
    /// [`Error::BadConfig`] for modes that this version does not follow.
    pub(crate) fn new(config: &PreprocessConfig) -> Result<Self> {
        let sides = match config.resize {
            ResizeMode::Shortest => shortest,
            ResizeMode::Longest => longest,
            ResizeMode::Squash => |size, _| [u64::from(size); 2],
            other => return not_followed(&other),
        };
        let steps = match config.mode {
            // `CenterCrop` of torchvision, `center_crop_or_pad` of OpenCLIP.
            PreprocessMode::Openai => Self {
                sides,
                arithmetic: Arithmetic::Pillow,
                offset: half_to_even,
                padding: |missing| missing / 2,
                value: divided,
            },
            // `image_transforms.center_crop` of transformers.
            PreprocessMode::HfPil => Self {
                sides,
                arithmetic: Arithmetic::Pillow,
                offset: |surplus| surplus / 2,
                padding: |missing| missing.div_ceil(2),
                value: multiplied,
            },
            // `TorchvisionBackend.center_crop` of transformers, which is not torchvision's.
            PreprocessMode::HfTorchvision => Self {
                sides,
                arithmetic: Arithmetic::Torch,
                offset: |surplus| surplus / 2,
                padding: |missing| missing / 2,
                value: fused,
            },
            other => return not_followed(&other),
        };
        Ok(steps)
    }
}

fn not_followed<T>(mode: &dyn std::fmt::Debug) -> Result<T> {
    Err(Error::BadConfig { reason: format!("{mode:?} is not followed here") })
}

/// `_compute_resized_output_size` of torchvision, `get_resize_output_image_size` of transformers:
/// truncated.
fn shortest(size: u32, sides: [u32; 2]) -> [u64; 2] {
    let [width, height] = sides;
    sides.map(|side| u64::from(size) * u64::from(side) / u64::from(width.min(height)))
}

/// `ResizeKeepRatio` of OpenCLIP: rounded half to even. It fails where the shorter side vanishes;
/// here a pixel of it stays.
fn longest(size: u32, sides: [u32; 2]) -> [u64; 2] {
    let [width, height] = sides;
    let ratio = f64::from(width.max(height)) / f64::from(size);
    sides.map(|side| ((f64::from(side) / ratio).round_ties_even() as u64).max(1))
}

/// Python's `round(surplus / 2)`.
fn half_to_even(surplus: u64) -> u64 {
    surplus / 2 + u64::from(surplus % 4 == 3)
}

/// `ToTensor` and `Normalize` of torchvision.
fn divided(level: u8, mean: f32, std: f32) -> f32 {
    (f32::from(level) / 255.0 - mean) / std
}

/// `rescale` and `normalize` of transformers: the product with 1/255 in double precision, the rest
/// in single precision.
fn multiplied(level: u8, mean: f32, std: f32) -> f32 {
    let scaled = (f64::from(level) * (1.0 / 255.0)) as f32;
    (scaled - mean) / std
}

/// `_fuse_mean_std_and_rescale_factor` of transformers.
fn fused(level: u8, mean: f32, std: f32) -> f32 {
    (f32::from(level) - mean * 255.0) / (std * 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_the_even_number() {
        let offsets: Vec<u64> = (0..9).map(half_to_even).collect();
        assert_eq!(offsets, [0, 0, 1, 2, 2, 2, 3, 4, 4]);
    }

    #[test]
    fn sides_by_the_shorter_and_by_the_longer() {
        assert_eq!(shortest(224, [300, 451]), [224, 336]);
        assert_eq!(shortest(30, [81, 40]), [60, 30]);
        assert_eq!(longest(64, [37, 301]), [8, 64]);
        assert_eq!(longest(10, [20, 5]), [10, 2]);
        assert_eq!(longest(64, [400, 1]), [64, 1]);
    }
}
