//! A model with merges of its own carries them, and is refused where they are damaged or another's.

use std::fs;

use clip_checkpoint::{
    Checkpoint, Dtype, ModelCard, Pooling, SubwordModel, Subwords, TokenizerConfig, TokenizerMode,
    Vocabulary, write,
};

use crate::fixture::{Values, card};

/// `do` in a word and at its end, and `dog`.
const MERGES: [[u32; 2]; 3] = [[67, 78], [67, 256 + 78], [512, 256 + 70]];

fn encoded(merges: &[[u32; 2]]) -> Vec<u8> {
    let (tokens, spelled) = (Vec::new(), Vec::new());
    Subwords { tokens, spelled, model: SubwordModel::ByteLevel(merges.to_vec()) }.encode()
}

fn card_of(vocabulary: &[u8]) -> ModelCard {
    let mut card = card();
    let tokens = TokenizerConfig::clip(TokenizerMode::Hf, 515, 516, 516);
    card.tokenizer = TokenizerConfig { vocabulary: Vocabulary::stored(vocabulary), ..tokens };
    (card.config.text.vocab_size, card.config.text.pooling) = (517, Pooling::EndToken(516));
    card
}

/// Writes a file with such a vocabulary and opens it.
fn open(card: &ModelCard, vocabulary: &[u8]) -> Result<Checkpoint, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.safetensors");
    let mut values = Values { vocabulary: vocabulary.to_vec(), ..Values::default() };
    write(&path, card, Dtype::Int8, &mut values).unwrap();
    Checkpoint::open(&path).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(card: &ModelCard, vocabulary: &[u8], reason: &str) {
    let expected = format!(
        "the vocabulary of the checkpoint cannot be read ({reason}): convert the source again"
    );
    assert_eq!(open(card, vocabulary).unwrap_err(), expected);
}

#[test]
fn merges_come_back_from_a_file() {
    let bytes = encoded(&MERGES);
    let checkpoint = open(&card_of(&bytes), &bytes).unwrap();
    assert_eq!(checkpoint.vocabulary(), Some(&bytes[..]));
    let found = Subwords::decode(checkpoint.vocabulary().unwrap()).unwrap();
    assert_eq!(found.model, SubwordModel::ByteLevel(MERGES.to_vec()));
    // The same in another order makes other ids, so other vectors.
    let others = encoded(&[MERGES[1], MERGES[0], [513, 256 + 70]]);
    let other = open(&card_of(&others), &others).unwrap();
    assert_ne!(other.fingerprint(), checkpoint.fingerprint());
}

#[test]
fn damaged_bytes_are_refused() {
    let bytes = encoded(&MERGES);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.safetensors");
    let mut values = Values { vocabulary: bytes.clone(), ..Values::default() };
    write(&path, &card_of(&bytes), Dtype::F32, &mut values).unwrap();
    let whole = fs::read(&path).unwrap();
    for at in 1..=bytes.len() {
        let mut damaged = whole.clone();
        let at = damaged.len() - at;
        damaged[at] ^= 1;
        fs::write(&path, damaged).unwrap();
        let error = Checkpoint::open(&path).unwrap_err().to_string();
        assert!(error.contains("its SHA-256 is not that on the card"), "{error}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let cut = &encoded(&MERGES)[..8];
    refused(&card_of(cut), cut, "it is cut off");
    let early = encoded(&[[67, 512], MERGES[0], MERGES[1]]);
    refused(&card_of(&early), &early, "a merge comes before its halves");
    let twice = encoded(&[MERGES[0], MERGES[1], MERGES[0]]);
    refused(&card_of(&twice), &twice, "a merge is there twice");
    let few = encoded(&MERGES[..2]);
    refused(
        &card_of(&few),
        &few,
        "the start and end token of the card are not those after its merges",
    );
    let bytes = encoded(&MERGES);
    let mut larger = card_of(&bytes);
    larger.config.text.vocab_size += 1;
    refused(&larger, &bytes, "it has not as many tokens as the text tower");
    let mut later = card_of(&bytes);
    later.tokenizer.end_token -= 1;
    refused(&later, &bytes, "the start and end token of the card are not those after its merges");
    let mut without = card_of(&bytes);
    without.tokenizer.start_token = None;
    refused(&without, &bytes, "the start and end token of the card are not those after its merges");
    let gemma = b"\x01\x01\x03\x01d\x01o\x02do\x00\x01\x00\x01\x02";
    refused(&card_of(gemma), gemma, "it is not of the kind that the tokenizer's mode works with");
}
