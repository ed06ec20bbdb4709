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
    let config =
        TokenizerConfig { mode, start_token: 49_406, end_token: 49_407, pad_token: 49_407 };
    let tokenizer = Tokenizer::new(&config, usize::MAX);
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

/// Broken by encodings that ftfy knows and we do not: letters of MacRoman, of Windows-1251, and a
/// Windows-1252 that lost one of its bytes.
const NOT_MENDED: [&str; 4] = [
    "â€œquotedâ€ word",
    "The Mona Lisa doesn√¢‚Ç¨‚Ñ¢t have eyebrows.",
    "caf√© na√Øve",
    "РїСЂРёРІРµС‚",
];

#[test]
fn openai_ids_equal_those_of_openai() {
    assert_eq!(differing(TokenizerMode::Openai, include_str!("data/openai.json")), NOT_MENDED);
}
