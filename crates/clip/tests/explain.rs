//! Explanations of a sample with the built-in model. That the rule is followed is tested in `clip-model`.

mod copies;

use clip::{Backend, Checkpoint, Device, Embedder, Embedding, Explainer, Explanation, RgbImage};
use clip_checkpoint::Dtype;
use clip_preprocess::{Preprocessor, ReadOptions, read};
use clip_testkit::{assert_close, builtin_model, samples_dir};
use copies::Copies;

fn checkpoint() -> Checkpoint {
    Checkpoint::open(&builtin_model()).unwrap()
}

fn device(backend: Backend) -> Device {
    backend.devices().remove(0)
}

fn embedder() -> Embedder {
    Embedder::new(checkpoint(), &device(Backend::Flex)).unwrap()
}

fn text(text: &str) -> Embedding {
    embedder().text(text).unwrap()
}

fn sample(file: &str) -> RgbImage {
    read(&samples_dir().join(file), &ReadOptions::default()).unwrap()
}

#[test]
fn backends_agree_with_each_other_and_with_the_encoder() {
    let (checkpoint, picture) = (checkpoint(), sample("panda.webp"));
    let text = text("a photo of a panda");
    let [flex, ndarray]: [Explanation; 2] = [Backend::Flex, Backend::NdArray].map(|backend| {
        Explainer::load(&checkpoint, &device(backend)).unwrap().explain(&picture, &text)
    });

    let (card, size) = (checkpoint.card(), checkpoint.card().config.vision.image_size);
    // What is explained is computed in f32.
    let copies = Copies::new(device(Backend::Flex));
    let cosine = copies.open(Dtype::F32).picture(&picture).unwrap().similarity(&text);
    assert_close("cosine", &[flex.cosine, ndarray.cosine], &[cosine; 2], 1e-5);

    let patches = size / card.config.vision.patch_size;
    assert_eq!((flex.grid, flex.relevance.len()), (patches, patches * patches));
    assert!(flex.relevance.iter().all(|value| *value >= 0.0), "{:?}", flex.relevance);
    assert!(flex.relevance.iter().any(|value| *value > 0.0));
    assert_close("relevance", &flex.relevance, &ndarray.relevance, 1e-5);
}

#[test]
fn another_text_has_another_explanation() {
    let (checkpoint, picture) = (checkpoint(), sample("astronaut.png"));
    let explainer = Explainer::load(&checkpoint, &device(Backend::Flex)).unwrap();
    let [a, b] =
        ["an astronaut", "a flag"].map(|words| explainer.explain(&picture, &text(words)).relevance);
    let difference = clip_testkit::max_difference(&a, &b).0;
    assert!(difference > 1e-3, "{a:?} {b:?}");
}

/// The view is the model's crop in finer pixels: averaged down it is that crop again.
#[test]
fn the_view_is_the_crop_of_the_model() {
    let (checkpoint, picture) = (checkpoint(), sample("dog.webp"));
    let explainer = Explainer::load(&checkpoint, &device(Backend::Flex)).unwrap();
    let crop = Preprocessor::new(&checkpoint.card().preprocess).unwrap().resize_and_crop(&picture);
    assert_eq!(explainer.view(&picture, 1).unwrap(), crop);
    let view = explainer.view(&picture, 500).unwrap();
    let times = view.width() / crop.width();
    assert!(view.width() >= 500 && view.width() == view.height());
    let mut off = 0.0;
    for (x, y, pixel) in crop.enumerate_pixels() {
        let sum: u32 = (0..times * times)
            .map(|i| u32::from(view[(x * times + i % times, y * times + i / times)].0[1]))
            .sum();
        off += (f64::from(sum) / f64::from(times * times) - f64::from(pixel.0[1])).abs();
    }
    let off = off / f64::from(crop.width() * crop.height());
    assert!(off < 4.0, "{off} of 255 on average");
    let error = explainer.view(&picture, 10_000).unwrap_err().to_string();
    assert!(error.contains("resize size"), "{error}");
}
