//! Images through a frozen tower.

use std::sync::Arc;

use clip_checkpoint::PreprocessConfig;
use clip_data::{
    AugmentConfig, CaptionConfig, Dataset, Loader, LoaderConfig, SamplerConfig, Transform,
};
use clip_model::{Device, InferenceImageEncoder, float_tensor};
use half::f16;
use half::slice::HalfFloatSliceExt;

use super::{FeatureStore, View};
use crate::parameters::host;
use crate::{Observer, Result};

/// Images that go through the tower together.
const BATCH: usize = 64;

/// A tower with packed weights, and how images come to it.
#[derive(Debug)]
pub(super) struct Extractor {
    tower: InferenceImageEncoder,
    preprocess: PreprocessConfig,
    loader: LoaderConfig,
    seed: u64,
    device: Device,
}

impl Extractor {
    pub(super) fn new(store: &FeatureStore<'_>) -> Self {
        Self {
            tower: store.tower(),
            preprocess: store.preprocess.clone(),
            // Each image is read once a view.
            loader: LoaderConfig { cache_mib: 0, ..store.loader.clone() },
            seed: store.seed,
            device: store.device.clone(),
        }
    }

    /// One view of all images, and the width of their features: changed at random, or as they are in
    /// use. `progress` is how many images were done before, and are to be done in all. Nothing where
    /// the observer ends it.
    pub(super) fn view(
        &self,
        dataset: &Arc<Dataset>,
        augment: Option<&AugmentConfig>,
        view: usize,
        (before, total): (usize, usize),
        observer: &mut dyn Observer,
    ) -> Result<Option<(View, usize)>> {
        let transform = match augment {
            Some(augment) => Transform::train(augment, &self.preprocess)?,
            None => Transform::exact(&self.preprocess)?,
        };
        let sampler = SamplerConfig { batch_size: BATCH, ..SamplerConfig::default() };
        let (dataset, captions) = (Arc::clone(dataset), CaptionConfig::default());
        let rows = dataset.len();
        let loader = Loader::new(dataset, transform, &captions, &sampler, &self.loader, self.seed)?;
        let size = loader.size();
        let (mut values, mut width) = (Vec::<f16>::new(), 0);
        let mut is_read = vec![false; rows];
        let mut reasons = Vec::new();
        let mut done = 0;
        for batch in loader.in_order(view as u64) {
            reasons.extend(batch.skipped.iter().map(|problem| problem.reason.clone()));
            done += batch.len() + batch.skipped.len();
            if !batch.is_empty() {
                let pixels =
                    float_tensor(batch.pixels, [batch.indices.len(), 3, size, size], &self.device);
                let features = self.tower.features(pixels);
                [_, width] = features.dims();
                values.resize(rows * width, f16::ZERO);
                let features = host(features.flatten(0, 1));
                for (index, features) in batch.indices.iter().zip(features.chunks_exact(width)) {
                    is_read[*index] = true;
                    values[index * width..][..width].convert_from_f32_slice(features);
                }
            }
            observer.features(before + done, total);
            if observer.stop() {
                return Ok(None);
            }
        }
        // Those that were skipped come in order, too.
        let missing = (0..rows).filter(|row| !is_read[*row]);
        Ok(Some((View { skipped: missing.zip(reasons).collect(), values }, width)))
    }
}
