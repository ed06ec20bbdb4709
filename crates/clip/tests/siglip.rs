//! A model of the second family, from its own files to vectors and probabilities.
#![cfg(any(feature = "flex", feature = "ndarray"))]

use clip::weights::{Dtype, Options, Source, convert};
use clip::{DeviceName, Embedder, Embedding, Overflow, Probability, ReadOptions};
use clip_testkit::{Golden, assert_close, goldens_dir};

fn vectors(embeddings: &[Embedding]) -> Vec<f32> {
    embeddings.iter().flat_map(|embedding| embedding.as_slice().to_vec()).collect()
}

/// The tiny model, in the number format of its source where none is given.
fn converted(golden: &Golden, dtype: Option<Dtype>) -> Embedder {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("siglip.safetensors");
    let source = Source::Path(golden.checkpoint_dir().to_owned());
    let options = Options { output: Some(output.clone()), dtype, ..Options::default() };
    convert(&source, &options, &mut ()).unwrap();
    let device = DeviceName::Auto.open().unwrap();
    Embedder::open(&output, &device).unwrap().with_overflow(Overflow::Truncate)
}

#[test]
fn texts_and_pictures_have_the_references_vectors_and_logits() {
    let golden = Golden::at(&goldens_dir().join("siglip/base"));
    let clip = converted(&golden, None);

    // An empty text has a vector there; here it is asked for in vain.
    let texts = golden.texts();
    let given = |row: &usize| !texts[*row].is_empty();
    let rows: Vec<usize> = (0..texts.len()).filter(given).collect();
    let sentences: Vec<&String> = rows.iter().map(|row| &texts[*row]).collect();
    let found = clip.texts(&sentences).unwrap();
    let (expected, width) = (golden.f32("text_embeds").values, clip.card().config.embed_dim);
    let expected: Vec<f32> =
        rows.iter().flat_map(|row| expected[row * width..][..width].to_vec()).collect();
    assert_close("texts", &vectors(&found), &expected, 1e-5);

    let reading = ReadOptions::reference(clip.card().preprocess.mode);
    let pictures = clip.files(&golden.pictures(), &reading).unwrap();
    let pictures: Vec<Embedding> = pictures.into_iter().map(Result::unwrap).collect();
    assert_close("pictures", &vectors(&pictures), &golden.f32("image_embeds").values, 1e-5);

    // Each label stands for itself.
    let classifier = clip.classifier(&sentences, &["{}"]).unwrap();
    assert_eq!(classifier.probability(), Probability::Sigmoid);
    let logits = golden.f32("logits_per_image").values;
    for (picture, logits) in pictures.iter().zip(logits.chunks(texts.len())) {
        let expected: Vec<f32> =
            rows.iter().map(|row| 1.0 / (1.0 + (-logits[*row]).exp())).collect();
        assert_close("labels", &classifier.probabilities(picture), &expected, 1e-5);
    }
}

/// The attention that pools pictures and the head of texts are stored so too.
#[test]
fn shorter_numbers_turn_vectors_a_little() {
    let golden = Golden::at(&goldens_dir().join("siglip/base"));
    let texts: Vec<String> = golden.texts().into_iter().filter(|text| !text.is_empty()).collect();
    let all = |clip: &Embedder| {
        let pictures = clip.files(&golden.pictures(), &ReadOptions::default()).unwrap();
        let pictures = pictures.into_iter().map(Result::unwrap);
        clip.texts(&texts).unwrap().into_iter().chain(pictures).collect::<Vec<_>>()
    };
    let exact = all(&converted(&golden, None));
    for (dtype, bound) in [(Dtype::Bf16, 0.999), (Dtype::Int8, 0.998)] {
        for (exact, turned) in exact.iter().zip(all(&converted(&golden, Some(dtype)))) {
            let cosine = exact.similarity(&turned);
            assert!(cosine >= bound && *exact != turned, "{dtype:?}: {cosine}");
        }
    }
}
