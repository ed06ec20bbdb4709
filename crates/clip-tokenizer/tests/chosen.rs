//! Vocabularies with merges of their own: chosen for texts, and as the reference uses them.

use std::collections::HashSet;

use clip_checkpoint::{SubwordModel, Subwords, TokenizerConfig, TokenizerMode, Vocabulary};
use clip_tokenizer::{Error, Overflow, Tokenizer, choose_vocabulary};
use serde::Deserialize;

const TEXTS: [(&str, f64); 6] = [
    ("a giraffe", 8.0),
    ("A kingfisher's windmill", 2.0),
    ("ein Schmetterling", 3.0),
    ("Schmetterlinge", 2.0),
    ("zwei Schmetterlinge", 0.5),
    ("never", 0.0),
];

fn merges(subwords: &Subwords<'_>) -> Vec<[u32; 2]> {
    match &subwords.model {
        SubwordModel::ByteLevel(merges) => merges.clone(),
        model => panic!("{model:?}"),
    }
}

fn tokenizer(subwords: &Subwords<'_>, mode: TokenizerMode) -> Tokenizer {
    let bytes = subwords.encode();
    let end = subwords.count() as u32 - 1;
    let vocabulary = Vocabulary::stored(&bytes);
    let config = TokenizerConfig { vocabulary, ..TokenizerConfig::clip(mode, end - 1, end, end) };
    Tokenizer::new(&config, usize::MAX, Some(&bytes)).unwrap()
}

fn pieces(tokenizer: &Tokenizer, text: &str) -> usize {
    tokenizer.encode(text, Overflow::Error).unwrap().len() - 2
}

fn chosen(count: usize) -> Subwords<'static> {
    choose_vocabulary(TokenizerMode::Hf, TEXTS, count).unwrap()
}

#[test]
fn words_of_the_texts_are_whole() {
    let subwords = chosen(120);
    let tokenizer = tokenizer(&subwords, TokenizerMode::Hf);
    let clip = TokenizerConfig::clip(TokenizerMode::Hf, 632, 633, 633);
    let clip = Tokenizer::new(&clip, usize::MAX, None).unwrap();
    for word in ["giraffe", "kingfisher", "windmill", "schmetterling", "Schmetterlinge"] {
        assert_eq!(pieces(&tokenizer, word), 1, "{word}");
        assert!(pieces(&clip, word) > 2, "{word}");
    }
    // Ids: bytes, merges, start, end. The last byte of a word has its own.
    let ids = tokenizer.encode("a!", Overflow::Error).unwrap();
    assert_eq!(ids, [632, 256 + 64, 256, 633]);
}

#[test]
fn what_is_used_most_stays() {
    let few = chosen(8);
    let tokenizer = tokenizer(&few, TokenizerMode::Hf);
    let of = |word| pieces(&tokenizer, word);
    assert_eq!(of("giraffe"), 1);
    assert!(of("schmetterling") < "schmetterling".len() && of("windmill") > 4);
    // The merges of a few are among those of many.
    let text = |subwords: &Subwords<'_>| -> Vec<String> {
        let mut tokens: Vec<String> = (0..512).map(|id| format!("[{id}]")).collect();
        for halves in merges(subwords) {
            tokens.push(halves.map(|id| tokens[id as usize].clone()).concat());
        }
        tokens.split_off(512)
    };
    let (few, many) = (text(&few), text(&chosen(30)));
    assert!(few.iter().all(|token| many.contains(token)), "{few:?} {many:?}");
    let distinct: HashSet<&String> = many.iter().collect();
    assert_eq!(distinct.len(), 30);
}

/// CLIP's keep their order, and the first of those that no text needs fill up the rest.
#[test]
fn merges_are_in_the_order_of_clip() {
    let all = merges(&choose_vocabulary(TokenizerMode::Hf, [], 500).unwrap());
    let used = merges(&choose_vocabulary(TokenizerMode::Hf, [("the dog", 1.0)], 500).unwrap());
    assert_eq!(used.len(), 500);
    // `th` and `the` are among CLIP's first; only what `dog` needs is not.
    let common = used.iter().zip(&all).take_while(|(used, all)| used == all).count();
    assert!(common >= 490, "{common}");
    let bytes = choose_vocabulary(TokenizerMode::Openai, TEXTS, 0).unwrap();
    assert_eq!(bytes.count(), 514);
}

#[test]
fn the_same_texts_give_the_same_merges() {
    let doubled = TEXTS.map(|(text, weight)| (text, 2.0 * weight));
    let again = choose_vocabulary(TokenizerMode::Hf, doubled, 60).unwrap();
    assert_eq!(again, chosen(60));
}

#[test]
fn every_text_has_ids() {
    let subwords = chosen(60);
    for mode in [TokenizerMode::Openai, TokenizerMode::OpenClip, TokenizerMode::Hf] {
        let tokenizer = tokenizer(&subwords, mode);
        let end = subwords.count() as u32 - 1;
        // Each byte alone and in a word; each byte of UTF-8 comes in one of these.
        for c in (0..=0x2_ffff).step_by(7).chain(0..0x500).filter_map(char::from_u32) {
            let text = format!("{c} a{c}b");
            let ids = tokenizer.encode(&text, Overflow::Error).unwrap();
            assert!(
                ids.len() >= 4 && ids[1..ids.len() - 1].iter().all(|id| *id <= end),
                "{text:?}"
            );
        }
    }
}

/// The ids say the text again: no byte is lost, whatever the merges.
#[test]
fn ids_spell_their_text() {
    let subwords = chosen(60);
    let tokenizer = tokenizer(&subwords, TokenizerMode::Hf);
    let printable = (b'!'..=b'~').chain(0xa1..=0xac).chain(0xae..=0xff);
    let rest = (0..=0xff).filter(|byte| !printable.clone().any(|other| other == *byte));
    let bytes: Vec<u8> = printable.clone().chain(rest).collect();
    let mut tokens: Vec<Vec<u8>> = bytes.iter().map(|byte| vec![*byte]).collect();
    tokens.extend(bytes.iter().map(|byte| vec![*byte, b' ']));
    for halves in merges(&subwords) {
        tokens.push(halves.map(|id| tokens[id as usize].clone()).concat());
    }
    for text in
        ["ein schmetterling", "日本 犬 café", "\u{0} \u{ff} ÿ 🐶🐱", "giraffes windmill narwhal"]
    {
        let ids = tokenizer.encode(text, Overflow::Error).unwrap();
        let spelled: Vec<u8> =
            ids[1..ids.len() - 1].iter().flat_map(|id| tokens[*id as usize].clone()).collect();
        let words = String::from_utf8(spelled).unwrap();
        assert_eq!(words.trim_end(), text);
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let error = choose_vocabulary(TokenizerMode::HfSiglip, TEXTS, 8).unwrap_err();
    assert!(matches!(error, Error::OtherVocabulary { mode: TokenizerMode::HfSiglip }), "{error}");
    let error = choose_vocabulary(TokenizerMode::Hf, [("dog", 1.0)], 48_895).unwrap_err();
    assert_eq!(
        error.to_string(),
        "48895 merges are asked for, but CLIP's and those that the texts give are 48894: ask for fewer, or give more texts"
    );
    // Two merges of one text: `ab` and `c`, `a` and `bc`.
    let twice = vec![[64, 65], [65, 66], [512, 66], [64, 513]];
    let (tokens, spelled) = (Vec::new(), Vec::new());
    let bytes = Subwords { tokens, spelled, model: SubwordModel::ByteLevel(twice) }.encode();
    let vocabulary = Vocabulary::stored(&bytes);
    let config = TokenizerConfig::clip(TokenizerMode::Hf, 516, 517, 517);
    let config = TokenizerConfig { vocabulary, ..config };
    let error = Tokenizer::new(&config, 77, Some(&bytes)).err().unwrap();
    assert!(error.to_string().contains("two of its merges make the same token"), "{error}");
}

/// What the references make of merges that are chosen in Python (`tests/scripts/own_merges.py`).
#[derive(Deserialize)]
struct Golden {
    texts: Vec<(String, f64)>,
    merges: Vec<[String; 2]>,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    text: String,
    #[serde(rename = "open-clip")]
    open_clip: Vec<u32>,
    hf: Vec<u32>,
}

#[test]
fn merges_and_ids_are_those_of_the_references() {
    let golden: Golden = serde_json::from_str(include_str!("data/own-merges.json")).unwrap();
    let texts = golden.texts.iter().map(|(text, weight)| (text.as_str(), *weight));
    let count = golden.merges.len();
    let subwords = choose_vocabulary(TokenizerMode::OpenClip, texts, count).unwrap();

    // Symbols that stand for bytes are characters in the order of their ids.
    let mut symbols: Vec<char> = ('!'..='~').chain('\u{a1}'..='\u{ac}').collect();
    symbols.extend(('\u{ae}'..='\u{ff}').chain('\u{100}'..).take(256 - symbols.len()));
    let mut tokens: Vec<String> = symbols.iter().map(char::to_string).collect();
    tokens.extend(symbols.iter().map(|symbol| format!("{symbol}</w>")));
    let mut found = Vec::new();
    for halves in merges(&subwords) {
        let halves = halves.map(|id| tokens[id as usize].clone());
        tokens.push(halves.concat());
        found.push(halves);
    }
    assert_eq!(found, golden.merges);

    let open_clip = tokenizer(&subwords, TokenizerMode::OpenClip);
    let hf = tokenizer(&subwords, TokenizerMode::Hf);
    for Line { text, open_clip: expected, hf: of_hf } in golden.lines {
        assert_eq!(open_clip.encode(&text, Overflow::Error).unwrap(), expected, "{text:?}");
        assert_eq!(hf.encode(&text, Overflow::Error).unwrap(), of_hf, "{text:?}");
    }
}
