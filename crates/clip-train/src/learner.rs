//! The module under training.

use std::ops::Range;

use burn::module::{Module, Param};
use burn::tensor::{Bool, Int, Tensor, s};
use clip_model::{Clip, Device};
use clip_nn::Precision;
use clip_projection::similarity;

use crate::LossKind;
use crate::parameters;

/// Largest logarithm of the scale: logits of 100 (section 2.5 of the CLIP paper).
const MAX_LOG_SCALE: f32 = 4.605_170_2;

/// A CLIP under training.
#[derive(Module, Debug)]
pub struct Learner {
    /// The model.
    pub clip: Clip,
}

/// One batch on a device: `B` images and `T` texts, which need not be as many.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The images.
    pub images: ImageInputs,
    /// Token ids of the texts, `[T, L]`.
    pub texts: Tensor<2, Int>,
    /// Which texts are right for which images, `[B, T]`. A text without an image is wrong for all.
    pub matches: Tensor<2, Bool>,
    /// What the text tower learns beside the contrast.
    pub translations: Option<TranslationInputs>,
}

/// Texts, and a translation of each that shall have its vector.
#[derive(Debug, Clone)]
pub struct TranslationInputs {
    /// Token ids of the texts, `[P, L]`. Their vectors are targets: no gradient goes through them.
    pub texts: Tensor<2, Int>,
    /// Token ids of the translations, `[P, M]`.
    pub translations: Tensor<2, Int>,
    /// Weight of their loss, the mean of `1 − cos(translation, text)`.
    pub weight: f64,
}

/// Images of a batch.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "flex", expect(clippy::large_enum_variant, reason = "there is one a step"))]
pub enum ImageInputs {
    /// Pixels of some patches of each, which pass through the whole tower.
    Patches {
        /// `[B, K, 3·P·P]`
        patches: Tensor<3>,
        /// Which patches they are, `[B, K]`; nothing where all are there, in order.
        kept: Option<Tensor<2, Int>>,
    },
    /// What a frozen tower made of each, `[B, W]`: only the projection is left.
    Features(Tensor<2>),
}

impl ImageInputs {
    /// Number of images.
    pub fn rows(&self) -> usize {
        match self {
            Self::Patches { patches, .. } => patches.dims()[0],
            Self::Features(features) => features.dims()[0],
        }
    }

    /// Some of the images.
    #[must_use]
    pub fn slice(&self, rows: Range<usize>) -> Self {
        match self {
            Self::Patches { patches, kept } => Self::Patches {
                patches: patches.clone().slice(s![rows.clone(), .., ..]),
                kept: kept.clone().map(|kept| kept.slice(s![rows, ..])),
            },
            Self::Features(features) => Self::Features(features.clone().slice(s![rows, ..])),
        }
    }

    /// The same off the gradient tape.
    pub(crate) fn without_autodiff(self) -> Self {
        match self {
            Self::Patches { patches, kept } => Self::Patches {
                patches: patches.without_autodiff(),
                kept: kept.map(Tensor::without_autodiff),
            },
            Self::Features(features) => Self::Features(features.without_autodiff()),
        }
    }
}

impl Learner {
    /// Readies a model for a loss. A model that starts fresh gets the scale that the loss's paper
    /// starts from (`fresh`); a trained one keeps its own, and its bias where the loss has one.
    pub fn new(mut clip: Clip, loss: LossKind, fresh: bool, device: &Device) -> Self {
        let scalar = |value| Param::from_tensor(scalar(value, device).require_grad());
        let (scale, bias) = loss.start();
        if fresh {
            clip.logits.log_scale = scalar(scale);
        }
        let own = clip.logits.bias.take().filter(|_| !fresh);
        clip.logits.bias = bias.map(|bias| own.unwrap_or_else(|| scalar(bias)));
        Self { clip }
    }

    /// Computes the products of the towers at a precision from now on. Serving is not touched: a
    /// checkpoint knows no precision of products.
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.clip.image.visual.transformer.set_precision(precision);
        self.clip.text.text.transformer.set_precision(precision);
        self
    }

    /// The model as it serves: off the gradient tape, adapters folded into the weights they adapt,
    /// products in f32.
    #[must_use]
    pub fn serving(&self) -> Self {
        self.valid().materialize().with_precision(Precision::F32)
    }

    /// Unit vectors of images: `[B, E]`.
    pub fn embed_images(&self, images: ImageInputs) -> Tensor<2> {
        let image = &self.clip.image;
        image.project(match images {
            ImageInputs::Patches { patches, kept } => image.visual.forward_patches(patches, kept),
            ImageInputs::Features(features) => features,
        })
    }

    /// Unit vectors of texts, `[T, E]`, from their token ids, `[T, L]`.
    pub fn embed_texts(&self, texts: Tensor<2, Int>) -> Tensor<2> {
        self.clip.text.forward(texts)
    }

    /// The loss of a batch of unit vectors.
    ///
    /// # Shapes
    ///
    /// - `images`: `[B, E]`
    /// - `texts`: `[T, E]`
    /// - `matches`: `[B, T]`, images by texts
    /// - output: `[1]`
    pub fn loss(
        &self,
        kind: LossKind,
        images: Tensor<2>,
        texts: Tensor<2>,
        matches: Tensor<2, Bool>,
    ) -> Tensor<1> {
        kind.forward(self.clip.logits.forward(similarity(images, texts)), matches)
    }

    /// Keeps the scale between 1 and 100, as OpenCLIP's trainer does after each step.
    pub fn clamp_scale(self) -> Self {
        parameters::update(
            self,
            |name| name.ends_with("logits.log_scale"),
            |_, value| value.clamp(0.0, MAX_LOG_SCALE),
        )
    }

    /// The scale of the logits. Reads one number back from the device.
    pub fn scale(&self) -> f32 {
        self.clip.logits.log_scale.val().exp().into_scalar()
    }
}

fn scalar(value: f64, device: &Device) -> Tensor<1> {
    Tensor::from_floats([value as f32], device)
}
