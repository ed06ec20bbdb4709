//! Where the batches of a run come from: images, which pass through the tower, or features of a tower
//! that is frozen.

use clip_data::{Batch, Batches, Dataset, Loader, Problem};
use clip_model::Device;

use crate::Result;
use crate::features::{FeatureBatch, FeatureBatches, FeatureSource, Features};

/// The data of a run.
#[derive(Debug)]
pub(crate) enum Source {
    /// Decoded and changed anew in each epoch.
    Images(Box<Loader>),
    /// Made once.
    Features(Box<FeatureRun>),
}

/// A run on features, which are there when it begins to take steps.
#[derive(Debug)]
pub(crate) struct FeatureRun {
    pub(crate) source: FeatureSource,
    pub(crate) batches: Option<FeatureBatches>,
    pub(crate) validation: Option<Features>,
}

/// One batch.
#[derive(Debug)]
pub(crate) enum StepBatch {
    Images(Batch),
    Features(FeatureBatch),
}

/// The batches of the rest of an epoch.
#[derive(Debug)]
pub(crate) enum EpochBatches {
    Images(Box<Batches>),
    /// So many.
    Features(u64),
}

impl Source {
    pub(crate) fn dataset(&self) -> &Dataset {
        match self {
            Self::Images(loader) => loader.dataset(),
            Self::Features(run) => &run.source.dataset,
        }
    }

    /// Steps of an epoch.
    pub(crate) fn steps(&self, epoch: u64) -> u64 {
        match self {
            Self::Images(loader) => loader.plan(epoch).len() as u64,
            Self::Features(run) => run.source.steps(),
        }
    }

    /// What is on the way of an epoch from a step on.
    pub(crate) fn epoch(&self, epoch: u64, first_step: u64) -> EpochBatches {
        match self {
            Self::Images(loader) => {
                EpochBatches::Images(Box::new(loader.epoch(epoch, first_step as usize)))
            }
            Self::Features(run) => {
                EpochBatches::Features(run.source.steps().saturating_sub(first_step))
            }
        }
    }

    /// The next batch of an epoch; one of features follows from `seed`.
    pub(crate) fn next(
        &self,
        epoch: &mut EpochBatches,
        seed: u64,
        by_number: bool,
    ) -> Option<StepBatch> {
        match (self, epoch) {
            (_, EpochBatches::Images(batches)) => batches.next().map(StepBatch::Images),
            (Self::Features(run), EpochBatches::Features(left)) => {
                *left = left.checked_sub(1)?;
                let batches = run.batches.as_ref()?;
                Some(StepBatch::Features(batches.draw(&run.source, seed, by_number)))
            }
            (Self::Images(_), EpochBatches::Features(_)) => None,
        }
    }
}

impl FeatureRun {
    pub(crate) fn new(source: FeatureSource) -> Self {
        Self { source, batches: None, validation: None }
    }

    /// Readies the drawing of batches.
    pub(crate) fn fill(
        &mut self,
        features: Features,
        validation: Option<Features>,
        device: &Device,
    ) -> Result<()> {
        self.batches = Some(self.source.batches(features, device)?);
        self.validation = validation;
        Ok(())
    }

    /// Images without features, one line each.
    pub(crate) fn problems(&self) -> Vec<String> {
        let Some(batches) = &self.batches else { return Vec::new() };
        let dataset = &self.source.dataset;
        let skipped = batches.features().skipped().into_iter();
        skipped.map(|(row, reason)| format!("{}: {reason}", dataset.origin(row))).collect()
    }
}

impl StepBatch {
    /// Number of images.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Images(batch) => batch.len(),
            Self::Features(batch) => batch.len(),
        }
    }

    /// Rows that could not be read. Those without features are told before the first step.
    pub(crate) fn skipped(&self) -> &[Problem] {
        match self {
            Self::Images(batch) => &batch.skipped,
            Self::Features(_) => &[],
        }
    }
}
