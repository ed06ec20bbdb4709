//! Features of images: what a frozen tower makes of each, computed once for a few views of it.
//!
//! Where the tower does not learn, its features of an image are always the same: a run that trains the
//! projection alone reads them from the disk (`cache.rs`) and takes a step in the time of a few
//! products. Images are changed at random when features are made (`extract.rs`), so that there are as
//! many views of one as are kept.

mod batches;
mod cache;
mod extract;
mod sampler;

use std::path::PathBuf;
use std::sync::Arc;

use clip_data::{AugmentConfig, Dataset, LoaderConfig};
use clip_model::{Device, ImageEncoder, InferenceImageEncoder};
use half::f16;
use half::slice::HalfFloatSliceExt;
use serde::{Deserialize, Serialize};

use crate::{Observer, Result};
use extract::Extractor;

pub(crate) use batches::{FeatureBatch, FeatureBatches, FeatureSource};
pub(crate) use sampler::{WeightedSampler, pick};

/// How features are made and drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureConfig {
    /// Folder of the files of features; without one, `features` in the folder of the run. Runs with the
    /// same tower, images and changes may share it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Views of each image to learn from: the first as the model sees it in use, the others changed as
    /// `[augment]` says.
    pub views: usize,
    /// Images drawn for a step.
    pub batch_size: usize,
    /// A name with more rows than this is drawn as often as if it had so many; 0 is no limit.
    pub class_cap: usize,
    /// Share of the photographs among the images drawn; without one, what the data have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub photo_share: Option<f64>,
}

impl Default for FeatureConfig {
    fn default() -> Self {
        Self { folder: None, views: 3, batch_size: 256, class_cap: 0, photo_share: None }
    }
}

impl FeatureConfig {
    pub(crate) fn validate(&self) -> std::result::Result<(), String> {
        for (name, value) in [("views", self.views), ("batch_size", self.batch_size)] {
            if value == 0 {
                return Err(format!("`features.{name}` is 0: write a number from 1 on"));
            }
        }
        match self.photo_share {
            Some(share) if !(0.0..=1.0).contains(&share) => {
                Err(format!("`features.photo_share` is {share}: write a number between 0 and 1"))
            }
            _ => Ok(()),
        }
    }
}

/// Features of all images of a dataset, in every view.
#[derive(Debug)]
pub(crate) struct Features {
    width: usize,
    views: Vec<View>,
}

/// Features of all images in one view.
#[derive(Debug)]
struct View {
    /// `[rows, width]`; zeros for rows that could not be read.
    values: Vec<f16>,
    /// The rows that could not be read, and why.
    skipped: Vec<(usize, String)>,
}

/// A frozen tower, and where its features are kept.
#[derive(Debug)]
pub(crate) struct FeatureStore<'a> {
    pub(crate) encoder: &'a ImageEncoder,
    pub(crate) preprocess: &'a clip_checkpoint::PreprocessConfig,
    pub(crate) folder: PathBuf,
    pub(crate) loader: &'a LoaderConfig,
    pub(crate) seed: u64,
    pub(crate) device: Device,
}

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

    fn tower(&self) -> InferenceImageEncoder {
        let clip_checkpoint::PreprocessConfig { mean, std, .. } = *self.preprocess;
        let pixels = clip_model::Pixels { mean, std };
        InferenceImageEncoder::new(self.encoder.clone(), clip_model::WeightDtype::F32, &pixels)
    }
}

impl Features {
    /// One view of images that were all read.
    #[cfg(all(test, feature = "flex"))]
    pub(crate) fn of_view(width: usize, values: &[f32]) -> Self {
        let values = values.iter().map(|value| f16::from_f32(*value)).collect();
        Self { width, views: vec![View { values, skipped: Vec::new() }] }
    }

    /// Values of an image.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Number of views.
    pub(crate) fn views(&self) -> usize {
        self.views.len()
    }

    /// Adds the features of an image to `out`.
    pub(crate) fn extend(&self, out: &mut Vec<f32>, row: usize, view: usize) {
        let (start, end) = (row * self.width, (row + 1) * self.width);
        let length = out.len();
        out.resize(length + self.width, 0.0);
        self.views[view].values[start..end].convert_to_f32_slice(&mut out[length..]);
    }

    /// The features of an image.
    pub(crate) fn row(&self, row: usize, view: usize) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.width);
        self.extend(&mut values, row, view);
        values
    }

    /// The rows that could not be read in some view, and why.
    pub(crate) fn skipped(&self) -> std::collections::BTreeMap<usize, &str> {
        let all = self.views.iter().flat_map(|view| &view.skipped);
        all.map(|(row, reason)| (*row, reason.as_str())).collect()
    }
}
