//! Runs whose model has merges that fit their texts.

use std::fs;
use std::path::Path;

use clip_checkpoint::{Checkpoint, Vocabulary};
use clip_data::Dataset;
use clip_tokenizer::{Overflow, Tokenizer};
use clip_train::{FreshVocabulary, Outcome, Start, TrainConfig};

use crate::setup::{config, run};

const MERGES: usize = 400;

fn chosen(output: &Path) -> TrainConfig {
    let mut config = config(output);
    (config.model.vocabulary, config.model.vocab_size) = (FreshVocabulary::Chosen, 514 + MERGES);
    config.captions.templates = ["{}", "{}s", "a picture of a {}"].map(str::to_owned).into();
    config.schedule.epochs = 2;
    config
}

fn tokenizer(checkpoint: &Checkpoint) -> Tokenizer {
    let card = checkpoint.card();
    let limit = card.config.text.context_length;
    Tokenizer::new(&card.tokenizer, limit, checkpoint.vocabulary()).unwrap()
}

/// Pieces of a word.
fn pieces(tokenizer: &Tokenizer, word: &str) -> usize {
    tokenizer.encode(word, Overflow::Error).unwrap().len() - 2
}

#[test]
fn the_words_of_the_run_have_few_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let (own, first) = (folder.path().join("own"), folder.path().join("first"));
    run(chosen(&own), Start::New, Some(1)).0.unwrap();
    let mut config = chosen(&first);
    config.model.vocabulary = FreshVocabulary::Clip;
    run(config, Start::New, Some(1)).0.unwrap();
    let open = |run: &Path| Checkpoint::open(&run.join("last.safetensors")).unwrap();
    let (own, first) = (open(&own), open(&first));
    assert!(matches!(own.card().tokenizer.vocabulary, Vocabulary::Stored { .. }));
    assert_eq!(first.card().tokenizer.vocabulary, Vocabulary::Clip);
    assert!(own.vocabulary().is_some_and(|bytes| bytes.len() < 6 + 4 * MERGES));
    assert_eq!(own.card().config.text.vocab_size, first.card().config.text.vocab_size);

    let dataset = Dataset::open(&[clip_testkit::samples_dir()]).unwrap();
    let names = dataset.names().iter().map(|name| name.replace('_', " "));
    let sum = |tokenizer: &Tokenizer| -> usize {
        names.clone().map(|name| pieces(tokenizer, &name)).sum()
    };
    let (of_own, of_first) = (sum(&tokenizer(&own)), sum(&tokenizer(&first)));
    assert!(10 * of_own < 7 * of_first, "{of_own} pieces, {of_first} with CLIP's first merges");
    assert_eq!(pieces(&tokenizer(&own), "a picture of a"), 4);
}

#[test]
fn a_resumed_run_keeps_its_merges() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    run(chosen(&whole), Start::New, None).0.unwrap();
    let (outcome, _, _) = run(chosen(&broken), Start::New, Some(2));
    assert_eq!(outcome.unwrap(), Outcome::Stopped);
    run(chosen(&broken), Start::Resume, None).0.unwrap();
    for file in ["best.safetensors", "last.safetensors"] {
        let read = |run: &Path| fs::read(run.join(file)).unwrap();
        assert_eq!(read(&whole), read(&broken), "{file}");
    }
    let mut further = config(&folder.path().join("further"));
    further.from = Some(whole.join("best.safetensors"));
    further.schedule.epochs = 1;
    run(further, Start::New, Some(1)).0.unwrap();
    let vocabulary = |path: &Path| Checkpoint::open(path).unwrap().vocabulary().map(<[u8]>::to_vec);
    let of_further = vocabulary(&folder.path().join("further/last.safetensors"));
    assert!(of_further.is_some());
    assert_eq!(of_further, vocabulary(&whole.join("last.safetensors")));
}

#[test]
fn merges_are_chosen_for_a_tower_that_starts_fresh() {
    let refused = |text: &str| {
        let text = format!("{text}\n[model]\nvocabulary = \"chosen\"");
        TrainConfig::parse("run.toml", &text).unwrap_err().to_string()
    };
    let error = refused("from = \"a.safetensors\"");
    assert!(error.contains("with `from` leave it out"), "{error}");
    let error = TrainConfig::parse("run.toml", "[model]\nvocabulary = \"dreamt\"").unwrap_err();
    assert!(error.to_string().contains("chosen"), "{error}");
}
