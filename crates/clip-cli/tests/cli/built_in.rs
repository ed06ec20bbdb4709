//! What the built-in model says, asked through the library.

use clip::{DeviceName, Embedder, Embedding, ReadOptions};
use clip_testkit::samples_dir;

pub(crate) fn model() -> Embedder {
    Embedder::embedded(&DeviceName::Auto.open().unwrap()).unwrap()
}

/// The vector of a sample, read as the program reads files.
pub(crate) fn sample(model: &Embedder, name: &str) -> Embedding {
    let reading: ReadOptions = model.reading();
    model.files(&[samples_dir().join(name)], &reading).unwrap().remove(0).unwrap()
}

/// The score of a text and a sample.
pub(crate) fn score(text: &str, name: &str) -> f32 {
    let model = model();
    sample(&model, name).similarity(&model.text(text).unwrap())
}
