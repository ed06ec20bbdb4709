use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cache::Cache;
use crate::error::bad_config;
use crate::workers::{Pool, Shared};
use crate::{CaptionConfig, Dataset, EpochPlan, Problem, Result, SamplerConfig, Transform};

/// How batches are made, which changes nothing about them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoaderConfig {
    /// Threads that read, decode and change pictures. 0 takes as many as there are cores.
    pub workers: usize,
    /// How many batches may be under way or ready before they are asked for.
    pub prefetch: usize,
    /// Memory for decoded pictures in MiB, so that later epochs need not decode them again.
    pub cache_mib: usize,
}

impl Default for LoaderConfig {
    fn default() -> Self {
        Self { workers: 0, prefetch: 3, cache_mib: 1024 }
    }
}

/// Makes the batches of any epoch, from any step on.
///
/// A row depends on seed, epoch, sample and draw only. So batches are the same to the last bit,
/// however many workers there are, and an epoch that is resumed goes on as it would have.
#[derive(Debug)]
pub struct Loader {
    shared: Arc<Shared>,
    sampler: SamplerConfig,
    workers: usize,
    prefetch: usize,
}

/// One batch. Rows that cannot be read are left out, so it may have fewer than planned, even none.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Batch {
    /// The batch's place in its epoch, from 0.
    pub step: usize,
    /// Normalized pictures, `[B, 3, size, size]`.
    pub pixels: Vec<f32>,
    /// A caption for each row.
    pub captions: Vec<String>,
    /// The group of each row's name.
    pub groups: Vec<u32>,
    /// `[B, B]`: whether the caption of the second row is right for the picture of the first, being
    /// of the same name, or about one of its keywords.
    pub matches: Vec<bool>,
    /// The sample of each row.
    pub indices: Vec<usize>,
    /// The rows that were left out, and why.
    pub skipped: Vec<Problem>,
}

impl Batch {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether all rows were left out.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }
}

impl Loader {
    /// Prepares a loader; threads start with [`Self::epoch`].
    ///
    /// # Errors
    ///
    /// [`Error::BadConfig`](crate::Error::BadConfig) for the first setting that cannot be
    /// followed.
    pub fn new(
        dataset: Arc<Dataset>,
        transform: Transform,
        captions: &CaptionConfig,
        sampler: &SamplerConfig,
        config: &LoaderConfig,
        seed: u64,
    ) -> Result<Self> {
        captions.validate()?;
        sampler.validate()?;
        if config.prefetch == 0 {
            return bad_config("prefetch", config.prefetch, "it is at least 1");
        }
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let workers = if config.workers == 0 { cores() } else { config.workers };
        let cache = Cache::new(config.cache_mib);
        let captions = captions.clone();
        let shared = Arc::new(Shared { dataset, transform, captions, cache, seed });
        Ok(Self { shared, sampler: sampler.clone(), workers, prefetch: config.prefetch })
    }

    /// The data.
    pub fn dataset(&self) -> &Dataset {
        &self.shared.dataset
    }

    /// The same, to share.
    pub fn shared_dataset(&self) -> &Arc<Dataset> {
        &self.shared.dataset
    }

    /// Side of the pictures in pixels.
    pub fn size(&self) -> usize {
        self.shared.transform.size()
    }

    /// Which samples come in which batch of an epoch.
    pub fn plan(&self, epoch: u64) -> EpochPlan {
        EpochPlan::new(&self.shared.dataset, &self.sampler, self.shared.seed, epoch)
            .expect("checked when the loader was made")
    }

    /// The batches of an epoch from `first_step` on, in order.
    pub fn epoch(&self, epoch: u64, first_step: usize) -> Batches {
        self.start(self.plan(epoch), epoch, first_step)
    }

    /// Every sample once, in the dataset's order, whatever the sampler says but for its batch
    /// size; changed as in an epoch of that number, where samples are changed.
    pub fn in_order(&self, epoch: u64) -> Batches {
        let plan = EpochPlan::in_order(&self.shared.dataset, &self.sampler);
        self.start(plan.expect("checked when the loader was made"), epoch, 0)
    }

    fn start(&self, plan: EpochPlan, epoch: u64, first_step: usize) -> Batches {
        let end = plan.len();
        let shared = Arc::clone(&self.shared);
        let pool = Pool::start(shared, plan, epoch, first_step, self.workers, self.prefetch);
        Batches { pool, step: first_step.min(end), end }
    }
}

/// The batches of an epoch, in order. Dropping it ends its threads.
#[derive(Debug)]
pub struct Batches {
    pool: Pool,
    step: usize,
    end: usize,
}

impl Iterator for Batches {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        if self.step == self.end {
            return None;
        }
        let step = self.step;
        let rows = self.pool.rows(step);
        self.step += 1;
        let mut batch = Batch {
            step,
            pixels: Vec::with_capacity(rows.iter().flatten().map(|row| row.pixels.len()).sum()),
            captions: Vec::with_capacity(rows.len()),
            groups: Vec::with_capacity(rows.len()),
            matches: Vec::with_capacity(rows.len() * rows.len()),
            indices: Vec::with_capacity(rows.len()),
            skipped: Vec::new(),
        };
        let mut words = Vec::with_capacity(rows.len());
        for row in rows {
            match row {
                Ok(row) => {
                    batch.pixels.extend_from_slice(&row.pixels);
                    batch.captions.push(row.caption);
                    words.push(row.word);
                    batch.groups.push(self.pool.dataset().group(row.index));
                    batch.indices.push(row.index);
                }
                Err(problem) => batch.skipped.push(problem),
            }
        }
        let concepts = self.pool.dataset().concepts();
        for (index, group) in batch.indices.iter().zip(&batch.groups) {
            let captions = batch.groups.iter().zip(&words);
            let right = captions.map(|(of, word)| of == group || concepts.fits(*index, *word));
            batch.matches.extend(right);
        }
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.step, Some(self.end - self.step))
    }
}

impl ExactSizeIterator for Batches {}
