//! How pictures are prepared.

use serde::{Deserialize, Serialize};

/// From a decoded picture to the tower's input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreprocessConfig {
    /// Whose arithmetic is followed.
    pub mode: PreprocessMode,
    /// How a picture that is not square is brought to the size.
    pub resize: ResizeMode,
    /// The length in pixels that `resize` speaks of.
    pub resize_size: usize,
    /// Filter of the resize.
    pub interpolation: Interpolation,
    /// Side of the square cut from the center of the resized picture.
    pub crop_size: usize,
    /// Mean of each channel (R, G, B) of values in `0..=1`.
    pub mean: [f32; 3],
    /// Standard deviation of each channel.
    pub std: [f32; 3],
}

/// Whose preprocessing is followed: the references differ in the last bits (and in more).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PreprocessMode {
    /// `_transform` of OpenAI's `clip.py`, and `image_transform` of OpenCLIP: Pillow's resize and
    /// torchvision's crop, then RGB.
    Openai,
    /// `CLIPImageProcessorPil` of transformers: RGB first, then Pillow's resize and the crop.
    HfPil,
    /// `CLIPImageProcessor` of transformers 5, before that `CLIPImageProcessorFast`: RGB first, then
    /// PyTorch's resize of 8-bit tensors and the crop.
    HfTorchvision,
}

/// How a picture that is not square is brought to `resize_size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ResizeMode {
    /// The shorter side gets the size, the aspect ratio stays.
    Shortest,
    /// The longer side gets the size, the aspect ratio stays; black fills the square.
    Longest,
    /// Both sides get the size, whatever becomes of the aspect ratio.
    Squash,
}

/// Filter of the resize; all widen with the scale, as Pillow's do (antialiasing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interpolation {
    /// Triangle filter.
    Bilinear,
    /// Keys' cubic with a = −0.5.
    Bicubic,
}

impl PreprocessConfig {
    /// Mean of OpenAI's training pictures, which every CLIP since has taken over
    /// (`OPENAI_CLIP_MEAN` of transformers).
    pub const OPENAI_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];

    /// Standard deviation of the same pictures (`OPENAI_CLIP_STD`).
    pub const OPENAI_STD: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];
}
