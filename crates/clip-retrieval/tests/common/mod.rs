//! What the tests of the library share.

use std::path::Path;

use clip_retrieval::{Library, Precision};
use clip_testkit::Random;

/// The library in a folder, made where there is none.
pub(crate) fn open(folder: &Path, dimension: usize) -> Library {
    Library::open_or_create(folder, "1", "tiny", dimension, Precision::F32).unwrap()
}

/// A vector of length 1.
pub(crate) fn unit(random: &mut Random, dimension: usize) -> Vec<f32> {
    let vector = random.values(dimension);
    let norm = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
    vector.into_iter().map(|v| v / norm).collect()
}
