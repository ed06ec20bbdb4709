//! Explanations of a sample with the built-in model. That the rule is followed is tested beside it.
#![cfg(all(feature = "flex", feature = "ndarray"))]

use clip_checkpoint::Checkpoint;
use clip_model::{Backend, Device, ImageEncoder, TextEncoder, float_tensor, int_tensor};
use clip_preprocess::{Preprocessor, ReadOptions, RgbImage, read};
use clip_testkit::{assert_close, builtin_model, samples_dir};
use clip_tokenizer::{Overflow, Tokenizer};
use clip_train::explain::{Explainer, Explanation};

fn checkpoint() -> Checkpoint {
    Checkpoint::open(&builtin_model()).unwrap()
}

fn device(backend: Backend) -> Device {
    backend.devices().remove(0)
}

fn text(checkpoint: &Checkpoint, text: &str) -> Vec<f32> {
    let (card, device) = (checkpoint.card(), device(Backend::Flex));
    let (config, limit) = (&card.tokenizer, card.config.text.context_length);
    let tokenizer = Tokenizer::new(config, limit, checkpoint.vocabulary()).unwrap();
    let ids = tokenizer.encode(text, Overflow::Error).unwrap();
    let encoder = TextEncoder::load(checkpoint, &device).unwrap();
    let vector = encoder.forward(int_tensor(&ids, [1, ids.len()], &device));
    vector.into_data().try_to_vec().unwrap()
}

fn sample(file: &str) -> RgbImage {
    read(&samples_dir().join(file), &ReadOptions::default()).unwrap()
}

#[test]
fn backends_agree_with_each_other_and_with_the_encoder() {
    let (checkpoint, picture) = (checkpoint(), sample("panda.webp"));
    let text = text(&checkpoint, "a photo of a panda");
    let [flex, ndarray]: [Explanation; 2] = [Backend::Flex, Backend::NdArray].map(|backend| {
        Explainer::load(&checkpoint, &device(backend)).unwrap().explain(&picture, &text)
    });

    let (card, device) = (checkpoint.card(), device(Backend::Flex));
    let size = card.config.vision.image_size;
    let pixels = Preprocessor::new(&card.preprocess).unwrap().pixels(&picture);
    let image = ImageEncoder::load(&checkpoint, &device).unwrap().forward(float_tensor(
        pixels,
        [1, 3, size, size],
        &device,
    ));
    let image: Vec<f32> = image.into_data().try_to_vec().unwrap();
    let cosine = image.iter().zip(&text).map(|(a, b)| a * b).sum();
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
    let [a, b] = ["an astronaut", "a flag"]
        .map(|words| explainer.explain(&picture, &text(&checkpoint, words)).relevance);
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
