//! What a CLIP is made of, and how its inputs are prepared.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The architecture of one CLIP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// Width of the space that pictures and texts share.
    pub embed_dim: usize,
    /// The picture tower.
    pub vision: VisionConfig,
    /// The text tower.
    pub text: TextConfig,
}

/// The ViT tower: pixels `[B, 3, image_size, image_size]` to features `[B, width]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VisionConfig {
    /// Side of the square input in pixels.
    pub image_size: usize,
    /// Side of one square patch in pixels; a remainder at the right and bottom edge is ignored.
    pub patch_size: usize,
    /// Width of a token.
    pub width: usize,
    /// Number of residual attention blocks.
    pub layers: usize,
    /// Attention heads; they divide the width evenly.
    pub heads: usize,
    /// Width of the hidden layer of the MLP.
    pub mlp_width: usize,
    /// Nonlinearity of the MLP.
    pub activation: Activation,
    /// Epsilon of every layer norm.
    pub layer_norm_eps: f64,
}

/// The causal text tower: token ids `[B, L]` to features `[B, width]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextConfig {
    /// The longest text in tokens, start and end token counted.
    pub context_length: usize,
    /// Number of token ids.
    pub vocab_size: usize,
    /// Width of a token.
    pub width: usize,
    /// Number of residual attention blocks.
    pub layers: usize,
    /// Attention heads; they divide the width evenly.
    pub heads: usize,
    /// Width of the hidden layer of the MLP.
    pub mlp_width: usize,
    /// Nonlinearity of the MLP.
    pub activation: Activation,
    /// Epsilon of every layer norm.
    pub layer_norm_eps: f64,
    /// Which token stands for the whole text.
    pub pooling: Pooling,
}

/// Nonlinearity of the MLPs. Decided by a checkpoint's configuration, never by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// `x · sigmoid(1.702 x)`, as OpenAI trained with.
    QuickGelu,
    /// The exact GELU with the error function.
    Gelu,
}

/// Which token's features stand for the whole text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The first token with the highest id (OpenAI: the end token has the highest id of all).
    Argmax,
    /// The first token with this id.
    EndToken(u32),
}

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

/// From a text to token ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenizerConfig {
    /// Whose text cleaning is followed.
    pub mode: TokenizerMode,
    /// Id of the start token. The ids before it are those of the bytes and of the first merges of
    /// CLIP's vocabulary, so it also says how many merges are in use.
    pub start_token: u32,
    /// Id of the end token.
    pub end_token: u32,
    /// Id that fills up the shorter texts of a batch.
    pub pad_token: u32,
}

/// Whose text cleaning is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TokenizerMode {
    /// ftfy repair, HTML unescaped twice, white space collapsed, lower case.
    Openai,
    /// As `Openai`; a text spells the special tokens `<start_of_text>` and `<end_of_text>`.
    OpenClip,
    /// NFC, white space collapsed, lower case.
    Hf,
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QuickGelu => "QuickGELU",
            Self::Gelu => "GELU",
        })
    }
}

impl fmt::Display for Pooling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argmax => f.write_str("the highest id"),
            Self::EndToken(id) => write!(f, "token {id}"),
        }
    }
}

impl PreprocessConfig {
    /// Mean of OpenAI's training pictures, which every CLIP since has taken over
    /// (`OPENAI_CLIP_MEAN` of transformers).
    pub const OPENAI_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];

    /// Standard deviation of the same pictures (`OPENAI_CLIP_STD`).
    pub const OPENAI_STD: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];
}

impl VisionConfig {
    /// Number of patches along one side.
    pub fn grid(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Number of tokens that enter the transformer: the patches and the class token.
    pub fn tokens(&self) -> usize {
        self.grid() * self.grid() + 1
    }
}

impl ModelConfig {
    /// Checks that the sizes describe a model that can be built.
    ///
    /// # Errors
    ///
    /// [`Error::BadConfig`] with one sentence on the first field that cannot be.
    pub fn validate(&self) -> Result<()> {
        let fail = |reason: String| Err(Error::BadConfig { reason });
        let towers = [
            (
                "vision",
                self.vision.width,
                self.vision.heads,
                self.vision.layers,
                self.vision.mlp_width,
            ),
            ("text", self.text.width, self.text.heads, self.text.layers, self.text.mlp_width),
        ];
        for (tower, width, heads, layers, mlp_width) in towers {
            if width == 0 || heads == 0 || layers == 0 || mlp_width == 0 {
                return fail(format!(
                    "the {tower} tower has a width, a head count, a layer count or an MLP width of 0"
                ));
            }
            if !width.is_multiple_of(heads) {
                return fail(format!(
                    "{heads} heads do not divide the {tower} tower's width of {width}"
                ));
            }
        }
        if self.embed_dim == 0 {
            return fail("the embedding width is 0".to_owned());
        }
        if self.vision.patch_size == 0 || self.vision.patch_size > self.vision.image_size {
            return fail(format!(
                "a patch of {} pixels does not fit a picture of {}",
                self.vision.patch_size, self.vision.image_size
            ));
        }
        if self.text.context_length < 2 {
            return fail(
                "a context of fewer than 2 tokens has no room for the start and end token"
                    .to_owned(),
            );
        }
        match self.text.pooling {
            Pooling::EndToken(id) if id as usize >= self.text.vocab_size => fail(format!(
                "the end token {id} is outside the vocabulary of {} ids",
                self.text.vocab_size
            )),
            _ => Ok(()),
        }
    }
}
