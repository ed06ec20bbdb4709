//! Full-size models with random weights against transformers, where `CLIP_REFERENCE_DIR` names a
//! folder made by `tests/scripts/goldens.py full`.

use crate::common::{check_on_every_backend, convert, pixels, token_ids, values};
use clip_model::{ImageEncoder, TextEncoder};
use clip_testkit::{Golden, assert_close, reference_dir};

#[test]
#[expect(clippy::print_stderr, reason = "the differences are to be reported")]
fn full_size_embeddings_are_the_references() {
    let Some(dir) = reference_dir() else { return };
    let mut models: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("model.safetensors").is_file())
        .collect();
    models.sort();
    assert!(!models.is_empty(), "CLIP_REFERENCE_DIR holds no model");
    for golden in models.iter().map(|model| Golden::at(model)) {
        let (_folder, checkpoint) = convert(golden.checkpoint_dir());
        check_on_every_backend(|backend, device| {
            let what = |part: &str| format!("{} on {backend}: {part}", golden.name());
            let encoder = ImageEncoder::load(&checkpoint, device).unwrap();
            let images = values(encoder.forward(pixels(&golden, device)));
            drop(encoder);
            let expected = golden.f32("image_embeds").values;
            let image = assert_close(&what("pictures"), &images, &expected, 1e-5);
            let encoder = TextEncoder::load(&checkpoint, device).unwrap();
            let texts = values(encoder.forward(token_ids(&golden.ids("input_ids"), device)));
            let expected = golden.f32("text_embeds").values;
            let text = assert_close(&what("texts"), &texts, &expected, 1e-5);
            eprintln!("{}", what(&format!("pictures within {image:.1e}, texts within {text:.1e}")));
        });
    }
}
