use std::fs;

use clip_checkpoint::{ConvActivation, ConvPadding, ConvStage, ConvStem, Dtype};
use clip_data::LoaderConfig;
use clip_model::Clip;
use clip_train::{Error, Learner, LossKind, Start, TrainConfig, Trainer, export};

use crate::setup::{config, device, run};

/// A rate that throws the weights out of the numbers.
#[test]
fn a_loss_that_is_no_number_ends_the_run_and_leaves_what_was_saved() {
    let folder = tempfile::tempdir().unwrap();
    let mut hot = config(folder.path());
    hot.schedule.learning_rate = 1e30;
    hot.schedule.warmup_steps = 0;
    hot.optimizer.weight_decay = 0.0;
    hot.save_every = 1;
    let (outcome, watcher, trainer) = run(hot.clone(), Start::New, None);
    let error = outcome.unwrap_err();
    assert!(matches!(error, Error::NotFinite { .. }), "{error}");
    assert!(error.to_string().contains("lower learning rate"), "{error}");
    assert!(!watcher.losses.is_empty());
    assert!(watcher.losses.iter().all(|loss| loss.is_finite()));
    // The weights after the bad step are finite or were not saved: the state can be read.
    let path = trainer.files().state();
    if path.exists() {
        clip_train::State::load(&path, &device()).unwrap();
    }
}

#[test]
fn a_folder_with_a_run_is_not_overwritten_and_not_resumed_with_other_settings() {
    let folder = tempfile::tempdir().unwrap();
    run(config(folder.path()), Start::New, Some(1)).0.unwrap();
    let open = |change: &dyn Fn(&mut TrainConfig), start| {
        let mut config = config(folder.path());
        change(&mut config);
        Trainer::new(config, &device(), start).map(|trainer| trainer.step())
    };
    let error = open(&|_| (), Start::New).unwrap_err();
    assert!(matches!(error, Error::Occupied { .. }), "{error}");
    let error = open(&|config| config.schedule.learning_rate = 0.5, Start::Resume).unwrap_err();
    assert!(error.to_string().contains("another `schedule`"), "{error}");
    // How batches are made changes no number.
    let other = |config: &mut TrainConfig| {
        config.data.loader = LoaderConfig { workers: 1, prefetch: 1, cache_mib: 1 };
    };
    assert_eq!(open(&other, Start::Resume).unwrap(), 1);
}

#[test]
fn a_damaged_state_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    run(config(folder.path()), Start::New, Some(1)).0.unwrap();
    let path = folder.path().join("state.safetensors");
    let whole = fs::read(&path).unwrap();
    let not_a_state = fs::read(folder.path().join("last.safetensors")).unwrap();
    for bytes in [&whole[..whole.len() / 2], b"", &not_a_state] {
        fs::write(&path, bytes).unwrap();
        let error = Trainer::new(config(folder.path()), &device(), Start::Resume).err().unwrap();
        let text = error.to_string();
        assert!(text.contains("cannot resume from") && text.contains("state"), "{text}");
    }
}

/// A place that cannot be written is told, and the run goes on to its end.
#[test]
fn a_save_that_fails_on_the_way_does_not_end_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.save_every = 1;
    config.schedule.max_steps = 3;
    fs::create_dir_all(folder.path().join("last.safetensors/in the way")).unwrap();
    let (outcome, watcher, _) = run(config, Start::New, None);
    assert_eq!(watcher.losses.len(), 3);
    assert!(watcher.problems.iter().any(|p| p.contains("last.safetensors")), "{watcher:?}");
    assert!(outcome.unwrap_err().to_string().contains("last.safetensors"));
}

#[test]
fn pictures_that_cannot_be_read_are_named_and_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let samples = clip_testkit::samples_dir();
    let names = ["dog.webp", "cat.webp", "cow.webp", "crab.webp", "duck.webp"];
    let mut table = String::from("file\tcaption\n");
    for name in names {
        fs::copy(samples.join(name), data.join(name)).unwrap();
        table += &format!("{name}\t{}\n", &name[..name.len() - 5]);
    }
    fs::write(data.join("broken.png"), b"no picture").unwrap();
    table += "broken.png\tghost\n";
    fs::write(data.join("captions.tsv"), table).unwrap();
    let mut config = config(&folder.path().join("run"));
    config.data.train = vec![data.clone()];
    config.data.validation.clear();
    config.sampler.batch_size = 6;
    let (outcome, watcher, _) = run(config.clone(), Start::New, None);
    outcome.unwrap();
    assert_eq!(watcher.losses.len(), 4);
    assert!(watcher.problems.iter().all(|problem| problem.contains("broken.png")), "{watcher:?}");
    assert_eq!(watcher.problems.len(), 4, "once an epoch");

    for name in names {
        fs::write(data.join(name), b"no picture").unwrap();
    }
    config.output = folder.path().join("nothing");
    let error = run(config, Start::New, None).0.unwrap_err();
    assert!(matches!(error, Error::AllSkipped { .. }), "{error}");
}

#[test]
fn a_model_with_a_convolutional_stem_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&folder.path().join("run"));
    let mut card = config.model.card();
    card.config.vision.conv_stem = Some(ConvStem {
        channels: 4,
        stages: vec![ConvStage { blocks: 1, channels: 6, expansion: 2, kernel_size: 3, stride: 2 }],
        head_channels: None,
        activation: ConvActivation::Relu6,
        padding: ConvPadding::Same,
    });
    let device = device().autodiff();
    let clip = Clip::init(&card.config, &device);
    let learner = Learner::new(clip, LossKind::InfoNce, true, &device);
    let path = folder.path().join("hybrid.safetensors");
    export(&learner, &card, None, Dtype::F32, &path).unwrap();
    config.from = Some(path);
    let error = Trainer::new(config, &device, Start::New).err().unwrap();
    assert!(matches!(error, Error::ConvStem { .. }), "{error}");
    assert!(
        error.to_string().contains(
            "hybrid.safetensors has a convolutional stem, which stays as it is: write [features]"
        ),
        "{error}"
    );
}
