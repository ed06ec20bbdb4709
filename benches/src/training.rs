//! Steps of training with the baseline's model: the counterpart of `benches/peers/train_pytorch.py`, with the same
//! sizes and inputs.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::random::Random;
use burn::tensor::Tensor;
use clip_checkpoint::{
    Activation, AttentionMask, ModelConfig, Pooling, Probability, Projection, Stem, TextConfig,
    VisionConfig, VisionPooling,
};
use clip_model::{Clip, Device, float_tensor, int_tensor};
use clip_train::{
    AdamW, AdamWConfig, ImageInputs, Inputs, Learner, LossKind, Result, Stepper, TrainPrecision,
};

/// The end token of CLIP's vocabulary, its last; the start token comes before it.
const END: u32 = 49_407;

/// What a step is taken of.
#[derive(Debug, Clone)]
pub struct TrainingWork {
    /// The sizes of the model; the last two of its token ids start and end a text.
    pub model: ModelConfig,
    /// Pictures with a text each.
    pub batch: usize,
    /// Tokens of every text, padded by end tokens.
    pub length: usize,
    /// Rows that go through the towers together; 0 for all.
    pub chunk: usize,
    /// The numbers of the products.
    pub precision: TrainPrecision,
}

impl Default for TrainingWork {
    fn default() -> Self {
        let (chunk, precision) = (0, TrainPrecision::F32);
        Self { model: baseline(), batch: 256, length: 12, chunk, precision }
    }
}

/// A model under training, and batches for it.
pub struct Training {
    work: TrainingWork,
    device: Device,
    // Nothing while a step is taken.
    learner: Option<Learner>,
    stepper: Stepper,
    random: Random,
}

/// What a step took, and where it started.
#[derive(Debug, Clone, Copy)]
pub struct TrainingStep {
    /// Forward, backward, clipping and update; batches are drawn outside the clock.
    pub seconds: f64,
    /// Before the step.
    pub loss: f32,
}

impl std::fmt::Debug for Training {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Training").field("work", &self.work).finish_non_exhaustive()
    }
}

impl Training {
    /// Draws a model on a device that keeps gradients ([`Device::autodiff`]).
    pub fn new(work: TrainingWork, device: &Device) -> Self {
        let learner =
            Learner::new(Clip::init(&work.model, device), LossKind::InfoNce, true, device);
        let optimizer = AdamWConfig { weight_decay: 0.1, ..AdamWConfig::default() };
        let stepper = Stepper {
            optimizer: AdamW::new(optimizer, BTreeMap::new()),
            loss: LossKind::InfoNce,
            chunk: work.chunk,
        };
        Self {
            learner: Some(learner.with_precision(work.precision.into())),
            work,
            device: device.clone(),
            stepper,
            random: Random::new(1),
        }
    }

    /// Takes a step on a batch of its own.
    ///
    /// # Errors
    ///
    /// Where the loss or a gradient is not a number; there is no next step then.
    ///
    /// # Panics
    ///
    /// After an error.
    pub fn step(&mut self) -> Result<TrainingStep> {
        let TrainingWork { model, batch, length, .. } = &self.work;
        let (side, batch, length, device) =
            (model.vision.image_size, *batch, *length, &self.device);
        let end = model.text.vocab_size as u32 - 1;
        let start = end - 1;
        let pixels = self.random.values(batch * 3 * side * side);
        let mut ids = vec![end; batch * length];
        for row in ids.chunks_mut(length) {
            let words = 2 + self.random.bits() as usize % (length - 2);
            row[0] = start;
            row[1..words].fill_with(|| (self.random.bits() % u64::from(start)) as u32);
        }
        let learner = self.learner.take().expect("no step failed before");
        let began = Instant::now();
        let pixels = float_tensor(pixels, [batch, 3, side, side], device);
        let inputs = Inputs {
            images: ImageInputs::Patches {
                patches: learner.clip.image.visual.patches(pixels),
                kept: None,
            },
            texts: int_tensor(&ids, [batch, length], device),
            matches: Tensor::diag_mask([batch, batch], 0, device).bool_not(),
            translations: None,
        };
        let (next, report) = self.stepper.step(learner, inputs, 1e-3)?;
        self.learner = Some(next);
        Ok(TrainingStep { seconds: began.elapsed().as_secs_f64(), loss: report.loss })
    }
}

/// The sizes of the baseline: 16.3 M parameters.
fn baseline() -> ModelConfig {
    ModelConfig {
        embed_dim: 256,
        vision: VisionConfig {
            image_size: 64,
            patch_size: 16,
            width: 256,
            layers: 6,
            heads: 4,
            mlp_width: 1024,
            activation: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
            conv_stem: None,
            stem: Stem::Normalized,
            pooling: VisionPooling::ClassToken,
            projection: Projection::Linear,
        },
        text: TextConfig {
            context_length: 77,
            vocab_size: 49_408,
            width: 192,
            layers: 4,
            heads: 3,
            mlp_width: 768,
            activation: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
            pooling: Pooling::EndToken(END),
            mask: AttentionMask::Causal,
            projection: Projection::Linear,
        },
        probability: Probability::Softmax,
    }
}
