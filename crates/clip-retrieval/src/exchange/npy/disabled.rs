//! Without the feature.

use std::path::Path;

use crate::exchange::{Error, Result};

/// No array can be written.
pub(in crate::exchange) enum Array {}

impl Array {
    pub(in crate::exchange) fn create(path: &Path, _: (usize, usize)) -> Result<Self> {
        refuse(path)
    }

    pub(in crate::exchange) fn put(&mut self, _: &[f32]) -> Result<()> {
        match *self {}
    }

    pub(in crate::exchange) fn finish(self) -> Result<()> {
        match self {}
    }
}

pub(in crate::exchange) fn rows(path: &Path) -> Result<(Vec<f32>, usize)> {
    refuse(path)
}

fn refuse<T>(path: &Path) -> Result<T> {
    Err(Error::Disabled { path: path.to_owned(), format: "an array of NumPy", feature: "npy" })
}
