//! The built-in model against PyTorch, from files and sentences to ranked answers.
#![cfg(all(feature = "embedded-model", any(feature = "flex", feature = "ndarray")))]

mod copies;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clip::{Device, DeviceName, Embedder, Embedding, Error, Overflow, Picture, ReadOptions};
use clip_checkpoint::Dtype;
use clip_testkit::{Answers, Drawings, assert_close, formats_dir, sample_pictures, samples_dir};
use copies::Copies;

fn device() -> Device {
    DeviceName::Auto.open().unwrap()
}

fn clip() -> Embedder {
    Embedder::embedded(&device()).unwrap()
}

/// The built-in model without the rounding of 8 bits in what is computed: with the reference's numbers.
fn exact() -> (Embedder, Copies) {
    let copies = Copies::new(device());
    (copies.open(Dtype::F32), copies)
}

fn vectors(embeddings: &[Embedding]) -> Vec<f32> {
    embeddings.iter().flat_map(|embedding| embedding.as_slice().to_vec()).collect()
}

#[test]
fn sentences_have_the_references_vectors() {
    let answers = Answers::open();
    let texts: Vec<_> = answers.queries.iter().map(|answer| answer.text.as_str()).collect();
    let expected = Answers::embeddings("text_embeds").values;
    let (clip, _copies) = exact();
    assert_close("together", &vectors(&clip.texts(&texts).unwrap()), &expected, 1e-5);

    // Whatever else is in a batch changes nothing.
    let clip = clip.with_batch_size(3);
    assert_close("in threes", &vectors(&clip.texts(&texts).unwrap()), &expected, 1e-5);
    let alone: Vec<_> = texts.iter().map(|text| clip.text(text).unwrap()).collect();
    assert_close("alone", &vectors(&alone), &expected, 1e-5);
}

/// Lossless files agree to 1e-5; in the others the JPEG decoder shows.
#[test]
fn pictures_have_the_references_vectors() {
    let ((clip, _copies), files) = (exact(), sample_pictures());
    let embeddings = clip.files(&files, &ReadOptions::default()).unwrap();
    let expected = Answers::embeddings("image_embeds");
    let width = expected.shape[1];
    assert_eq!(files.len(), expected.shape[0]);
    for ((file, embedding), expected) in
        files.iter().zip(embeddings).zip(expected.values.chunks(width))
    {
        let tolerance = if file.extension().unwrap() == "jpg" { 1e-2 } else { 1e-5 };
        let actual = embedding.unwrap();
        assert_close(&file.display().to_string(), actual.as_slice(), expected, tolerance);
    }
}

/// An upload is read as the file is that it came from.
#[test]
fn bytes_have_the_vector_of_their_file() {
    let clip = clip().with_batch_size(1);
    let reading = clip.reading();
    for file in sample_pictures().into_iter().step_by(9) {
        let of_file = clip.files(&[&file], &reading).unwrap().remove(0).unwrap();
        let bytes = std::fs::read(&file).unwrap();
        let image = Picture::decode(&bytes, "upload", &reading).unwrap();
        assert_eq!(clip.encode_image(&image).unwrap(), of_file, "{}", file.display());
    }
}

/// Who makes up batches of what many ask for gets the same vectors.
#[test]
fn prepared_inputs_have_the_same_vectors() {
    let clip = clip();
    let texts = ["a dog", "a picture of a large red car on a street", "a"];
    let tokens: Vec<_> = texts.iter().map(|text| clip.tokenize(text).unwrap()).collect();
    assert_eq!(clip.encode_tokens(&tokens).unwrap(), clip.texts(&texts).unwrap());
    assert!(tokens[1].len() > tokens[0].len());
    assert!(matches!(clip.tokenize(" "), Err(Error::EmptyText)));
    assert!(matches!(clip.tokenize(&"dog ".repeat(99)), Err(Error::Text(_))));

    let image = Picture::read(&samples_dir().join("fx-dog.png"), &clip.reading()).unwrap();
    let [prepared] = clip.encode_prepared(&[clip.prepare(&image)]).unwrap().try_into().unwrap();
    assert_eq!(prepared, clip.encode_image(&image).unwrap());

    let (labels, templates) = (["dog", "car"], ["a photo of a {}", "a drawing of a {}"]);
    let prompts = clip::prompts(&labels, &templates).unwrap();
    assert_eq!(prompts[1], "a drawing of a dog");
    let given = clip.classifier_from(&labels, &clip.texts(&prompts).unwrap()).unwrap();
    let own = clip.classifier(&labels, &templates).unwrap();
    assert_eq!(given.probabilities(&prepared), own.probabilities(&prepared));
}

#[test]
fn stored_embeddings_come_back_to_the_bit() {
    let embedding = clip().text("a dog").unwrap();
    assert_eq!(Embedding::from_unit(embedding.as_slice().to_vec()), Some(embedding));
    for other in [vec![], vec![0.5, 0.5], vec![f32::NAN, 1.0], vec![f32::INFINITY]] {
        assert_eq!(Embedding::from_unit(other.clone()), None, "{other:?}");
    }
}

/// The first program anyone writes with CLIP: four drawings, four sentences, both directions.
#[test]
fn four_drawings_and_four_sentences() {
    let ((clip, _copies), table) = (exact(), Answers::open().drawings);
    let texts = clip.texts(&table.sentences).unwrap();
    let files: Vec<_> = table.pictures.iter().map(|file| samples_dir().join(file)).collect();
    let pictures: Vec<_> = files.iter().map(|file| clip.file(file).unwrap()).collect();
    let scores: Vec<Vec<f32>> = texts
        .iter()
        .map(|text| pictures.iter().map(|picture| picture.similarity(text)).collect())
        .collect();
    for (sentence, (actual, expected)) in
        table.sentences.iter().zip(scores.iter().zip(&table.reference))
    {
        assert_close(sentence, actual, expected, 1e-5);
    }

    let answers = Drawings::best(&scores);
    assert_eq!(
        answers,
        Drawings::best(&table.reference),
        "sentence to picture, picture to sentence"
    );
    let right = answers.iter().map(|answers| Drawings::right(answers)).sum::<usize>();
    assert_eq!(right, 8, "of 8 are right");
}

/// The newcomer's measure: each label of `samples/captions.tsv` asks for its pictures.
#[test]
fn labels_of_the_samples_find_their_pictures() {
    let clip = clip();
    let table = std::fs::read_to_string(samples_dir().join("captions.tsv")).unwrap();
    let rows: Vec<Vec<&str>> =
        table.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    let files: Vec<_> = rows.iter().map(|row| samples_dir().join(row[0])).collect();
    let pictures: Vec<_> = clip.files(&files, &ReadOptions::default()).unwrap();
    let pictures: Vec<_> = pictures.into_iter().map(Result::unwrap).collect();
    let labels: BTreeSet<_> = rows.iter().map(|row| row[2]).collect();
    let place = |label: &&str| {
        let question = clip.text(&format!("a picture of a {label}")).unwrap();
        let scores = pictures.iter().map(|picture| question.similarity(picture));
        let scored: Vec<_> = rows.iter().zip(scores).collect();
        let right = scored.iter().filter(|(row, _)| row[2] == *label);
        let best = right.map(|(_, score)| *score).fold(f32::MIN, f32::max);
        1 + scored.iter().filter(|(_, score)| *score > best).count()
    };
    let places: Vec<_> = labels.iter().map(place).collect();
    let within = |last: usize| places.iter().filter(|place| **place <= last).count();
    let figures = (labels.len(), within(1), within(5));
    assert!(figures.1 >= 9 && figures.2 >= 18, "labels, first, in the first five: {figures:?}");
}

/// Exact reading follows OpenAI's, which drops transparency; else a picture stands on white.
#[test]
fn transparency_and_exact_reading() {
    let (clip, _copies) = exact();
    let files = ["dog", "cat", "horse"].map(|name| formats_dir().join(format!("{name}-alpha.png")));
    let reference = ReadOptions::reference(clip.card().preprocess.mode);
    for (options, expected) in
        [(ReadOptions::default(), "alpha_embeds_on_white"), (reference, "alpha_embeds_dropped")]
    {
        let embeddings = clip.files(&files, &options).unwrap();
        let embeddings: Vec<_> = embeddings.into_iter().map(Result::unwrap).collect();
        let expected = Answers::embeddings(expected).values;
        assert_close(&format!("{options:?}"), &vectors(&embeddings), &expected, 1e-5);
    }
}

/// The orientation that a camera noted is followed for people and ignored for comparing numbers.
#[test]
fn orientation_and_exact_reading() {
    let clip = clip();
    let [turned, upright] =
        ["dog-exif6.jpg", "dog-baseline.jpg"].map(|name| formats_dir().join(name));
    let exact = ReadOptions::reference(clip.card().preprocess.mode);
    let one = |options| clip.files(&[&turned], options).unwrap().remove(0).unwrap();
    let upright = clip.file(&upright).unwrap();
    let (followed, ignored) = (one(&ReadOptions::default()), one(&exact));
    assert!(followed.similarity(&upright) > 0.99, "{}", followed.similarity(&upright));
    assert!(ignored.similarity(&upright) < 0.98, "{}", ignored.similarity(&upright));
}

#[test]
fn one_bad_file_fails_alone() {
    let good = samples_dir().join("fx-dog.png");
    let bad = samples_dir().join("captions.tsv");
    let missing = PathBuf::from("no/such.png");
    let clip = clip();
    let results = clip.files(&[&good, &bad, &good, &missing], &ReadOptions::default()).unwrap();
    assert!(matches!(
        results.as_slice(),
        [Ok(a), Err(Error::Picture(_)), Ok(b), Err(Error::Picture(_))] if a == b
    ));
}

#[test]
fn texts_that_say_nothing_or_too_much_are_refused() {
    let clip = clip();
    for empty in ["", "  ", "\n\t"] {
        assert!(matches!(clip.text(empty), Err(Error::EmptyText)), "{empty:?}");
    }
    let long = "word ".repeat(500);
    let limit = clip.card().config.text.context_length;
    let error = clip.text(&long).unwrap_err().to_string();
    assert!(error.contains("502") && error.contains(&limit.to_string()), "{error}");
    let cut = clip.with_overflow(Overflow::Truncate);
    assert_eq!(cut.text(&long).unwrap(), cut.text(&"word ".repeat(limit - 2)).unwrap());
}

#[test]
fn probabilities_are_the_softmax_of_scaled_cosines() {
    let clip = clip();
    let picture = clip.file(&samples_dir().join("fx-car.png")).unwrap();
    let labels = ["dog", "cat", "car"];
    let cosines: Vec<f32> = labels
        .iter()
        .map(|label| picture.similarity(&clip.text(&format!("a photo of a {label}")).unwrap()))
        .collect();
    let scale = clip.logit_scale().unwrap();
    let weights: Vec<f32> = cosines.iter().map(|cosine| (scale * cosine).exp()).collect();
    let sum: f32 = weights.iter().sum();
    let expected: Vec<f32> = weights.iter().map(|weight| weight / sum).collect();
    let actual: Vec<f32> =
        clip.classify(&picture, &labels).unwrap().into_iter().map(|(_, p)| p).collect();
    assert_close("probabilities", &actual, &expected, 1e-5);
}

#[test]
fn templates_are_averaged() {
    let clip = clip();
    let templates = ["a photo of a {}", "a drawing of a {}", "{}"];
    let classifier = clip.classifier(&["dog", "cat"], &templates).unwrap();
    let ensemble = |label: &str| {
        let texts = templates.map(|template| clip.text(&template.replace("{}", label)).unwrap());
        clip.combine(&texts.each_ref().map(|text| (1.0, text))).unwrap()
    };
    let picture = clip.file(&samples_dir().join("fx-cat.png")).unwrap();
    let scale = clip.logit_scale().unwrap();
    let [dog, cat] = ["dog", "cat"].map(|label| scale * picture.similarity(&ensemble(label)));
    let expected = 1.0 / (1.0 + (cat - dog).exp());
    assert_close("dog", &classifier.probabilities(&picture)[..1], &[expected], 1e-5);
}

#[test]
fn labels_and_templates_that_cannot_work_are_refused() {
    let clip = clip();
    let none: [&str; 0] = [];
    assert!(matches!(clip.classifier(&none, &["{}"]), Err(Error::NoLabels)));
    let error = clip.classifier(&["dog"], &["a photo"]).unwrap_err().to_string();
    assert!(error.contains("'a photo'") && error.contains("{}"), "{error}");
}

#[test]
fn terms_are_weighted_and_normalized() {
    let clip = clip();
    let [dog, cat] = ["dog", "cat"].map(|text| clip.text(text).unwrap());
    let sum = clip.combine(&[(2.0, &dog), (-0.5, &cat)]).unwrap();
    let raw: Vec<f32> =
        dog.as_slice().iter().zip(cat.as_slice()).map(|(a, b)| 2.0 * a - 0.5 * b).collect();
    let norm = raw.iter().map(|x| x * x).sum::<f32>().sqrt();
    let expected: Vec<f32> = raw.iter().map(|x| x / norm).collect();
    assert_close("2 dog - 0.5 cat", sum.as_slice(), &expected, 1e-6);
    for terms in [vec![(1.0, &dog), (-1.0, &dog)], vec![(0.0, &dog)], vec![]] {
        assert!(matches!(clip.combine(&terms), Err(Error::NothingLeft)));
    }
}

/// A text search must not need the picture half of the file: damage there goes unseen.
#[test]
fn texts_do_not_read_the_picture_half() {
    let source = clip_testkit::builtin_model();
    let mut bytes = std::fs::read(&source).unwrap();
    let checkpoint = clip::Checkpoint::open(&source).unwrap();
    let weights = checkpoint.stored("visual_projection.ln.gamma").unwrap().bytes;
    let at = bytes.windows(weights.len()).position(|window| window == weights).unwrap();
    bytes[at..at + 2].copy_from_slice(&[0xff, 0x7f]); // an f16 NaN
    let folder = tempfile::tempdir().unwrap();
    let damaged = folder.path().join("damaged.safetensors");
    std::fs::write(&damaged, bytes).unwrap();

    let clip = Embedder::open(&damaged, &device()).unwrap();
    assert!(clip.text("a dog").is_ok());
    let error = clip.file(&samples_dir().join("fx-dog.png")).unwrap_err().to_string();
    assert!(error.contains("visual_projection.ln.gamma holds NaN"), "{error}");
}

/// What a camera stores in colors of its own is found as what a viewer shows.
#[test]
fn colors_are_those_that_viewers_show() {
    let clip = clip();
    let shown =
        clip::read_picture(&samples_dir().join("dog.webp"), &ReadOptions::default()).unwrap();
    let linear = |level: &u8| {
        let level = f64::from(*level) / 255.0;
        let light =
            if level <= 0.04045 { level / 12.92 } else { ((level + 0.055) / 1.055).powf(2.4) };
        (light * 65_535.0).round() as u16
    };
    let stored = image::ImageBuffer::<image::Rgb<u16>, Vec<u16>>::from_raw(
        shown.width(),
        shown.height(),
        shown.iter().map(linear).collect(),
    );
    let profile =
        clip_testkit::repository_root().join("crates/clip-preprocess/tests/data/color/linear.icc");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("linear.png");
    let mut encoder = image::codecs::png::PngEncoder::new(std::fs::File::create(&path).unwrap());
    image::ImageEncoder::set_icc_profile(&mut encoder, std::fs::read(profile).unwrap()).unwrap();
    image::DynamicImage::ImageRgb16(stored.unwrap()).write_with_encoder(encoder).unwrap();

    let expected = clip.picture(&shown).unwrap();
    let cosine = |options: &ReadOptions| {
        let found = clip.files(&[&path], options).unwrap().remove(0).unwrap();
        found.as_slice().iter().zip(expected.as_slice()).map(|(a, b)| a * b).sum::<f32>()
    };
    let (shown, as_references) = (cosine(&clip.reading()), cosine(&ReadOptions::default()));
    assert!(shown > 0.999 && as_references < 0.99, "{shown}, {as_references}");
}
