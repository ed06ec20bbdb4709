//! How fast we train the baseline's model: the counterpart of `benches/peers/train_pytorch.py`,
//! with the same sizes, inputs and report.
#![expect(clippy::print_stdout, reason = "a program that reports")]

use std::collections::BTreeMap;
use std::time::Instant;

use burn::tensor::Tensor;
use clip_benches::device;
use clip_checkpoint::{
    Activation, AttentionMask, ModelConfig, Pooling, Probability, Projection, Stem, TextConfig,
    VisionConfig, VisionPooling,
};
use clip_model::{Clip, float_tensor, int_tensor};
use clip_testkit::Random;
use clip_train::{AdamW, AdamWConfig, Inputs, Learner, LossKind, Stepper, TrainPrecision};

const START: u32 = 49_406;
const END: u32 = 49_407;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let option = |name: &str, default: usize| -> Result<usize, std::num::ParseIntError> {
        let mut args = std::env::args().skip_while(|arg| arg != name);
        args.nth(1).map_or(Ok(default), |value| value.parse())
    };
    let (steps, warmup) = (option("--steps", 6)?, option("--warmup", 2)?);
    let (batch, length) = (option("--batch", 256)?, option("--length", 12)?);
    let checkpointing = std::env::args().any(|arg| arg == "--checkpointing");

    let device = device().autodiff();
    let device = if checkpointing { device.gradient_checkpointing() } else { device };
    let config = baseline();
    let clip = Clip::init(&config, &device);
    let bf16 = std::env::args().any(|arg| arg == "--bf16");
    let precision = if bf16 { TrainPrecision::Bf16 } else { TrainPrecision::F32 };
    let mut learner =
        Learner::new(clip, LossKind::InfoNce, true, &device).with_precision(precision.into());
    let optimizer = AdamWConfig { weight_decay: 0.1, ..AdamWConfig::default() };
    let mut stepper = Stepper {
        optimizer: AdamW::new(optimizer, BTreeMap::new()),
        loss: LossKind::InfoNce,
        chunk: option("--chunk", 0)?,
    };
    let before = memory_mib();
    let mut random = Random::new(1);
    let (mut seconds, mut losses) = (Vec::new(), Vec::new());
    for step in 0..warmup + steps {
        let side = config.vision.image_size;
        let pixels = random.values(batch * 3 * side * side);
        let mut ids = vec![END; batch * length];
        for row in ids.chunks_mut(length) {
            let end = 2 + random.bits() as usize % (length - 2);
            row[0] = START;
            row[1..end].fill_with(|| (random.bits() % u64::from(START)) as u32);
        }
        let began = Instant::now();
        let pixels = float_tensor(pixels, [batch, 3, side, side], &device);
        let inputs = Inputs {
            patches: learner.clip.image.visual.patches(pixels),
            kept: None,
            ids: int_tensor(&ids, [batch, length], &device),
            matches: Tensor::diag_mask([batch, batch], 0, &device).bool_not(),
        };
        let (next, report) = stepper.step(learner, inputs, 1e-3)?;
        learner = next;
        losses.push(report.loss);
        if step >= warmup {
            seconds.push(began.elapsed().as_secs_f64());
        }
    }
    let mut sorted = seconds.clone();
    sorted.sort_by(f64::total_cmp);
    let median = (sorted[(steps - 1) / 2] + sorted[steps / 2]) / 2.0;
    let text: Vec<String> = seconds.iter().map(|s| format!("{s:.3}")).collect();
    println!(
        r#"{{"images_per_second": {:.1}, "seconds": [{}], "memory_mib": {}, "memory_before_mib": {before}, "loss_first": {:.4}, "loss_last": {:.4}, "checkpointing": {checkpointing}, "bf16": {bf16}, "batch": {batch}, "length": {length}}}"#,
        batch as f64 / median,
        text.join(", "),
        memory_mib(),
        losses[0],
        losses[losses.len() - 1],
    );
    Ok(())
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

/// The largest resident set so far; 0 where the system does not say.
fn memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
