//! Where the batches of a run come from: images, which pass through the tower, or features of a tower
//! that is frozen.

use std::sync::Arc;

use clip_data::{AugmentConfig, Batch, Batches, Dataset, Loader, Problem};

use crate::features::{FeatureBatch, FeatureBatches, FeatureSource, FeatureStore, Features};
use crate::prototypes::InitialHead;
use crate::texts::Texts;
use crate::{Observer, Outcome, Result};

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
    pub(crate) fn next(&self, epoch: &mut EpochBatches, seed: u64) -> Option<StepBatch> {
        match (self, epoch) {
            (_, EpochBatches::Images(batches)) => batches.next().map(StepBatch::Images),
            (Self::Features(run), EpochBatches::Features(left)) => {
                *left = left.checked_sub(1)?;
                let batches = run.batches.as_ref()?;
                Some(StepBatch::Features(batches.draw(&run.source, seed)))
            }
            (Self::Images(_), EpochBatches::Features(_)) => None,
        }
    }
}

impl FeatureRun {
    pub(crate) fn new(source: FeatureSource) -> Self {
        Self { source, batches: None, validation: None }
    }

    /// Makes the features that are not kept yet, those to validate on too, and readies the drawing of
    /// batches. The observer may end it.
    pub(crate) fn fill(
        &mut self,
        store: &FeatureStore<'_>,
        augment: &AugmentConfig,
        validation: Option<&Arc<Dataset>>,
        observer: &mut dyn Observer,
    ) -> Result<Outcome> {
        let (dataset, views) = (&self.source.dataset, self.source.views());
        let Some(features) = store.features(dataset, augment, views, observer)? else {
            return Ok(Outcome::Stopped);
        };
        if let Some(dataset) = validation {
            let Some(features) = store.features(dataset, augment, 1, observer)? else {
                return Ok(Outcome::Stopped);
            };
            self.validation = Some(features);
        }
        self.batches = Some(self.source.batches(features, &store.device)?);
        Ok(Outcome::Finished)
    }

    /// The start of the projection's hidden layer, where prototypes give it one; `vectors` are asked for
    /// those of all texts, by number.
    pub(crate) fn initial_head(
        &self,
        vectors: impl FnOnce(&Texts) -> Result<Vec<Vec<f32>>>,
    ) -> Result<Option<InitialHead>> {
        let (Some(prototypes), Some(batches)) = (&self.source.prototypes, &self.batches) else {
            return Ok(None);
        };
        let Some(images) = batches.virtual_features() else { return Ok(None) };
        if prototypes.config().initial_output == 0.0 {
            return Ok(None);
        }
        let vectors = vectors(&self.source.texts)?;
        Ok(Some(InitialHead::new(prototypes, images, batches.features(), &vectors)))
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
