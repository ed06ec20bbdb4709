//! Every line of `tests/data` has the ids that the reference gives it (`tests/scripts/token_ids.py`).

use clip_checkpoint::{TokenizerConfig, TokenizerMode};
use clip_tokenizer::{Overflow, Tokenizer};
use serde::Deserialize;

/// One line of a file: a text and its ids, with start and end token.
#[derive(Deserialize)]
struct Golden {
    text: String,
    ids: Vec<u32>,
}

/// Texts of `json` that get other ids than the reference's.
fn differing(mode: TokenizerMode, json: &str) -> Vec<String> {
    let config = TokenizerConfig::clip(mode, 49_406, 49_407, 49_407);
    let tokenizer = Tokenizer::new(&config, usize::MAX, None).unwrap();
    let goldens: Vec<Golden> = serde_json::from_str(json).expect("the goldens are JSON");
    assert!(goldens.len() >= 300, "only {} lines", goldens.len());
    let differs = |golden: &Golden| {
        tokenizer.encode(&golden.text, Overflow::Error).expect("no limit") != golden.ids
    };
    goldens.into_iter().filter(differs).map(|golden| golden.text).collect()
}

#[test]
fn hf_ids_equal_those_of_transformers() {
    let none: [&str; 0] = [];
    assert_eq!(differing(TokenizerMode::Hf, include_str!("data/hf.json")), none);
}

#[test]
fn openai_ids_equal_those_of_openai() {
    let none: [&str; 0] = [];
    assert_eq!(differing(TokenizerMode::Openai, include_str!("data/openai.json")), none);
}
