//! A model of the second family, from its own files to vectors and probabilities.
#![cfg(any(feature = "flex", feature = "ndarray"))]

use clip::weights::{Options, Source, convert};
use clip::{DeviceName, Embedder, Embedding, Overflow, Probability, ReadOptions};
use clip_testkit::{Golden, assert_close, goldens_dir};

fn vectors(embeddings: &[Embedding]) -> Vec<f32> {
    embeddings.iter().flat_map(|embedding| embedding.as_slice().to_vec()).collect()
}

#[test]
fn texts_and_pictures_have_the_references_vectors_and_logits() {
    let golden = Golden::at(&goldens_dir().join("siglip/base"));
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("siglip.safetensors");
    let source = Source::Path(golden.checkpoint_dir().to_owned());
    let options = Options { output: Some(output.clone()), ..Options::default() };
    convert(&source, &options, &mut ()).unwrap();
    let device = DeviceName::Auto.open().unwrap();
    let clip = Embedder::open(&output, &device).unwrap().with_overflow(Overflow::Truncate);

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
