use std::fs;

use clip_testkit::{goldens_dir, unpack_model, unpacked};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

/// Files and their contents.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, contents) in files {
        fs::write(folder.path().join(file), contents).unwrap();
    }
    folder
}

/// A vocabulary of `tests/scripts/subwords.py`.
fn golden(name: &str, file: &str) -> Vec<u8> {
    unpacked(&format!("subwords/{name}/{file}"))
}

fn config(mode: TokenizerMode, pad_token: u32, bytes: &[u8]) -> TokenizerConfig {
    let (vocabulary, padding) = (Vocabulary::stored(bytes), Padding::Context);
    let (start_token, end_token) = (None, 1);
    TokenizerConfig { mode, vocabulary, start_token, end_token, pad_token, padding }
}

/// The message of a folder that is refused; its path is left out.
fn refused(folder: &TempDir, library: Library, vocab_size: usize) -> String {
    let error = read(folder.path(), library, vocab_size).map(drop).unwrap_err();
    let place = format!("{}{}", folder.path().display(), std::path::MAIN_SEPARATOR);
    error.to_string().replace(&place, "").replace(&*folder.path().display().to_string(), "FOLDER")
}

/// The folder as transformers writes it gives what the script says that a checkpoint carries.
#[track_caller]
fn check(name: &str, mode: TokenizerMode, pad_token: u32) {
    let folder = tempfile::tempdir().unwrap();
    unpack_model(&format!("subwords/{name}"), folder.path());
    let (found, bytes) = read(folder.path(), Library::Transformers, 2000).unwrap();
    assert!(bytes == golden(name, "vocabulary"));
    assert_eq!(found, config(mode, pad_token, &bytes));
}

#[test]
fn what_transformers_loads_is_read() {
    check("t5", TokenizerMode::HfSiglip, 1);
    check("gemma", TokenizerMode::HfSiglip2, 0);
}

/// transformers made the `tokenizer.json` of this `tokenizer.model`.
#[test]
fn merges_follow_from_the_pieces() {
    let model = golden("gemma", "tokenizer.model");
    let settings = json!({"add_eos_token": true, "padding_side": "right"}).to_string();
    let folder =
        folder(&[("tokenizer.model", &model), ("tokenizer_config.json", settings.as_bytes())]);
    let (found, bytes) = read(folder.path(), Library::Transformers, 2000).unwrap();
    assert!(bytes == golden("gemma", "vocabulary"));
    assert_eq!(found, config(TokenizerMode::HfSiglip2, 0, &bytes));
}

/// Another writer's `tokenizer.json` of the same pieces.
fn t5_json() -> Value {
    let bytes = golden("t5", "vocabulary");
    let Subwords { tokens, model: SubwordModel::Unigram(model), .. } =
        Subwords::decode(&bytes).unwrap()
    else {
        panic!("pieces")
    };
    let units = model.charsmap.units.iter().flat_map(|unit| unit.to_le_bytes());
    let size = (4 * model.charsmap.units.len() as u32).to_le_bytes();
    let charsmap: Vec<u8> =
        size.into_iter().chain(units).chain(model.charsmap.replacements.bytes()).collect();
    let charsmap = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, charsmap);
    let token = |id: usize| json!({"id": id, "content": tokens[id], "special": true});
    json!({
        "added_tokens": [token(0), token(1), token(2)],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Precompiled", "precompiled_charsmap": charsmap},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
        ]},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "add_prefix_space": true},
        "model": {
            "type": "Unigram", "unk_id": 2,
            "vocab": tokens.iter().zip(model.scores).collect::<Vec<_>>(),
        },
    })
}

#[test]
fn siglip_of_open_clip_is_read_from_either_file() {
    let settings = fs::read(goldens_dir().join("subwords/t5/tokenizer_config.json")).unwrap();
    let settings = ("tokenizer_config.json", &*settings);
    let (json, model) = (t5_json().to_string(), golden("t5", "spiece.model"));
    let read = |files: &[(&str, &[u8])], vocab_size| {
        read(folder(files).path(), Library::OpenClip, vocab_size).unwrap()
    };
    let (found, bytes) = read(&[("tokenizer.json", json.as_bytes()), settings], 2000);
    assert_eq!(found, config(TokenizerMode::OpenClipCanonical, 1, &bytes));
    // The hash of the vocabulary is in it.
    assert_eq!(read(&[("spiece.model", &model), settings], 2000).0, found);

    // No clean text can spell the tokens, nor T5's sentinels behind the others.
    let vocabulary = golden("t5", "vocabulary");
    let expected = Subwords { spelled: Vec::new(), ..Subwords::decode(&vocabulary).unwrap() };
    assert!(Subwords::decode(&bytes).unwrap() == expected);
    let mut json = t5_json();
    json["model"]["vocab"].as_array_mut().unwrap().push(json!(["<extra_id_0>", 0.0]));
    let json = json.to_string();
    assert_eq!(read(&[("tokenizer.json", json.as_bytes()), settings], 2000).0, found);
}

#[test]
fn the_order_of_the_files_is_the_librarys() {
    let (json, model) = (golden("gemma", "tokenizer.json"), golden("t5", "spiece.model"));
    let folder = folder(&[("tokenizer.json", &json), ("spiece.model", &model)]);
    let tokens = |library| {
        let (_, bytes) = read(folder.path(), library, 2000).unwrap();
        matches!(Subwords::decode(&bytes).unwrap().model, SubwordModel::Unigram(_))
    };
    assert!(tokens(Library::Transformers));
    assert!(!tokens(Library::OpenClip));
}

#[test]
fn a_folder_without_a_vocabulary_is_refused() {
    let empty = folder(&[("tokenizer_config.json", b"{}")]);
    assert_eq!(
        refused(&empty, Library::OpenClip, 9),
        "FOLDER has no tokenizer.json, which a model in OpenCLIP layout needs: copy it there from the place the weights came from"
    );
}

/// A `tokenizer.json` of bytes and three tokens, as Gemma's.
fn gemma_json() -> Value {
    let mut vocab: serde_json::Map<String, Value> =
        (0..256).map(|byte| (format!("<0x{byte:02X}>"), json!(byte + 5))).collect();
    let tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "▁"];
    vocab.extend(tokens.iter().zip(0..).map(|(token, id)| ((*token).to_owned(), json!(id))));
    vocab.extend([("a".to_owned(), json!(261)), ("▁a".to_owned(), json!(262))]);
    json!({
        "added_tokens": [{"id": 1, "content": "<eos>", "special": true}],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "pre_tokenizer": null,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "<eos>"}}],
            "special_tokens": {"<eos>": {"ids": [1]}, "<bos>": {"ids": [2]}},
        },
        "model": {"type": "BPE", "byte_fallback": true, "vocab": vocab, "merges": [["▁", "a"]]},
    })
}

#[test]
fn a_start_token_is_that_of_the_template() {
    let read = |json: &Value| {
        let json = json.to_string();
        read(folder(&[("tokenizer.json", json.as_bytes())]).path(), Library::Transformers, 263)
    };
    let mut json = gemma_json();
    let (config, bytes) = read(&json).unwrap();
    assert_eq!((config.start_token, config.end_token, config.pad_token), (None, 1, 0));
    let subwords = Subwords::decode(&bytes).unwrap();
    assert_eq!(subwords.spelled, [(0, "<pad>"), (1, "<eos>"), (2, "<bos>"), (3, "<unk>")]);
    assert_eq!(subwords.model, SubwordModel::Bpe(vec![Merge { left: 4, right: 261, merged: 262 }]));
    let single = json["post_processor"]["single"].as_array_mut().unwrap();
    single.insert(0, json!({"SpecialToken": {"id": "<bos>"}}));
    assert_eq!(read(&json).unwrap().0.start_token, Some(2));
}

#[track_caller]
fn json_refused(place: &str, value: Value, expected: &str) {
    let mut json = gemma_json();
    *json.pointer_mut(place).unwrap() = value;
    let json = json.to_string();
    let folder = folder(&[("tokenizer.json", json.as_bytes())]);
    assert_eq!(
        refused(&folder, Library::Transformers, 263),
        format!("tokenizer.json sets {expected} can be converted")
    );
}

#[test]
fn what_a_tokenizer_json_cannot_say_is_named() {
    json_refused(
        "/model/type",
        json!("WordPiece"),
        "model.type to \"WordPiece\"; only \"Unigram\" or \"BPE\"",
    );
    json_refused("/model/byte_fallback", json!(false), "model.byte_fallback to false; only true");
    json_refused(
        "/model/vocab/a",
        json!(400),
        "model.vocab to an object with 263 fields; only tokens whose ids have no gap",
    );
    json_refused(
        "/model/merges",
        json!(["▁ b"]),
        "model.merges to a list of 1; only pairs of tokens that are a token together",
    );
    json_refused(
        "/normalizer",
        json!({"type": "NFC"}),
        "normalizer to \"NFC\"; only \"Replace\", alone or after \"Lowercase\"",
    );
    json_refused(
        "/pre_tokenizer",
        json!({"type": "ByteLevel"}),
        "pre_tokenizer to \"ByteLevel\"; only \"Split\", or none",
    );
    json_refused(
        "/post_processor",
        Value::Null,
        "post_processor to null; only \"TemplateProcessing\" with one text",
    );
    json_refused(
        "/post_processor/single",
        json!([{"SpecialToken": {"id": "<bos>"}}, {"Sequence": {"id": "A"}}]),
        "the special tokens to 1 before and 0 after a text; only one after it, and at most one before it",
    );
    json_refused(
        "/added_tokens/0",
        json!({"id": 1, "content": "<eos>", "lstrip": true}),
        "the added token \"<eos>\" to lstrip; only one that is found as it is written",
    );
    json_refused(
        "/added_tokens/0",
        json!({"id": 2, "content": "<eos>"}),
        "the added token \"<eos>\" to 2; only the id that the vocabulary has for it",
    );
    json_refused(
        "/added_tokens/0",
        json!({"id": 263, "content": "<image>"}),
        "the number of tokens to 264; only up to 263, as many as the text tower knows",
    );
    json_refused(
        "/added_tokens/0",
        json!("<eos>"),
        "added_tokens to a list of 1; only tokens with their ids",
    );
}

#[test]
fn a_byte_without_a_token_is_named() {
    let mut json = gemma_json();
    let vocab = json["model"]["vocab"].as_object_mut().unwrap();
    let tab = vocab.remove("<0x09>").unwrap();
    vocab.insert("\t".to_owned(), tab);
    let read = |json: &Value| {
        let json = json.to_string();
        folder(&[("tokenizer.json", json.as_bytes())])
    };
    assert!(super::read(read(&json).path(), Library::OpenClip, 263).is_ok());
    let vocab = json["model"]["vocab"].as_object_mut().unwrap();
    let last = vocab.remove("<0xFF>").unwrap();
    vocab.insert("b".to_owned(), last);
    assert_eq!(
        refused(&read(&json), Library::OpenClip, 263),
        "tokenizer.json sets the tokens to those without <0xFF>; only those with one for every byte can be converted"
    );
}

#[track_caller]
fn settings_refused(settings: Value, expected: &str) {
    let (json, settings) = (gemma_json().to_string(), settings.to_string());
    let files: [(&str, &[u8]); 2] =
        [("tokenizer.json", json.as_bytes()), ("tokenizer_config.json", settings.as_bytes())];
    assert_eq!(refused(&folder(&files), Library::Transformers, 263), expected);
}

#[test]
fn settings_that_cannot_be_kept_are_named() {
    settings_refused(
        json!({"padding_side": "left"}),
        "tokenizer_config.json sets padding_side to \"left\"; only \"right\" can be converted",
    );
    settings_refused(
        json!({"eos_token": {"content": "</s>"}}),
        "tokenizer_config.json sets eos_token to \"</s>\"; only a token of tokenizer.json can be converted",
    );
    settings_refused(
        json!({"extra_special_tokens": ["<new>"]}),
        "tokenizer_config.json sets extra_special_tokens to \"<new>\"; only a token of tokenizer.json can be converted",
    );
    settings_refused(
        json!({"added_tokens_decoder": {"x": {"content": "<eos>"}}}),
        "tokenizer_config.json sets added_tokens_decoder.x to {\"content\":\"<eos>\"}; only an added token with its id can be converted",
    );
}

/// Every prefix, and every bit of the first bytes: an answer, and no panic.
#[test]
fn damaged_models_are_refused() {
    let whole = golden("gemma", "tokenizer.model");
    for length in (0..whole.len()).step_by(307) {
        let folder = folder(&[("spiece.model", &whole[..length])]);
        let _ = read(folder.path(), Library::Transformers, 2000);
    }
    for bit in 0..300 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let folder = folder(&[("spiece.model", &damaged)]);
        let _ = read(folder.path(), Library::Transformers, 2000);
    }
    let check = |bytes: &[u8], expected: &str| {
        let folder = folder(&[("spiece.model", bytes)]);
        assert_eq!(refused(&folder, Library::Transformers, 9), expected);
    };
    check(
        &whole[..whole.len() - 1],
        "spiece.model is not a whole SentencePiece model (failed to decode Protobuf message: ModelProto.normalizer: buffer underflow): download or copy it again",
    );
    check(
        b"",
        "spiece.model is not a whole SentencePiece model (it has no pieces): download or copy it again",
    );
}
