//! Features of a dataset: read where they are kept, made where they are not.

use std::sync::Arc;

use clip_checkpoint::PreprocessConfig;
use clip_data::{AugmentConfig, Dataset};
use clip_model::{InferenceImageEncoder, Pixels, WeightDtype};

use super::extract::Extractor;
use super::{FeatureStore, Features, View, cache};
use crate::{Observer, Result};

impl FeatureStore<'_> {
    /// Features of a dataset in so many views, those that are not kept yet made now. Nothing where the
    /// observer ends the run meanwhile; views that are whole are kept.
    pub(crate) fn features(
        &self,
        dataset: &Arc<Dataset>,
        augment: &AugmentConfig,
        views: usize,
        observer: &mut dyn Observer,
    ) -> Result<Option<Features>> {
        let identity = cache::Identity::new(self, dataset);
        let files: Vec<_> = (0..views).map(|view| identity.file(self, augment, view)).collect();
        let kept = files.iter().map(|(print, path)| cache::read(path, print, dataset.len()));
        let mut views: Vec<Option<(View, usize)>> = kept.collect();
        let missing = views.iter().filter(|view| view.is_none()).count();
        if missing > 0 {
            let extractor = Extractor::new(self);
            let (mut done, total) = (0, missing * dataset.len());
            for (number, view) in views.iter_mut().enumerate().filter(|(_, view)| view.is_none()) {
                let changes = (number > 0).then_some(augment);
                let made = extractor.view(dataset, changes, number, (done, total), observer)?;
                let Some((values, width)) = made else { return Ok(None) };
                let (fingerprint, path) = &files[number];
                if let Err(error) = cache::write(path, fingerprint, &values, width) {
                    observer.problem(&error.to_string());
                }
                *view = Some((values, width));
                done += dataset.len();
            }
        }
        let mut width = 0;
        let views = views.into_iter().flatten().map(|(view, of_view)| {
            width = width.max(of_view);
            view
        });
        let views = views.collect();
        Ok(Some(Features { width, views }))
    }

    pub(super) fn tower(&self) -> InferenceImageEncoder {
        let PreprocessConfig { mean, std, .. } = *self.preprocess;
        let pixels = Pixels { mean, std };
        InferenceImageEncoder::new(self.encoder.clone(), WeightDtype::F32, &pixels)
    }
}
