use std::fs;

use clip_checkpoint::Checkpoint;
use clip_model::Clip;
use clip_train::{Outcome, Record, Start, TrainConfig};

use crate::setup::{config, device, run};

fn steps(metrics: &str) -> Vec<(u64, f32)> {
    let records = metrics.lines().map(|line| serde_json::from_str(line).unwrap());
    let step = |record| match record {
        Record::Step { step, loss, .. } => Some((step, loss)),
        _ => None,
    };
    records.filter_map(step).collect()
}

/// Stopped in the middle of an epoch and at the end of one: the same losses and weights, bit for
/// bit, as without a stop.
#[test]
fn a_resumed_run_equals_an_unbroken_one() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    let (outcome, unbroken, trainer) = run(config(&whole), Start::New, None);
    assert_eq!(outcome.unwrap(), Outcome::Finished);
    assert_eq!(unbroken.losses.len() as u64, trainer.steps());
    assert!(unbroken.problems.is_empty(), "{:?}", unbroken.problems);

    let mut losses = Vec::new();
    for (start, stop) in [(Start::New, Some(4)), (Start::Resume, Some(2)), (Start::Resume, None)] {
        let (outcome, part, _) = run(config(&broken), start, stop);
        assert_eq!(outcome.unwrap() == Outcome::Stopped, stop.is_some());
        losses.extend(part.losses);
    }
    assert_eq!(losses, unbroken.losses);
    for file in ["best.safetensors", "last.safetensors"] {
        let read = |run: &std::path::Path| fs::read(run.join(file)).unwrap();
        assert_eq!(read(&whole), read(&broken), "{file}");
    }
    let read = |run: &std::path::Path| fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    assert_eq!(steps(&read(&whole)), steps(&read(&broken)));
}

/// The state is older than the last step where a program is killed: what came after is taken again
/// and stands once in the metrics.
#[test]
fn steps_after_the_last_save_are_taken_again() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("run");
    let (_, _, _) = run(config(&output), Start::New, Some(4));
    let saved = fs::read(output.join("state.safetensors")).unwrap();
    run(config(&output), Start::Resume, Some(3)).0.unwrap();
    fs::write(output.join("state.safetensors"), saved).unwrap();
    run(config(&output), Start::Resume, None).0.unwrap();
    let numbers: Vec<u64> = steps(&fs::read_to_string(output.join("metrics.jsonl")).unwrap())
        .into_iter()
        .map(|(step, _)| step)
        .collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
}

/// A stop on the last step would leave out the validation of the finished model.
#[test]
fn a_stop_on_the_last_step_comes_too_late() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.schedule.max_steps = 2;
    let (outcome, watcher, _) = run(config, Start::New, Some(2));
    assert_eq!(outcome.unwrap(), Outcome::Finished);
    assert_eq!(watcher.validations.len(), 1);
}

#[test]
fn a_run_leaves_models_metrics_and_a_plot() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.schedule.epochs = 30;
    config.schedule.learning_rate = 2e-3;
    let (outcome, watcher, trainer) = run(config.clone(), Start::New, None);
    outcome.unwrap();
    let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
    let count = watcher.losses.len();
    let (first, last) = (mean(&watcher.losses[..6]), mean(&watcher.losses[count - 6..]));
    assert!(last < 0.8 * first, "the loss went from {first} to {last}");
    let files = trainer.files();
    for file in [files.best(), files.last()] {
        let checkpoint = Checkpoint::open(&file).unwrap();
        assert_eq!(checkpoint.card().config, trainer.card().config);
        Clip::load(&checkpoint, &device()).unwrap();
    }
    let svg = fs::read_to_string(files.plot()).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("recall"), "{}", &svg[..200]);
    let written = fs::read_to_string(files.config()).unwrap();
    assert_eq!(TrainConfig::parse("config.toml", &written).unwrap(), config);
    // 35 of the names stand under one picture each, and 8 fall on it by chance in 4 or 5.
    let best = watcher.validations.iter().map(|v| v.text_to_image[2]).fold(0.0, f64::max);
    assert!(best > 0.5, "recall at 10 is {best}");
}

/// The fingerprint looked at the sizes alone where weights came from no file: a library took the
/// vectors of one trained model for another's.
#[test]
fn two_models_of_one_run_have_two_fingerprints() {
    let folder = tempfile::tempdir().unwrap();
    let prints = [Start::New, Start::Resume].map(|start| {
        run(config(folder.path()), start, Some(1)).0.unwrap();
        Checkpoint::open(&folder.path().join("last.safetensors")).unwrap().fingerprint()
    });
    assert_ne!(prints[0], prints[1]);
}
