//! Features of images: what a frozen tower makes of each, computed once for a few views of it.
//!
//! Where the tower does not learn, its features of an image are always the same: a run that trains the
//! projection alone reads them from the disk (`cache.rs`) and takes a step in the time of a few
//! products. Images are changed at random when features are made (`extract.rs`), so that there are as
//! many views of one as are kept.

mod batches;
mod cache;
mod config;
mod extract;
mod sampler;
mod store;

use std::path::PathBuf;

use clip_checkpoint::PreprocessConfig;
use clip_data::LoaderConfig;
use clip_model::{Device, ImageEncoder};
use half::f16;
use half::slice::HalfFloatSliceExt;

pub(crate) use batches::{FeatureBatch, FeatureBatches, FeatureSource};
pub use config::FeatureConfig;
pub(crate) use sampler::{WeightedSampler, pick};

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
    pub(crate) preprocess: &'a PreprocessConfig,
    pub(crate) folder: PathBuf,
    pub(crate) loader: &'a LoaderConfig,
    pub(crate) seed: u64,
    pub(crate) device: Device,
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
