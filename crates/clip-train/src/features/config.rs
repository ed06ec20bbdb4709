//! How features are made and drawn.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

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
    /// How often the features of an image are mixed with those of another of its name, or of another view
    /// of itself (mixup, Zhang et al. 2018, within a name).
    pub mix_probability: f64,
    /// Names drawn for a step beside those of its images: further texts, wrong for all images that they do
    /// not name.
    pub name_negatives: usize,
}

impl Default for FeatureConfig {
    fn default() -> Self {
        Self {
            folder: None,
            views: 3,
            batch_size: 256,
            class_cap: 0,
            photo_share: None,
            mix_probability: 0.0,
            name_negatives: 0,
        }
    }
}

impl FeatureConfig {
    pub(crate) fn validate(&self) -> std::result::Result<(), String> {
        for (name, value) in [("views", self.views), ("batch_size", self.batch_size)] {
            if value == 0 {
                return Err(format!("`features.{name}` is 0: write a number from 1 on"));
            }
        }
        let parts = [
            ("photo_share", self.photo_share.unwrap_or_default()),
            ("mix_probability", self.mix_probability),
        ];
        match parts.iter().find(|(_, part)| !(0.0..=1.0).contains(part)) {
            Some((name, part)) => {
                Err(format!("`features.{name}` is {part}: write a number between 0 and 1"))
            }
            None => Ok(()),
        }
    }
}
