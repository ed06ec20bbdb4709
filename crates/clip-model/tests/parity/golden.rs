//! Every stage of every golden against transformers, on every backend of the build.
//!
//! A golden is a small checkpoint in Hugging Face layout with random weights, and what transformers
//! computes with it. It goes the whole way here: converted, written, opened, loaded, run.

use crate::common::{check_on_every_backend, convert, pixels, token_ids, values};
use clip_checkpoint::Checkpoint;
use clip_model::{Clip, Device, InferenceImageEncoder, InferenceTextEncoder};
use clip_testkit::{Golden, GoldenIds, GoldenTensor, assert_close, goldens};

/// Largest difference allowed in the components of unit vectors.
pub(crate) fn tolerance(backend: clip_model::Backend) -> f32 {
    use clip_model::Backend::{Flex, NdArray};
    if matches!(backend, Flex | NdArray) { 1e-5 } else { 1e-4 }
}

/// Inner stages are not unit vectors: the same bound relative to the largest value.
fn assert_stage(what: &str, actual: &[f32], expected: &GoldenTensor, tolerance: f32) {
    let largest = expected.values.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
    assert_close(what, actual, &expected.values, tolerance * largest);
}

/// Every stage that the golden holds, and there are some of each tower's.
pub(crate) fn check_stages(golden: &Golden, clip: &Clip, device: &Device, tolerance: f32) {
    let ids = token_ids(&golden.ids("input_ids"), device);
    let stages = clip.image.stages(pixels(golden, device));
    let held = golden.names();
    for stage in stages.into_iter().chain(clip.text.stages(ids)) {
        if !held.contains(&stage.name) && !stage.name.ends_with("_embeds") {
            assert!(!held.iter().any(|name| name.contains(".block.")), "no {}", stage.name);
            continue;
        }
        let what = format!("{} on {device:?}: {}", golden.name(), stage.name);
        assert_stage(&what, &stage.values, &golden.f32(&stage.name), tolerance);
    }
}

/// Returns the largest difference.
pub(crate) fn check_embeddings(
    golden: &Golden,
    clip: &Clip,
    device: &Device,
    tolerance: f32,
) -> f32 {
    let what = |name: &str| format!("{} on {device:?}: {name}", golden.name());
    let images = values(clip.image.forward(pixels(golden, device)));
    let expected = golden.f32("image_embeds");
    let mut largest = assert_close(&what("image_embeds"), &images, &expected.values, tolerance);
    for (name, ids, expected) in golden.text_batches() {
        let texts = values(clip.text.forward(token_ids(&ids, device)));
        largest = largest.max(assert_close(&what(&name), &texts, &expected.values, tolerance));
    }
    let ids = token_ids(&golden.ids("input_ids"), device);
    let logits = values(clip.forward(pixels(golden, device), ids));
    let expected = golden.f32("logits_per_image");
    assert_stage(&what("logits"), &logits, &expected, tolerance);
    largest
}

/// The encoders that programs embed with, one half at a time; packed where the backend has kernels of
/// ours.
pub(crate) fn check_inference(
    golden: &Golden,
    checkpoint: &Checkpoint,
    device: &Device,
    tolerance: f32,
) {
    let what = |name: &str| format!("{} on {device:?}, for inference: {name}", golden.name());
    let encoder = InferenceImageEncoder::load(checkpoint, device).unwrap();
    let images = values(encoder.forward(pixels(golden, device)));
    let expected = golden.f32("image_embeds");
    assert_close(&what("image_embeds"), &images, &expected.values, tolerance);
    let encoder = InferenceTextEncoder::load(checkpoint, device).unwrap();
    for (name, ids, expected) in golden.text_batches() {
        let texts = values(encoder.forward(token_ids(&ids, device)));
        assert_close(&what(&name), &texts, &expected.values, tolerance);
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "the differences are to be reported")]
fn stages_and_embeddings_are_the_references() {
    for golden in goldens() {
        let (_folder, checkpoint) = convert(golden.checkpoint_dir());
        check_on_every_backend(|backend, device| {
            let clip = Clip::load(&checkpoint, device).unwrap();
            check_stages(&golden, &clip, device, tolerance(backend));
            let difference = check_embeddings(&golden, &clip, device, tolerance(backend));
            check_inference(&golden, &checkpoint, device, tolerance(backend));
            eprintln!("{} on {backend}: unit vectors within {difference:.1e}", golden.name());
        });
    }
}

/// The committed pictures, through our own preprocessing.
pub(crate) fn check_pixels(golden: &Golden, checkpoint: &Checkpoint) {
    let preprocess = &checkpoint.card().preprocess;
    let preprocessor = clip_preprocess::Preprocessor::new(preprocess).unwrap();
    let options = clip_preprocess::ReadOptions::reference(preprocess.mode);
    let mut pixels = Vec::new();
    for picture in golden.pictures() {
        let picture = clip_preprocess::read(&picture, &options).unwrap();
        pixels.extend(preprocessor.pixels(&picture));
    }
    let expected = golden.f32("pixel_values");
    assert_close(&format!("{}: pixels", golden.name()), &pixels, &expected.values, 1e-6);
}

#[test]
fn files_become_the_references_pixels() {
    for golden in goldens() {
        let (_folder, checkpoint) = convert(golden.checkpoint_dir());
        check_pixels(&golden, &checkpoint);
    }
}

/// Texts of one batch are cut to the longest of them; the rest of the context changes nothing.
#[test]
fn cut_batches_are_the_whole_context() {
    for golden in goldens() {
        let (_folder, checkpoint) = convert(golden.checkpoint_dir());
        check_on_every_backend(|backend, device| {
            let clip = Clip::load(&checkpoint, device).unwrap();
            let GoldenIds { shape: [rows, length], values: ids } = golden.ids("input_ids");
            let context = checkpoint.card().config.text.context_length;
            let mut padded = Vec::new();
            for row in ids.chunks(length) {
                padded.extend_from_slice(row);
                padded.resize(padded.len() + context - length, 0);
            }
            let padded = GoldenIds { shape: [rows, context], values: padded };
            let cut = values(clip.text.forward(token_ids(&golden.ids("input_ids"), device)));
            let whole = values(clip.text.forward(token_ids(&padded, device)));
            let what = format!("{} on {device:?}", golden.name());
            assert_close(&what, &cut, &whole, tolerance(backend));
        });
    }
}
