//! Runs that train a tiny text tower towards given vectors.

use std::fs;
use std::path::{Path, PathBuf};

use clip_checkpoint::{Checkpoint, ConvActivation, ConvPadding, ConvStage, ConvStem, Dtype, Tower};
use clip_model::{Clip, TextEncoder, int_tensor};
use clip_tokenizer::{Overflow, Tokenizer};
use clip_train::{
    DistillConfig, Distiller, Error, FreshText, Learner, LossKind, Outcome, Record, Result, Run,
    RunConfig, Start, TowerSize, TrainConfig, Trainer, TranslationsConfig, export,
};
use safetensors::tensor::TensorView;

use crate::setup::{self, Watcher, device};

const NAMES: &str = "dog cat horse cow sheep owl crab duck fish panda car bicycle rocket train boat house tower bridge chair table lamp guitar drum apple banana cherry flower tree cloud star";
const GERMAN: [(&str, &str); 4] =
    [("dog", "Hund"), ("Cat", "Katze"), ("apple", "Apfel"), ("tree", "Baum")];
const WIDTH: usize = 16;

fn names() -> Vec<&'static str> {
    NAMES.split(' ').collect()
}

/// A number for a place, between −1 and 1.
fn noise(place: usize) -> f32 {
    let bits = (place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((bits ^ (bits >> 29)) % 2001) as f32 / 1000.0 - 1.0
}

/// Tensors of a teacher's file; those of no bytes are left out.
fn write_teacher(path: &Path, texts: &str, rows: usize, width: usize, weights: &[f32]) {
    let bytes = |values: &[f32]| -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    };
    let vectors: Vec<f32> = (0..rows * width).map(noise).collect();
    let (vectors, weights) = (bytes(&vectors), bytes(weights));
    let float = safetensors::Dtype::F32;
    let mut tensors = vec![
        ("texts", safetensors::Dtype::U8, vec![texts.len()], texts.as_bytes()),
        ("vectors", float, vec![rows, width], &vectors),
    ];
    if !weights.is_empty() {
        tensors.push(("weights", float, vec![weights.len() / 4], &weights));
    }
    let views = tensors
        .into_iter()
        .map(|(name, dtype, shape, bytes)| (name, TensorView::new(dtype, shape, bytes).unwrap()));
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

/// A folder with a model to start from, 30 texts with vectors, and some of them in German.
struct Inputs {
    folder: tempfile::TempDir,
}

impl Inputs {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        let mut card = setup::config(folder.path()).model.card();
        // What an image half is made of is none of the text tower's business.
        let stage = ConvStage { blocks: 1, channels: 6, expansion: 2, kernel_size: 3, stride: 2 };
        card.config.vision.conv_stem = Some(ConvStem {
            channels: 4,
            stages: vec![stage],
            head_channels: None,
            activation: ConvActivation::Relu6,
            padding: ConvPadding::Same,
        });
        let device = device().autodiff();
        let learner =
            Learner::new(Clip::init(&card.config, &device), LossKind::InfoNce, true, &device);
        export(&learner, &card, None, Dtype::F16, &path("head.safetensors")).unwrap();
        let names = names();
        write_teacher(&path("text-vectors.safetensors"), &names.join("\n"), 30, WIDTH, &[]);
        let mut table = String::from("text\ttranslation\tlanguage\n");
        for (text, translation) in GERMAN {
            table += &format!("{text}\t{translation}\tde\n");
        }
        fs::write(path("names.tsv"), table).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn config(&self, output: &str) -> DistillConfig {
        let size = TowerSize { width: 32, layers: 1, heads: 2 };
        let mut config = DistillConfig {
            seed: 5,
            output: self.path(output),
            from: self.path("head.safetensors"),
            batch_size: 16,
            validate_every: 20,
            model: Some(FreshText {
                activation: clip_checkpoint::Activation::Gelu,
                context_length: 24,
                vocab_size: 3000,
                text: size,
            }),
            ..DistillConfig::default()
        };
        config.teacher.vectors = self.path("text-vectors.safetensors");
        config.captions.templates = ["{}", "a {}", "a photo of {}s"].map(str::to_owned).into();
        config.validation_template = "a {}".to_owned();
        config.schedule.epochs = 60;
        config.schedule.learning_rate = 1e-2;
        config.schedule.warmup_steps = 5;
        config
    }

    fn translated(&self, output: &str) -> DistillConfig {
        let tables = vec![self.path("names.tsv")];
        DistillConfig {
            translations: TranslationsConfig { tables, share: 0.25 },
            ..self.config(output)
        }
    }
}

fn run(
    config: DistillConfig,
    start: Start,
    stop_after: Option<usize>,
) -> (Result<Outcome>, Watcher) {
    let mut watcher = Watcher { stop_after, ..Watcher::default() };
    let mut distiller = Distiller::new(config, &device(), start).unwrap();
    (distiller.run(&mut watcher), watcher)
}

fn refused(config: DistillConfig) -> (Error, String) {
    let error = Distiller::new(config, &device(), Start::New).err().unwrap();
    let text = error.to_string();
    (error, text)
}

#[test]
fn each_text_and_its_translation_come_nearest_to_the_vector_of_the_text() {
    let inputs = Inputs::new();
    let (outcome, watcher) = run(inputs.translated("run"), Start::New, None);
    assert_eq!(outcome.unwrap(), Outcome::Finished);
    let [first, .., last] = &watcher.text_validations[..] else { panic!("{watcher:?}") };
    assert_eq!((last.texts.top_1, last.languages["de"].top_1), (1.0, 1.0), "{last:?}");
    assert!(last.texts.cosine > 0.9 && last.texts.cosine > first.texts.cosine, "{last:?}");
    assert!(watcher.losses.last().unwrap() < &(0.2 * watcher.losses[0]));

    // What was written says so too: the German word has the vector of the English one.
    let checkpoint = Checkpoint::open(&inputs.path("run/best.safetensors")).unwrap();
    let card = checkpoint.card();
    assert_eq!((card.config.text.width, card.config.text.context_length), (32, 24));
    let encoder = TextEncoder::load(&checkpoint, &device()).unwrap();
    let tokenizer = Tokenizer::new(&card.tokenizer, 24, None).unwrap();
    let ids = ["Hund", "dog", "a photo of cherries", "cherry"]
        .map(|text| tokenizer.encode(text, Overflow::Error).unwrap());
    let ids = tokenizer.pad(&ids);
    let vectors = encoder.forward(int_tensor(&ids.ids, [ids.rows, ids.length], &device()));
    let vectors: Vec<f32> = vectors.into_data().try_to_vec().unwrap();
    let row = |row: usize| &vectors[row * WIDTH..(row + 1) * WIDTH];
    let cosine = |a, b| row(a).iter().zip(row(b)).map(|(a, b)| a * b).sum::<f32>();
    let all = [cosine(0, 1), cosine(2, 3), cosine(0, 3)];
    assert!(all[0] > 0.9 && all[1] > 0.9 && all[2] < 0.7, "{all:?}");

    // The image half is the one that it was made for.
    let start = Checkpoint::open(&inputs.path("head.safetensors")).unwrap();
    assert_eq!(card.config.vision, start.card().config.vision);
    for tower in [Tower::Vision, Tower::Both] {
        for spec in start.tower(tower) {
            let both = [&start, &checkpoint].map(|file| file.read(&spec.name).unwrap());
            assert_eq!(both[0], both[1], "{}", spec.name);
        }
    }
    let metrics = fs::read_to_string(inputs.path("run/metrics.jsonl")).unwrap();
    let records = metrics.lines().map(|line| serde_json::from_str::<Record>(line).unwrap());
    let validations = records.filter(|record| matches!(record, Record::TextValidation { .. }));
    assert_eq!(validations.count(), watcher.text_validations.len());
    let plot = fs::read_to_string(inputs.path("run/metrics.svg")).unwrap();
    assert!(plot.contains("own vector nearest"));
}

#[test]
fn a_resumed_distillation_equals_an_unbroken_one() {
    let inputs = Inputs::new();
    let short = |output| {
        let mut config = inputs.translated(output);
        config.ema = 0.9;
        config.schedule.epochs = 6;
        config.validate_every = 2;
        config
    };
    let (outcome, whole) = run(short("whole"), Start::New, None);
    outcome.unwrap();
    let mut losses = Vec::new();
    for (start, stop) in [(Start::New, Some(3)), (Start::Resume, Some(5)), (Start::Resume, None)] {
        let (outcome, part) = run(short("broken"), start, stop);
        assert_eq!(outcome.unwrap() == Outcome::Stopped, stop.is_some());
        losses.extend(part.losses);
    }
    assert_eq!(losses, whole.losses);
    for file in ["best.safetensors", "last.safetensors"] {
        let read = |run: &str| fs::read(inputs.path(run).join(file)).unwrap();
        assert_eq!(read("whole"), read("broken"), "{file}");
    }
    // Neither another setting nor another kind of run goes on with it.
    let mut other = short("broken");
    other.loss.scale = 20.0;
    let error = Distiller::new(other, &device(), Start::Resume).err().unwrap().to_string();
    assert!(error.contains("another `loss`"), "{error}");
    let config = setup::config(&inputs.path("broken"));
    let error = Trainer::new(config, &device(), Start::Resume).err().unwrap().to_string();
    assert!(error.contains("cannot resume from"), "{error}");
}

/// A stop at the end of an epoch that validates would skip the validation where the run goes on.
#[test]
fn no_validation_is_lost_by_a_stop() {
    let inputs = Inputs::new();
    let mut config = inputs.config("run");
    config.schedule.epochs = 4;
    config.validate_every = 1;
    let mut validations = 0;
    for (start, stop) in [(Start::New, Some(2)), (Start::Resume, Some(4)), (Start::Resume, None)] {
        validations += run(config.clone(), start, stop).1.text_validations.len();
    }
    assert_eq!(validations, 4);
}

/// Without `[model]` the text half of the model learns further.
#[test]
fn the_tower_of_a_model_learns_further() {
    let inputs = Inputs::new();
    let mut first = inputs.config("first");
    first.schedule.epochs = 30;
    run(first, Start::New, None).0.unwrap();
    let mut further = inputs.config("further");
    further.from = inputs.path("first/last.safetensors");
    further.model = None;
    further.schedule.max_steps = 1;
    let (outcome, watcher) = run(further, Start::New, None);
    outcome.unwrap();
    assert!(watcher.text_validations[0].texts.cosine > 0.7, "{watcher:?}");
}

#[test]
fn texts_are_drawn_by_their_weight() {
    let inputs = Inputs::new();
    let mut weights = [0.0; 30];
    weights[3] = 2.0;
    let path = inputs.path("weighted.safetensors");
    write_teacher(&path, &names().join("\n"), 30, WIDTH, &weights);
    let mut config = inputs.config("run");
    config.teacher.vectors = path;
    let (_, watcher) = run(config, Start::New, None);
    let last = watcher.text_validations.last().unwrap();
    // One text alone was ever shown: all others land on its vector.
    assert!((last.texts.top_1 - 1.0 / 30.0).abs() < 1e-9, "{last:?}");
}

#[test]
fn translations_of_unknown_texts_are_counted_and_named() {
    let inputs = Inputs::new();
    let table = "{\"text\": \"dog\", \"translation\": \"chien\", \"language\": \"fr\"}\n\
                 {\"text\": \"zebra crossing\", \"translation\": \"passage\", \"language\": \"fr\"}\n\
                 \nno json\n";
    fs::write(inputs.path("names.jsonl"), table).unwrap();
    let mut config = inputs.translated("run");
    config.translations.tables.push(inputs.path("names.jsonl"));
    let distiller = Distiller::new(config.clone(), &device(), Start::New).unwrap();
    let translations = distiller.translations();
    let french = &translations.by_language()["fr"];
    assert_eq!((french.len(), french[0].target, &*french[0].text), (1, 0, "chien"));
    // `Cat` of the table is `cat` of the teacher.
    assert_eq!(translations.by_language()["de"].len(), 4);
    let problems: Vec<String> = translations.problems().collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[0].starts_with("left out 1 of the translations")
            && problems[0].contains("zebra crossing")
    );
    assert!(problems[1].contains("names.jsonl, line 4"), "{problems:?}");

    fs::write(inputs.path("names.jsonl"), "text,translation,language\n").unwrap();
    fs::rename(inputs.path("names.jsonl"), inputs.path("names.csv")).unwrap();
    config.translations.tables = vec![inputs.path("names.csv")];
    let (error, text) = refused(config.clone());
    assert!(matches!(error, Error::NoTranslations { .. }), "{error}");
    assert!(text.contains("names.csv translates none of the texts"), "{text}");
    fs::write(inputs.path("names.csv"), "text,language\ndog,de\n").unwrap();
    assert!(refused(config.clone()).1.contains("no column for translation"));
    config.translations.tables = vec![inputs.path("nowhere.tsv")];
    assert!(refused(config).1.contains("there is no"));
}

#[test]
fn a_teacher_that_cannot_be_learned_is_refused_by_name() {
    let inputs = Inputs::new();
    let path = inputs.path("bad.safetensors");
    let check = |expected: &str| {
        let mut config = inputs.config("run");
        config.teacher.vectors.clone_from(&path);
        let (_, text) = refused(config);
        assert!(text.contains("bad.safetensors") && text.contains(expected), "{text}");
    };
    check("make it with the run that learns the vectors");
    fs::write(&path, "no tensors").unwrap();
    check("not a safetensors file");
    fs::copy(inputs.path("head.safetensors"), &path).unwrap();
    check("no tensor `texts`");
    write_teacher(&path, "", 0, WIDTH, &[]);
    check("it holds no texts");
    write_teacher(&path, "dog\ncat", 3, WIDTH, &[]);
    check("2 texts and 3 vectors");
    write_teacher(&path, "dog\ncat\ndog", 3, WIDTH, &[]);
    check("texts 1 and 3 are both \"dog\"");
    write_teacher(&path, "dog\n\ncat", 3, WIDTH, &[]);
    check("text 2 is empty");
    write_teacher(&path, "dog\ncat", 2, WIDTH, &[1.0, f32::NAN]);
    check("the weight of \"cat\" is NaN");
    write_teacher(&path, "dog\ncat", 2, WIDTH, &[0.0, 0.0]);
    check("all its weights are 0");
    write_teacher(&path, "dog\ncat", 2, 8, &[]);
    check("have 8 numbers and those of");
}

#[test]
fn the_settings_say_which_kind_of_run_it_is() {
    let of = |text| RunConfig::parse("run.toml", text).unwrap();
    assert!(matches!(of("seed = 1"), RunConfig::Contrastive(config) if config.seed == 1));
    let distillation = of("from = \"a\"\n[teacher]\nvectors = \"b\"");
    assert!(matches!(&distillation, RunConfig::Distillation(_)));
    assert_eq!(of(&distillation.to_toml()), distillation);
    let error = RunConfig::parse("run.toml", "seed = 1\nseed = 2").unwrap_err().to_string();
    assert!(error.contains("run.toml") && error.contains("seed"), "{error}");
    assert_eq!(RunConfig::default().to_toml(), TrainConfig::default().to_toml());
}
