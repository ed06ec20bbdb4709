//! The module under training.

use burn::module::{Module, Param};
use burn::tensor::{Bool, Int, Tensor};
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

/// One batch on a device.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// Pixels of some patches of each picture, `[B, K, 3·P·P]`.
    pub patches: Tensor<3>,
    /// Which patches they are, `[B, K]`; nothing where all are there, in order.
    pub kept: Option<Tensor<2, Int>>,
    /// Token ids, `[B, L]`.
    pub ids: Tensor<2, Int>,
    /// Which texts are right for which pictures, `[B, B]`; each picture has one at least.
    pub matches: Tensor<2, Bool>,
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

    /// Unit vectors of pictures.
    ///
    /// # Shapes
    ///
    /// - `patches`, `kept`: as in [`Inputs`]
    /// - output: `[B, E]`
    pub fn embed_images(&self, patches: Tensor<3>, kept: Option<Tensor<2, Int>>) -> Tensor<2> {
        let image = &self.clip.image;
        image.project(image.visual.forward_patches(patches, kept))
    }

    /// Unit vectors of texts.
    ///
    /// # Shapes
    ///
    /// - `ids`: `[B, L]`
    /// - output: `[B, E]`
    pub fn embed_texts(&self, ids: Tensor<2, Int>) -> Tensor<2> {
        self.clip.text.forward(ids)
    }

    /// The loss of a batch of unit vectors.
    ///
    /// # Shapes
    ///
    /// - `images`, `texts`: `[B, E]`
    /// - `matches`: `[B, B]`, pictures by texts
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
