use std::path::Path;

use clip_model::{Backend, Device};
use clip_train::{
    FreshModel, Observer, Outcome, Result, Start, StepEvent, TowerSize, TrainConfig, Trainer,
    Validation,
};

/// A run of 12 steps over the samples into a folder: 36 pictures, 3 batches an epoch.
pub(crate) fn config(output: &Path) -> TrainConfig {
    let samples = clip_testkit::samples_dir();
    let mut config = TrainConfig {
        seed: 7,
        output: output.to_owned(),
        patches_kept: 0.5,
        ema: 0.9,
        model: FreshModel {
            image_size: 32,
            resize_size: 32,
            embed_dim: 16,
            vision: TowerSize { width: 32, layers: 2, heads: 2 },
            text: TowerSize { width: 32, layers: 2, heads: 2 },
            vocab_size: 2048,
            ..FreshModel::default()
        },
        ..TrainConfig::default()
    };
    config.data.train = vec![samples.clone()];
    config.data.validation = vec![samples];
    config.sampler.batch_size = 8;
    config.schedule.epochs = 4;
    config.schedule.warmup_steps = 2;
    config
}

pub(crate) fn device() -> Device {
    Backend::Flex.devices().remove(0)
}

/// Remembers everything, and ends the run after some steps.
#[derive(Debug, Default)]
pub(crate) struct Watcher {
    pub(crate) losses: Vec<f32>,
    pub(crate) validations: Vec<Validation>,
    pub(crate) problems: Vec<String>,
    pub(crate) stop_after: Option<usize>,
    /// Images that passed through a frozen tower.
    pub(crate) features_made: usize,
    pub(crate) features_told: usize,
}

impl Observer for Watcher {
    fn step(&mut self, event: &StepEvent) {
        self.losses.push(event.report.loss);
    }

    fn validated(&mut self, _: u64, validation: &Validation) {
        self.validations.push(validation.clone());
    }

    fn features(&mut self, done: usize, _: usize) {
        // The count begins again with the images to validate on.
        self.features_made += done.checked_sub(self.features_told).unwrap_or(done);
        self.features_told = done;
    }

    fn problem(&mut self, problem: &str) {
        self.problems.push(problem.to_owned());
    }

    fn stop(&self) -> bool {
        self.stop_after == Some(self.losses.len())
    }
}

pub(crate) fn run(
    config: TrainConfig,
    start: Start,
    stop_after: Option<usize>,
) -> (Result<Outcome>, Watcher, Trainer) {
    let mut watcher = Watcher { stop_after, ..Watcher::default() };
    let mut trainer = Trainer::new(config, &device(), start).unwrap();
    (trainer.run(&mut watcher), watcher, trainer)
}
