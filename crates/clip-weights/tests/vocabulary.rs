//! A source whose tokenizer has other tokens than OpenAI's is refused.

mod common;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use clip_weights::{Options, Source, convert};
use common::Model;
use flate2::read::GzDecoder;
use serde_json::{Map, Value, json};

/// OpenAI's merges, in order.
fn merges() -> Vec<String> {
    let path = "../clip-tokenizer/assets/bpe_simple_vocab_16e6.txt.gz";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let mut text = String::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text.lines().skip(1).take(49_152 - 256 - 2).map(str::to_owned).collect()
}

/// OpenAI's tokens with their ids: bytes, bytes that end a word, merges, start and end.
fn tokens() -> Vec<String> {
    let printable = |byte: &u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut bytes: Vec<String> =
        (0..256).filter(printable).filter_map(char::from_u32).map(String::from).collect();
    bytes.extend((256..).filter_map(char::from_u32).map(String::from).take(256 - bytes.len()));
    let ends = bytes.iter().map(|byte| format!("{byte}</w>"));
    let merged = merges().into_iter().map(|merge| merge.replace(' ', ""));
    let special = ["<|startoftext|>", "<|endoftext|>"].map(str::to_owned);
    bytes.iter().cloned().chain(ends).chain(merged).chain(special).collect()
}

fn ids(tokens: &[String]) -> Map<String, Value> {
    tokens.iter().cloned().zip((0..).map(|id: usize| json!(id))).collect()
}

/// Converts a model with such a vocabulary beside it.
fn convert_with(vocab_size: usize, file: &str, contents: &str) -> Result<(), String> {
    let mut model = Model::tiny();
    model.config["text_config"]["vocab_size"] = json!(vocab_size);
    if vocab_size > 20 {
        model.config["text_config"]["eos_token_id"] = json!(49_407);
    }
    model.add("text_model.embeddings.token_embedding.weight", &[vocab_size, 6]);
    let folder = model.write();
    folder.file(file, contents);
    let options = Options { output: Some(folder.join("out.safetensors")), ..Options::default() };
    let converted = convert(&Source::Path(folder.path().to_owned()), &options, &mut ());
    let place = format!("{}{}", folder.path().display(), std::path::MAIN_SEPARATOR);
    converted.map(drop).map_err(|error| error.to_string().replace(&place, ""))
}

#[track_caller]
fn accepted(file: &str, contents: &str) {
    assert_eq!(convert_with(49_408, file, contents), Ok(()));
}

#[track_caller]
fn refused(file: &str, contents: &str) {
    let expected = format!(
        "{file} is not OpenAI's vocabulary, the only one that the tokenizer knows: a model that was trained with another cannot be converted"
    );
    assert_eq!(convert_with(49_408, file, contents), Err(expected));
    // A test model with a vocabulary of its own size is not compared.
    assert_eq!(convert_with(20, file, contents), Ok(()));
}

#[test]
fn openais_vocabulary_is_known_however_it_is_written() {
    let tokens = tokens();
    let mut vocab = ids(&tokens);
    assert_eq!((&vocab["dog</w>"], &vocab["<|endoftext|>"]), (&json!(1929), &json!(49_407)));
    accepted("vocab.json", &json!(vocab).to_string());
    accepted("vocab.json", &serde_json::to_string_pretty(&vocab).unwrap());
    accepted("tokenizer.json", &json!({"model": {"type": "BPE", "vocab": vocab}}).to_string());
    // Start and end spelled as in OpenCLIP, and a token that was added later.
    vocab.remove("<|startoftext|>");
    vocab.insert("<start_of_text>".to_owned(), json!(49_406));
    vocab.insert("<cat-toy>".to_owned(), json!(49_408));
    accepted("vocab.json", &json!(vocab).to_string());

    let merges = merges();
    accepted("merges.txt", &format!("#version: 0.2\n{}\n", merges.join("\n")));
    accepted("merges.txt", &merges.join("\r\n"));
}

#[test]
fn another_vocabulary_is_refused() {
    let mut tokens = tokens();
    refused("vocab.json", "{}");
    refused("vocab.json", "[]");
    refused("tokenizer.json", r#"{"model": {"type": "Unigram", "vocab": [["<s>", 0.0]]}}"#);
    refused("vocab.json", &json!(ids(&tokens[1..])).to_string());
    tokens.swap(1929, 1930);
    refused("vocab.json", &json!(ids(&tokens)).to_string());
    refused("tokenizer.json", &json!({"model": {"vocab": ids(&tokens)}}).to_string());

    let mut merges = merges();
    refused("merges.txt", "");
    refused("merges.txt", &merges[1..].join("\n"));
    merges.swap(0, 1);
    refused("merges.txt", &merges.join("\n"));
}

#[test]
fn a_vocabulary_that_is_no_json_is_named() {
    let error = convert_with(49_408, "vocab.json", "{").unwrap_err();
    assert!(error.starts_with("vocab.json is not the JSON it should be ("), "{error}");
}
