//! What the tests of this crate share.

use std::path::Path;

use burn::tensor::Int;
use clip_checkpoint::Checkpoint;
use clip_model::{Backend, Device, Tensor, float_tensor, int_tensor};
use clip_testkit::{Golden, GoldenIds};
use tempfile::TempDir;

/// Converts a source and opens the result; the file goes with the folder.
pub(crate) fn convert(source: &Path) -> (TempDir, Checkpoint) {
    convert_with(source, clip_weights::Options::default())
}

/// The same with options.
pub(crate) fn convert_with(source: &Path, options: clip_weights::Options) -> (TempDir, Checkpoint) {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("converted.safetensors");
    let options = clip_weights::Options { output: Some(output.clone()), ..options };
    let source = clip_weights::Source::Path(source.to_owned());
    clip_weights::convert(&source, &options, &mut ()).unwrap();
    let checkpoint = Checkpoint::open(&output).unwrap();
    (folder, checkpoint)
}

/// Runs a check on the first device of every backend of the build; a build without one fails.
pub(crate) fn check_on_every_backend(check: impl Fn(Backend, &Device)) {
    let mut checked = 0;
    for backend in Backend::compiled() {
        let devices = backend.devices();
        let device = devices.first().unwrap_or_else(|| panic!("no {backend} device here"));
        check(backend, device);
        checked += 1;
    }
    assert!(checked > 0, "no backend was compiled in: run with --features flex");
}

pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

pub(crate) fn pixels(golden: &Golden, device: &Device) -> Tensor<4> {
    let pixels = golden.f32("pixel_values");
    let shape: [usize; 4] = pixels.shape.try_into().unwrap();
    float_tensor(pixels.values, shape, device)
}

pub(crate) fn token_ids(ids: &GoldenIds, device: &Device) -> Tensor<2, Int> {
    int_tensor(&ids.values, ids.shape, device)
}
