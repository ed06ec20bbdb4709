//! How good the built-in model is on four drawings.

use std::fs;

use clip_search::Error;
use clip_search::evaluation::{EvaluationData, EvaluationError, LinearProbe, Retrieval, ZeroShot};

use crate::fixture::{Fixture, Recorder};

/// Four drawings with their names.
fn drawings() -> (Fixture, EvaluationData) {
    let fixture = Fixture::new(&["fx-car.png", "fx-cat.png", "fx-dog.png", "fx-flower.png"]);
    let rows = ["car", "cat", "dog", "flower"].map(|name| format!("fx-{name}.png\t{name}\n"));
    fs::write(fixture.path("captions.tsv"), format!("file\tname\n{}", rows.concat())).unwrap();
    let data = EvaluationData { paths: vec![fixture.images()], labels: None };
    (fixture, data)
}

#[test]
fn names_and_images_find_each_other() {
    let (fixture, data) = drawings();
    let (embedder, mut recorder) = (fixture.engine.embedder(), Recorder::default());
    let retrieval = Retrieval { data: data.clone(), ..Retrieval::default() };
    let found = retrieval.run(embedder, &mut recorder).unwrap();
    assert_eq!((found.all.images, found.all.texts), (4, 4));
    assert_eq!(found.all.report.metrics["image_retrieval_recall@5"], 1.0);
    let zero_shot = ZeroShot { data, ..ZeroShot::default() }.run(embedder, &mut recorder).unwrap();
    assert_eq!((zero_shot.all.images, zero_shot.all.texts), (4, 4));
    let (answers, names) = zero_shot.all.answers.unwrap();
    assert_eq!((answers.per_class().len(), names.len()), (4, 4));
    assert_eq!((recorder.skipped.len(), recorder.warnings.len()), (0, 0), "{recorder:?}");
}

#[test]
fn a_run_is_stopped_and_data_that_says_nothing_is_refused() {
    let (fixture, data) = drawings();
    let embedder = fixture.engine.embedder();
    let mut stops = Recorder { stop_after: Some(2), ..Recorder::default() };
    let zero_shot = ZeroShot { data: data.clone(), ..ZeroShot::default() };
    let stopped = zero_shot.run(embedder, &mut stops).unwrap_err();
    assert!(matches!(stopped, Error::Cancelled { done: 2, total: 4, .. }), "{stopped:?}");
    let captions = Retrieval { data: data.clone(), captions: true, ..Retrieval::default() };
    let none = captions.run(embedder, &mut Recorder::default()).unwrap_err();
    assert!(matches!(none, Error::Evaluation(EvaluationError::NoCaptions)), "{none}");
    let probe = LinearProbe { train: data.paths.clone(), data, ..LinearProbe::default() };
    let few = probe.run(embedder, &mut Recorder::default()).unwrap_err();
    assert!(matches!(few, Error::Evaluation(EvaluationError::TooFew { count: 4 })), "{few}");
}
