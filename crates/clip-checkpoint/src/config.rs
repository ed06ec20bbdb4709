//! What a CLIP is made of.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ConvStem, Error, Result};

/// The architecture of one CLIP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// Width of the space that pictures and texts share.
    pub embed_dim: usize,
    /// The picture tower.
    pub vision: VisionConfig,
    /// The text tower.
    pub text: TextConfig,
    /// What its logits say.
    #[serde(default, skip_serializing_if = "is_default")]
    pub probability: Probability,
}

/// The ViT tower: pixels `[B, 3, image_size, image_size]` to features `[B, width]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VisionConfig {
    /// Side of the square input in pixels.
    pub image_size: usize,
    /// Side of one square patch in pixels; a remainder at the right and bottom edge is ignored. Above
    /// convolutions it is a multiple of their stride.
    pub patch_size: usize,
    /// Width of a token.
    pub width: usize,
    /// Number of residual attention blocks; 0 where tokens are pooled as they are.
    pub layers: usize,
    /// Attention heads; they divide the width evenly.
    pub heads: usize,
    /// Width of the hidden layer of the MLP.
    pub mlp_width: usize,
    /// Nonlinearity of the MLP.
    pub activation: Activation,
    /// Epsilon of every layer norm.
    pub layer_norm_eps: f64,
    /// Convolutions that make a feature map of the pixels, where patches are cut from one (the hybrid
    /// of Dosovitskiy et al. 2020, arXiv:2010.11929, section 3.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conv_stem: Option<ConvStem>,
    /// How patches become tokens.
    #[serde(default, skip_serializing_if = "is_default")]
    pub stem: Stem,
    /// What stands for the whole picture.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pooling: VisionPooling,
    /// From the tower to the shared space.
    #[serde(default, skip_serializing_if = "is_default")]
    pub projection: Projection,
}

/// The text tower: token ids `[B, L]` to features `[B, width]`.
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
    /// Which tokens a token may look at.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mask: AttentionMask,
    /// Which token stands for the whole text.
    pub pooling: Pooling,
    /// From the tower to the shared space.
    #[serde(default, skip_serializing_if = "is_default")]
    pub projection: Projection,
}

/// How patches become the tokens that enter the blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stem {
    /// Projected without bias; a layer norm before the blocks (CLIP).
    #[default]
    Normalized,
    /// Projected with bias, as in the first ViT (Dosovitskiy et al. 2020); SigLIP.
    Biased,
    /// As they are: each position of a feature map is a token, as wide as the map has channels.
    Identity,
}

/// What stands for the whole picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VisionPooling {
    /// A token of its own, put before the patches (CLIP).
    #[default]
    ClassToken,
    /// What a learned query gathers from the patches (SigLIP; Zhai et al. 2021, arXiv:2106.04560).
    Attention,
    /// The mean of all tokens (`gap` of big_vision; Beyer et al. 2022, arXiv:2205.01580).
    Mean,
}

/// Which tokens of a text a token may look at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttentionMask {
    /// Itself and those before it (CLIP).
    #[default]
    Causal,
    /// All, the padding too (SigLIP).
    Full,
}

/// The head of a tower.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Projection {
    /// A matrix.
    #[default]
    Linear,
    /// A matrix and a bias.
    Affine,
    /// None: the tower is as wide as the shared space.
    None,
    /// A layer norm, then a matrix and an MLP side by side, whose outputs are added:
    /// `W·x + B·act(A·x + a)` of the normalized `x`. Activation and epsilon are the tower's.
    ResidualMlp {
        /// Width of the hidden layer.
        hidden: usize,
    },
}

/// What logits, the scaled cosine similarities, say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probability {
    /// Which of several texts fits a picture: their probabilities, by softmax, add up to 1.
    #[default]
    Softmax,
    /// Whether a text fits a picture, by the logistic function after a learned bias is added
    /// (SigLIP; Zhai et al. 2023, arXiv:2303.15343).
    Sigmoid,
}

/// For fields that came after the first cards: a card without them is still the same.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Nonlinearity of the MLPs. Decided by a checkpoint's configuration, never by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// `x · sigmoid(1.702 x)`, as OpenAI trained with.
    QuickGelu,
    /// The exact GELU with the error function.
    Gelu,
    /// GELU with `tanh` in the place of the error function.
    GeluTanh,
}

/// Which token's features stand for the whole text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The first token with the highest id (OpenAI: the end token has the highest id of all).
    Argmax,
    /// The first token with this id.
    EndToken(u32),
    /// The last of the context, whatever it is (SigLIP).
    Last,
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QuickGelu => "QuickGELU",
            Self::Gelu => "GELU",
            Self::GeluTanh => "GELU (tanh)",
        })
    }
}

impl fmt::Display for Pooling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argmax => f.write_str("the highest id"),
            Self::EndToken(id) => write!(f, "token {id}"),
            Self::Last => f.write_str("the last token"),
        }
    }
}

impl VisionConfig {
    /// Number of patches along one side.
    pub fn grid(&self) -> usize {
        match &self.conv_stem {
            Some(stem) => stem.map_size(self.image_size) * stem.stride() / self.patch_size,
            None => self.image_size / self.patch_size,
        }
    }

    /// Channels of what patches are cut from, and the side of a patch there: red, green and blue
    /// pixels, or positions of the feature map of [`Self::conv_stem`].
    pub fn patch_shape(&self) -> (usize, usize) {
        match &self.conv_stem {
            Some(stem) => (stem.output_channels(), self.patch_size / stem.stride()),
            None => (3, self.patch_size),
        }
    }

    /// Whether tokens have positions: without blocks a mean does not see them.
    pub fn has_positions(&self) -> bool {
        self.layers > 0 || self.pooling != VisionPooling::Mean
    }

    /// Number of tokens that enter the transformer: the patches, and the class token where there is
    /// one.
    pub fn tokens(&self) -> usize {
        self.grid() * self.grid() + usize::from(self.pooling == VisionPooling::ClassToken)
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
        let (vision, text) = (&self.vision, &self.text);
        let towers = [
            (
                "vision",
                [vision.width, vision.heads, vision.layers, vision.mlp_width],
                vision.projection,
            ),
            ("text", [text.width, text.heads, text.layers, text.mlp_width], text.projection),
        ];
        for (tower, [width, heads, layers, mlp_width], projection) in towers {
            // Nothing but the class token, which is the same for all images, would be pooled.
            let may_be_flat = tower == "vision" && vision.pooling != VisionPooling::ClassToken;
            if width == 0 || heads == 0 || mlp_width == 0 || (layers == 0 && !may_be_flat) {
                return fail(format!(
                    "the {tower} tower has a width, a head count, a layer count or an MLP width of 0"
                ));
            }
            if !width.is_multiple_of(heads) {
                return fail(format!(
                    "{heads} heads do not divide the {tower} tower's width of {width}"
                ));
            }
            if projection == (Projection::ResidualMlp { hidden: 0 }) {
                return fail(format!("the MLP of the {tower} tower's projection has a width of 0"));
            }
            if projection == Projection::None && width != self.embed_dim {
                return fail(format!(
                    "the {tower} tower has no projection, but a width of {width} where the embedding has {}",
                    self.embed_dim
                ));
            }
        }
        if self.embed_dim == 0 {
            return fail("the embedding width is 0".to_owned());
        }
        if let Some(stem) = &vision.conv_stem {
            stem.validate()?;
            let (patch, stride) = (vision.patch_size, stem.stride());
            if !patch.is_multiple_of(stride) {
                return fail(format!(
                    "a patch of {patch} pixels is no whole number of positions of a feature map, which are {stride} pixels apart"
                ));
            }
        }
        if vision.patch_size == 0 || vision.image_size == 0 || vision.grid() == 0 {
            return fail(format!(
                "a patch of {} pixels does not fit a picture of {}",
                self.vision.patch_size, self.vision.image_size
            ));
        }
        let (channels, side) = vision.patch_shape();
        if vision.stem == Stem::Identity && (vision.conv_stem.is_none() || side != 1) {
            return fail(
                "tokens that are patches as they are need a convolutional stem, and patches as large as its stride"
                    .to_owned(),
            );
        }
        if vision.stem == Stem::Identity && channels != vision.width {
            return fail(format!(
                "tokens that are positions of a feature map have its {channels} channels, but the vision tower has a width of {}",
                vision.width
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
