//! Batches: their order, their rows, and what may not change them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::{format, numbered_tar, open, tar};
use clip_checkpoint::{Interpolation, PreprocessConfig, PreprocessMode, ResizeMode};
use clip_data::{
    AugmentConfig, Batch, CaptionConfig, Dataset, Loader, LoaderConfig, SamplerConfig, Transform,
};
use clip_preprocess::{Preprocessor, ReadOptions};

fn card() -> PreprocessConfig {
    PreprocessConfig {
        mode: PreprocessMode::HfPil,
        resize: ResizeMode::Shortest,
        resize_size: 16,
        interpolation: Interpolation::Bicubic,
        crop_size: 16,
        mean: [0.5, 0.4, 0.3],
        std: [0.2, 0.3, 0.4],
    }
}

fn shard(folder: &Path, count: usize, names: usize) -> Arc<Dataset> {
    let path = folder.join("s.tar");
    numbered_tar(&path, count, names);
    Arc::new(open(&path))
}

fn loader(dataset: &Arc<Dataset>, augment: &AugmentConfig, config: &LoaderConfig) -> Loader {
    let transform = Transform::train(augment, &card()).unwrap();
    let sampler = SamplerConfig { batch_size: 20, drop_last: false, ..SamplerConfig::default() };
    let captions = CaptionConfig::default();
    Loader::new(Arc::clone(dataset), transform, &captions, &sampler, config, 11).unwrap()
}

fn config(workers: usize, prefetch: usize, cache_mib: usize) -> LoaderConfig {
    LoaderConfig { workers, prefetch, cache_mib }
}

#[test]
fn batches_depend_on_the_seed_only() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = shard(folder.path(), 70, 35);
    let augment = AugmentConfig::default();
    let make = |config| -> Vec<Batch> {
        let loader = loader(&dataset, &augment, &config);
        (0..2).flat_map(|epoch| loader.epoch(epoch, 0)).collect()
    };
    let expected = make(config(1, 1, 0));
    let (first, second) = expected.split_at(expected.len() / 2);
    assert!(first.iter().map(|batch| batch.step).eq(0..first.len()));
    assert!(second.iter().map(|batch| batch.step).eq(0..second.len()));
    assert!(first.iter().take(3).all(|batch| batch.len() == 20));
    assert_eq!(expected.iter().map(Batch::len).sum::<usize>(), 140);
    assert_ne!(first[0].pixels, second[0].pixels);
    for batch in &expected {
        assert_eq!(batch.pixels.len(), batch.len() * 3 * 16 * 16);
        assert_eq!((batch.captions.len(), batch.groups.len()), (batch.len(), batch.len()));
        assert!(batch.pixels.iter().all(|value| value.is_finite()));
    }
    for other in [config(3, 2, 64), config(8, 9, 1), config(0, 1, 64)] {
        assert_eq!(make(other), expected);
    }
}

#[test]
fn a_resumed_epoch_is_the_rest_of_an_unbroken_one() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = shard(folder.path(), 70, 35);
    let loader = loader(&dataset, &AugmentConfig::default(), &config(2, 2, 8));
    let whole: Vec<Batch> = loader.epoch(3, 0).collect();
    for first in 0..=whole.len() + 1 {
        let rest: Vec<Batch> = loader.epoch(3, first).collect();
        assert_eq!(rest, whole[first.min(whole.len())..]);
    }
}

#[test]
fn without_changes_the_pixels_are_the_embedders() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = shard(folder.path(), 25, 5);
    let loader = loader(&dataset, &AugmentConfig::none(), &config(2, 2, 8));
    let preprocessor = Preprocessor::new(&card()).unwrap();
    let mut seen = Vec::new();
    for batch in loader.in_order(0) {
        let mut expected = Vec::new();
        for index in &batch.indices {
            let picture = dataset.picture(*index, &ReadOptions::default()).unwrap();
            preprocessor.pixels_into(&picture, &mut expected);
        }
        assert_eq!(batch.pixels, expected);
        seen.extend(batch.indices);
    }
    assert!(seen.into_iter().eq(0..25));
}

#[test]
fn bad_pictures_are_left_out_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.tar");
    let good = format("dog-lossy.webp");
    tar(
        &path,
        &[
            ("0.webp", &good),
            ("0.txt", b"dog"),
            ("1.webp", b"RIFF nothing"),
            ("1.txt", b"cat"),
            ("2.jpg", &format("dog-truncated.jpg")),
            ("2.txt", b"bird"),
        ],
    );
    let dataset = Arc::new(open(&path));
    let batches: Vec<Batch> =
        loader(&dataset, &AugmentConfig::default(), &config(2, 1, 1)).epoch(0, 0).collect();
    let [batch] = batches.as_slice() else { panic!("{} batches", batches.len()) };
    assert_eq!(
        (batch.indices.as_slice(), batch.captions.as_slice()),
        (&[0][..], &["dog".into()][..])
    );
    assert_eq!(batch.pixels.len(), 3 * 16 * 16);
    let mut skipped: Vec<String> = batch.skipped.iter().map(ToString::to_string).collect();
    skipped.sort();
    assert!(skipped[0].contains("bad.tar:1.webp") && skipped[1].contains("2.jpg"), "{skipped:?}");
    assert!(skipped[1].contains("cut off"), "{skipped:?}");

    // A shard that vanishes costs its rows, not the run.
    std::fs::remove_file(&path).unwrap();
    let loader = loader(&dataset, &AugmentConfig::default(), &config(2, 1, 1));
    let batch = loader.epoch(0, 0).next().unwrap();
    assert!(batch.is_empty() && batch.skipped.len() == 3);
}

#[test]
fn dropping_ends_the_threads_soon() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = shard(folder.path(), 400, 400);
    let loader = loader(&dataset, &AugmentConfig::default(), &config(4, 20, 0));
    let mut batches = loader.epoch(0, 0);
    assert_eq!(batches.len(), 20);
    batches.next().unwrap();
    let start = Instant::now();
    drop(batches);
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(Arc::strong_count(&dataset), 2, "a thread still holds the data");
}

#[test]
fn settings_are_checked_and_read_from_text() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = shard(folder.path(), 3, 3);
    let new = |sampler: SamplerConfig, config: LoaderConfig| {
        let transform = Transform::exact(&card()).unwrap();
        let captions = CaptionConfig::default();
        Loader::new(Arc::clone(&dataset), transform, &captions, &sampler, &config, 0)
            .unwrap_err()
            .to_string()
    };
    let sampler = SamplerConfig { batch_size: 0, ..SamplerConfig::default() };
    assert!(new(sampler, LoaderConfig::default()).contains("batch_size"));
    assert!(new(SamplerConfig::default(), config(1, 0, 1)).contains("prefetch"));

    let parsed: AugmentConfig = serde_json::from_str(r#"{"flip": 0.25}"#).unwrap();
    assert_eq!(parsed, AugmentConfig { flip: 0.25, ..AugmentConfig::default() });
    assert!(serde_json::from_str::<AugmentConfig>(r#"{"flipp": 1}"#).is_err());
    assert!(serde_json::from_str::<SamplerConfig>(r#"{"size": 1}"#).is_err());
}

/// A caption is right for every picture whose name or keyword it is about.
#[test]
fn captions_match_the_pictures_that_their_word_describes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.tar");
    let bytes = format("dog-baseline.jpg");
    tar(
        &path,
        &[
            ("0.jpg", &bytes),
            ("0.json", br#"{"id": "0", "name": "dog", "keywords": []}"#),
            ("1.jpg", &bytes),
            ("1.json", br#"{"id": "1", "name": "dalmatian", "keywords": ["Dog"]}"#),
            ("2.jpg", &bytes),
            ("2.json", br#"{"id": "2", "name": "cat", "keywords": []}"#),
        ],
    );
    let matches = |keyword_probability: f64| {
        let transform = Transform::exact(&card()).unwrap();
        let captions = CaptionConfig { keyword_probability, ..CaptionConfig::default() };
        let sampler = SamplerConfig { batch_size: 3, ..SamplerConfig::default() };
        let dataset = Arc::new(open(&path));
        let config = config(1, 1, 0);
        let loader = Loader::new(dataset, transform, &captions, &sampler, &config, 1).unwrap();
        let batch = loader.in_order(0).next().unwrap();
        batch.matches.chunks(3).map(<[bool]>::to_vec).collect::<Vec<_>>()
    };
    let by_name = [[true, false, false], [true, true, false], [false, false, true]];
    assert_eq!(matches(0.0), by_name, "'a dalmatian' is not right for every dog");
    let by_keyword = [[true, true, false], [true, true, false], [false, false, true]];
    assert_eq!(matches(1.0), by_keyword);
}
