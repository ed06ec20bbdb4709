//! Runs on features: a small stem with random weights, a dozen images of three colors, prototypes of four.

use std::fs;
use std::path::{Path, PathBuf};

use clip_checkpoint::{
    CARD_VERSION, Checkpoint, ConvActivation, ConvPadding, ConvStage, ConvStem, ConvStemCard,
    ConvStemCheckpoint, Dtype, Interpolation, PreprocessConfig, PreprocessMode, ResizeMode, Source,
    TensorSource, TensorSpec, Tower, write_conv_stem,
};
use clip_preprocess::RgbImage;
use clip_train::{
    Error, FeatureConfig, FreshModel, Outcome, PrototypeConfig, RowConfig, Start, TextStart,
    TowerSize, TrainConfig, Trainer, TranslationConfig, Validation,
};
use tempfile::TempDir;

use crate::setup::{device, run};

const COLORS: [(&str, [u8; 3]); 3] =
    [("red", [220, 30, 40]), ("green", [40, 200, 60]), ("blue", [30, 60, 210])];

const CLASSES: &str = r#"[
    {"words": ["red", "scarlet"], "hyper": ["color", "warm color"], "gloss": "of blood"},
    {"words": ["green"], "hyper": ["color"]},
    {"words": ["blue", "azure"], "hyper": ["color", "cold color"]},
    {"words": ["yellow"], "hyper": ["color", "warm color", "yellow"]}
]"#;

/// Files that a run starts from.
struct Fixture {
    folder: TempDir,
}

/// Values that follow from the name of a tensor.
struct Random;

impl TensorSource for Random {
    type Error = clip_checkpoint::Error;

    fn read(&mut self, spec: &TensorSpec) -> clip_checkpoint::Result<Vec<f32>> {
        let mut state =
            spec.name.bytes().fold(7u64, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte));
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        let inputs = spec.elements() / spec.shape.last().copied().unwrap_or(1).max(1);
        let scale = if spec.shape.len() > 1 { 2.0 / (inputs as f32).sqrt() } else { 0.3 };
        // What f16 holds, so that a checkpoint has the stem to the bit.
        let round = |value: f32| (value * 256.0).round() / 256.0;
        Ok((0..spec.elements()).map(|_| round(next() * scale)).collect())
    }
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        let mut lines = String::new();
        for (name, color) in COLORS {
            for number in 0..4u8 {
                let file = format!("{name}{number}.png");
                RgbImage::from_fn(20, 16, |x, y| {
                    let noise = (x * 7 + y * 13 + u32::from(number) * 29) % 40;
                    image_pixel(color.map(|value| value.saturating_add(noise as u8)))
                })
                .save(data.join(&file))
                .unwrap();
                let kind = if number == 3 { "emoji" } else { "photo" };
                lines += &format!(
                    "{{\"file\": \"{file}\", \"name\": \"{name}\", \"keywords\": [\"color\"], \"kind\": \"{kind}\"}}\n"
                );
            }
        }
        fs::write(data.join("captions.jsonl"), lines).unwrap();
        fs::write(folder.path().join("classes.json"), CLASSES).unwrap();
        write_stem(&folder.path().join("stem.safetensors"), Some(4));
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A run of 12 steps that trains projection and text tower.
    fn config(&self, output: &str) -> TrainConfig {
        let mut config = TrainConfig {
            seed: 3,
            output: self.path(output),
            validation_template: "{}".to_owned(),
            model: FreshModel {
                name: "colors".to_owned(),
                license: "MIT".to_owned(),
                image_size: 16,
                resize_size: 16,
                embed_dim: 8,
                stem: Some(self.path("stem.safetensors")),
                hidden: 4,
                text: TowerSize { width: 8, layers: 1, heads: 2 },
                text_start: TextStart::WeightedSum,
                vocab_size: 2048,
                ..FreshModel::default()
            },
            features: Some(FeatureConfig {
                folder: Some(self.path("features")),
                views: 2,
                batch_size: 8,
                class_cap: 3,
                photo_share: Some(0.5),
                ..FeatureConfig::default()
            }),
            prototypes: Some(PrototypeConfig {
                classes: self.path("classes.json"),
                classifier: self.path("stem.safetensors"),
                batch_size: 4,
                min_images: 2,
                initial_output: 4.0,
                ..PrototypeConfig::default()
            }),
            ..TrainConfig::default()
        };
        config.data.train = vec![self.path("data")];
        config.data.validation = vec![self.path("data")];
        config.captions.templates = vec!["{}".to_owned(), "the color {}".to_owned()];
        config.optimizer.clip_norm = 0.0;
        config.optimizer.token_embedding =
            Some(RowConfig { rate_factor: 10.0, ..RowConfig::default() });
        config.schedule.epochs = 6;
        config.schedule.warmup_steps = 2;
        config.schedule.learning_rate = 2e-3;
        config
    }

    /// The files of features, and what is in them.
    fn features(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = fs::read_dir(self.path("features")).unwrap();
        let mut files: Vec<_> = entries
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    }
}

fn image_pixel<P: From<[u8; 3]>>(color: [u8; 3]) -> P {
    color.into()
}

fn write_stem(path: &Path, classes: Option<usize>) {
    let stage =
        |channels, stride| ConvStage { blocks: 1, channels, expansion: 2, kernel_size: 3, stride };
    let card = ConvStemCard {
        card_version: CARD_VERSION,
        name: "tiny-stem".to_owned(),
        conv_stem: ConvStem {
            channels: 4,
            stages: vec![stage(6, 2), stage(8, 1)],
            head_channels: Some(12),
            activation: ConvActivation::Relu6,
            padding: ConvPadding::Same,
        },
        classes,
        preprocess: PreprocessConfig {
            mode: PreprocessMode::HfPil,
            resize: ResizeMode::Shortest,
            resize_size: 32,
            interpolation: Interpolation::Bicubic,
            crop_size: 32,
            mean: [127.0 / 255.0; 3],
            std: [128.0 / 255.0; 3],
        },
        source: Source {
            origin: "a test".to_owned(),
            files: Vec::new(),
            converter: "by hand".to_owned(),
        },
        license: Some("Apache-2.0".to_owned()),
    };
    write_conv_stem(path, &card, Dtype::F32, &mut Random).unwrap();
}

#[test]
fn projection_and_text_tower_learn_together_above_a_stem() {
    let fixture = Fixture::new();
    let mut config = fixture.config("run");
    config.schedule.epochs = 100;
    config.schedule.learning_rate = 5e-3;
    let (outcome, watcher, trainer) = run(config, Start::New, None);
    assert_eq!(outcome.unwrap(), Outcome::Finished);
    let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
    let count = watcher.losses.len();
    assert_eq!(count, 200);
    let (first, last) = (mean(&watcher.losses[..8]), mean(&watcher.losses[count - 8..]));
    // Shared targets leave the loss their entropy.
    assert!(last < first - 0.5, "the loss went from {first} to {last}");
    let best = watcher.validations.iter().map(|v| v.image_to_text[0]).fold(0.0, f64::max);
    assert!(best > 0.9, "{best} of the images find their color");

    let files = trainer.files();
    for file in [files.last(), files.best()] {
        let checkpoint = Checkpoint::open(&file).unwrap();
        let card = checkpoint.card();
        assert_eq!(card.license.as_deref(), Some("MIT, Apache-2.0 (tiny-stem)"));
        assert_eq!(card.source.origin, "trained above tiny-stem of a test");
        assert_eq!((card.preprocess.crop_size, card.preprocess.mean[0]), (16, 127.0 / 255.0));
        let stem = ConvStemCheckpoint::open(&fixture.path("stem.safetensors")).unwrap();
        let of_stem = checkpoint.tower(Tower::Vision).map(|spec| spec.name);
        for name in of_stem.filter(|name| name.starts_with("visual.conv_stem.")) {
            assert_eq!(checkpoint.read(&name).unwrap(), stem.read(&name).unwrap(), "{name}");
        }
    }
}

/// A table of one language and `emojibase-data` in another; of neither does `pink` name an image.
#[test]
fn names_are_found_in_the_languages_that_were_learned() {
    let fixture = Fixture::new();
    let table = "text\ttranslation\tlanguage\nRed\trot\tde\ngreen\tgrün\tde\nblue\tblau\tde\n\
                 pink\trosa\tde\nred\tkarmin\tde\n";
    fs::write(fixture.path("names.tsv"), table).unwrap();
    let emojis = |language: &str, labels: [&str; 4]| {
        let emoji = |(place, label)| format!("{{\"hexcode\":\"1F{place}\",\"label\":\"{label}\"}}");
        let emojis: Vec<String> = labels.iter().enumerate().map(emoji).collect();
        fs::create_dir_all(fixture.path(language)).unwrap();
        let path = fixture.path(&format!("{language}/data.json"));
        fs::write(&path, format!("[{}]", emojis.join(","))).unwrap();
        path
    };
    let english = emojis("en", ["red", "green", "blue", "pink"]);
    let french = emojis("fr", ["rouge", "vert", "bleu", "rose"]);
    let config = |files: &[&Path], output: &str| {
        let mut config = fixture.config(output);
        config.schedule.epochs = 100;
        config.schedule.learning_rate = 5e-3;
        let files = files.iter().map(|path| path.to_path_buf()).collect();
        config.translations = Some(TranslationConfig { files, batch_size: 6, weight: 0.2 });
        config
    };
    let files: [&Path; 3] = [&fixture.path("names.tsv"), &french, &english];
    let (outcome, watcher, trainer) = run(config(&files, "run"), Start::New, None);
    outcome.unwrap();
    let translations = trainer.translations().unwrap();
    assert_eq!((translations.learned(), translations.languages()), (6, 2));
    let last = watcher.validations.last().unwrap();
    let languages: Vec<&str> = last.languages.keys().map(String::as_str).collect();
    assert_eq!(languages, ["de", "en", "fr"]);
    let is_found = |v: &Validation| v.languages.values().all(|recall| *recall == 1.0);
    assert!(watcher.validations.iter().any(is_found), "{watcher:?}");
    let metrics = fs::read_to_string(trainer.files().metrics()).unwrap();
    assert!(metrics.contains("\"languages\":{\"de\":"), "{metrics}");

    let refused = |files: &[&Path], expected: &str| {
        let error = Trainer::new(config(files, "other"), &device(), Start::New).err().unwrap();
        assert!(error.to_string().contains(expected), "{error}");
    };
    refused(&[&french], "fr/data.json: its English texts are missing: add `en/data.json`");
    refused(&[&english], "translates none of the texts that are learned");
    fs::write(fixture.path("names.tsv"), "text\tlanguage\nred\tde\n").unwrap();
    refused(&[&fixture.path("names.tsv")], "no column for translation");
    fs::write(&french, "{}").unwrap();
    refused(&[&french, &english], "fr/data.json: invalid type");
}

/// Also where it is stopped while features are made.
#[test]
fn a_resumed_run_on_features_equals_an_unbroken_one() {
    let fixture = Fixture::new();
    fs::write(fixture.path("names.tsv"), "text\ttranslation\tlanguage\nred\trot\tde\n").unwrap();
    let config = |output: &str| {
        let mut config = fixture.config(output);
        let features = config.features.as_mut().unwrap();
        (features.mix_probability, features.name_negatives) = (0.5, 2);
        let files = vec![fixture.path("names.tsv")];
        config.translations = Some(TranslationConfig { files, ..TranslationConfig::default() });
        config
    };
    let (outcome, unbroken, _) = run(config("whole"), Start::New, None);
    assert_eq!(outcome.unwrap(), Outcome::Finished);
    fs::remove_dir_all(fixture.path("features")).unwrap();

    let mut losses = Vec::new();
    let stops = [(Start::New, Some(0)), (Start::Resume, Some(5)), (Start::Resume, None)];
    for (start, stop) in stops {
        let (outcome, part, _) = run(config("broken"), start, stop);
        assert_eq!(outcome.unwrap() == Outcome::Stopped, stop.is_some());
        assert_eq!(part.losses.len(), stop.unwrap_or(7));
        losses.extend(part.losses);
    }
    assert_eq!(losses, unbroken.losses);
    for file in ["last.safetensors", "best.safetensors"] {
        let read = |run: &str| fs::read(fixture.path(run).join(file)).unwrap();
        assert!(read("whole") == read("broken"), "{file}");
    }
}

#[test]
fn features_are_kept_until_what_they_depend_on_changes() {
    let fixture = Fixture::new();
    let train = |name: &str, change: &dyn Fn(&mut TrainConfig)| {
        let mut config = fixture.config(name);
        config.schedule.max_steps = 2;
        change(&mut config);
        let (outcome, watcher, _) = run(config, Start::New, None);
        outcome.unwrap();
        watcher
    };
    // Two views of the images to learn from; the first of them is also that of those to validate on.
    let first = train("first", &|_| ());
    assert_eq!((first.features_made, fixture.features().len()), (24, 2));
    let again = train("again", &|_| ());
    assert_eq!((again.features_made, &again.losses), (0, &first.losses));
    // Which images are drawn changes no feature; the changes to images change one view.
    assert_eq!(
        train("drawn", &|config| config.captions.keyword_probability = 0.9).features_made,
        0
    );
    assert_eq!(train("changed", &|config| config.augment.gray = 1.0).features_made, 12);
    assert_eq!(train("larger", &|config| config.model.resize_size = 18).features_made, 24);
    fs::copy(fixture.path("data/red0.png"), fixture.path("data/blue0.png")).unwrap();
    assert_eq!(train("other image", &|_| ()).features_made, 24);

    for (number, (path, mut bytes)) in fixture.features().into_iter().enumerate() {
        let last = bytes.len() - 1;
        match number % 2 {
            0 => bytes[last] ^= 1,
            _ => bytes.truncate(last),
        }
        fs::write(path, bytes).unwrap();
    }
    assert_eq!(train("damaged", &|_| ()).features_made, 24);
}

/// From both, a run on features trains projection and text tower together; the stem stays.
#[test]
fn projection_and_text_tower_are_trained_further_on_features() {
    let fixture = Fixture::new();
    run(fixture.config("first"), Start::New, None).0.unwrap();
    let from = fixture.path("first/last.safetensors");
    let mut config = fixture.config("both");
    config.from = Some(from.clone());
    config.chunk = 5;
    config.ema = 0.9;
    config.prototypes.as_mut().unwrap().initial_output = 0.0;
    let (outcome, watcher, trainer) = run(config, Start::New, None);
    outcome.unwrap();
    assert_eq!(watcher.features_made, 0, "the features of the first run serve");
    assert!(watcher.losses.iter().all(|loss| loss.is_finite()));
    let [before, after] =
        [from, trainer.files().last()].map(|path| Checkpoint::open(&path).unwrap());
    for spec in [Tower::Vision, Tower::Text].into_iter().flat_map(|tower| before.tower(tower)) {
        let moved = before.read(&spec.name).unwrap() != after.read(&spec.name).unwrap();
        assert_eq!(moved, !spec.name.starts_with("visual.conv_stem."), "{}", spec.name);
    }
}

/// Two texts in their sentences may be one: `reds`, and `red` in `{}s`. It is right for what either names;
/// an image was left without a right text, and the loss was no number.
#[test]
fn a_sentence_of_two_texts_is_right_for_the_images_of_both() {
    let fixture = Fixture::new();
    let classes = CLASSES.replace(
        r#"{"words": ["yellow"], "hyper": ["color", "warm color", "yellow"]}"#,
        r#"{"words": ["reds"]}"#,
    );
    fs::write(fixture.path("classes.json"), classes).unwrap();
    let mut config = fixture.config("run");
    config.captions.templates = vec!["{}".to_owned(), "{}s".to_owned()];
    config.captions.keyword_probability = 0.0;
    let (outcome, watcher, _) = run(config, Start::New, None);
    outcome.unwrap();
    assert_eq!(watcher.losses.len(), 12);
}

#[test]
fn images_without_features_are_named_and_left_out() {
    let fixture = Fixture::new();
    fs::write(fixture.path("data/green1.png"), b"no picture").unwrap();
    let (outcome, watcher, _) = run(fixture.config("run"), Start::New, None);
    outcome.unwrap();
    assert_eq!(watcher.losses.len(), 12);
    assert_eq!(watcher.problems.len(), 1, "{watcher:?}");
    assert!(watcher.problems[0].contains("green1.png"), "{watcher:?}");
    for (name, _) in COLORS {
        for number in 0..4 {
            fs::write(fixture.path(&format!("data/{name}{number}.png")), b"no picture").unwrap();
        }
    }
    let error = run(fixture.config("nothing"), Start::New, None).0.unwrap_err();
    assert!(matches!(error, Error::AllSkipped { .. }), "{error}");
}

#[test]
fn settings_that_do_not_go_together_are_named() {
    let fixture = Fixture::new();
    let check = |change: &dyn Fn(&mut TrainConfig), expected: &str| {
        let mut config = fixture.config("run");
        change(&mut config);
        let text = match TrainConfig::parse("run.toml", &config.to_toml()) {
            Err(error) => error.to_string(),
            Ok(config) => {
                let mut watcher = crate::setup::Watcher::default();
                let run = |mut trainer: Trainer| trainer.run(&mut watcher).map(|_| ());
                let outcome = Trainer::new(config, &device(), Start::New).and_then(run);
                outcome.unwrap_err().to_string()
            }
        };
        assert!(text.contains(expected), "{text}");
    };
    check(&|config| config.features = None, "[prototypes] needs a run on features");
    check(
        &|config| {
            (config.features, config.prototypes) = (None, None);
        },
        "`model.stem` needs a run on features: write [features]",
    );
    check(&|config| config.model.patch_size = 4, "leave them out");
    check(&|config| config.sampler.class_cap = 4, "[sampler] plans epochs of images");
    check(&|config| config.from = Some("a.safetensors".into()), "with `from` leave it out");
    let features = |change: fn(&mut FeatureConfig)| {
        move |config: &mut TrainConfig| change(config.features.as_mut().unwrap())
    };
    check(&features(|f| f.mix_probability = 1.5), "`features.mix_probability` is 1.5");
    check(
        &|config| {
            config.translations = Some(TranslationConfig::default());
            (config.features, config.prototypes) = (None, None);
        },
        "[translations] needs a run on features",
    );
    let translations = |change: fn(&mut TranslationConfig)| {
        move |config: &mut TrainConfig| {
            let files = vec!["names.tsv".into()];
            let mut translations = TranslationConfig { files, ..TranslationConfig::default() };
            change(&mut translations);
            config.translations = Some(translations);
        }
    };
    check(&translations(|t| t.files.clear()), "`translations.files` is missing");
    check(&translations(|t| t.batch_size = 0), "`translations.batch_size` is 0");
    check(&translations(|t| t.weight = -1.0), "`translations.weight` is not a positive number");
    check(&|config| config.model.hidden = 5, "write `hidden = 4` in [model]");
    let prototypes = |change: fn(&mut PrototypeConfig)| {
        move |config: &mut TrainConfig| change(config.prototypes.as_mut().unwrap())
    };
    check(&prototypes(|p| p.shrink = 2.0), "`prototypes.shrink` is 2");
    check(&prototypes(|p| p.classes = PathBuf::new()), "`prototypes.classes` is missing");
    check(&prototypes(|p| p.min_images = 9), "no name has the 9 images");
    check(&prototypes(|p| p.classes = "nowhere.json".into()), "cannot use nowhere.json");
    fs::write(fixture.path("classes.json"), "[{\"words\": [\"red\"]}]").unwrap();
    check(&|_| (), "it has 1 classes and the classifier 4");
    write_stem(&fixture.path("stem.safetensors"), None);
    check(&|_| (), "it has no classifier: convert the published file again");
}
