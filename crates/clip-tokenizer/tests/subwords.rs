//! Models with a vocabulary of their own: lengths, padding, and what cannot be.

use clip_checkpoint::{Padding, TokenizerConfig, TokenizerMode, Vocabulary};
use clip_testkit::unpacked;
use clip_tokenizer::{Error, Overflow, Result, TokenBatch, Tokenizer};

fn vocabulary(name: &str) -> Vec<u8> {
    unpacked(&format!("subwords/{name}/vocabulary"))
}

fn config(mode: TokenizerMode, pad_token: u32, bytes: &[u8]) -> TokenizerConfig {
    let (vocabulary, padding) = (Vocabulary::stored(bytes), Padding::Context);
    let (start_token, end_token) = (None, 1);
    TokenizerConfig { mode, vocabulary, start_token, end_token, pad_token, padding }
}

fn siglip(context_length: usize) -> Tokenizer {
    let bytes = vocabulary("t5");
    Tokenizer::new(&config(TokenizerMode::HfSiglip, 1, &bytes), context_length, Some(&bytes))
        .unwrap()
}

/// Ids of `a dog` by the reference.
const A_DOG: [u32; 2] = [30, 118];

#[test]
fn texts_have_no_start_and_are_padded_to_the_context() {
    let tokenizer = siglip(5);
    let ids = tokenizer.encode("A dog!", Overflow::Error).unwrap();
    assert_eq!(ids, [A_DOG[0], A_DOG[1], 1]);
    let expected = TokenBatch { ids: [&ids[..], &[1, 1]].concat(), rows: 1, length: 5 };
    assert_eq!(tokenizer.pad(&[ids]), expected);
    assert_eq!(tokenizer.encode("", Overflow::Error).unwrap(), [1]);
}

#[test]
fn truncation_keeps_the_end_token() {
    let tokenizer = siglip(3);
    let error = tokenizer.encode("a dog a dog", Overflow::Error).unwrap_err();
    assert!(matches!(error, Error::TooLong { tokens: 5, limit: 3 }), "{error:?}");
    let ids = tokenizer.encode("a dog a dog", Overflow::Truncate).unwrap();
    assert_eq!(ids, [A_DOG[0], A_DOG[1], 1]);
}

#[test]
fn a_start_token_comes_before_a_text() {
    let bytes = vocabulary("gemma");
    let config =
        TokenizerConfig { start_token: Some(2), ..config(TokenizerMode::HfSiglip2, 0, &bytes) };
    let tokenizer = Tokenizer::new(&config, 4, Some(&bytes)).unwrap();
    assert_eq!(tokenizer.encode("", Overflow::Error).unwrap(), [2, 1]);
    let ids = tokenizer.encode("a dog and a cat", Overflow::Truncate).unwrap();
    assert_eq!((ids.len(), ids[0], ids[3]), (4, 2, 1));
    assert_eq!(tokenizer.pad(&[vec![2, 1]]).ids, [2, 1, 0, 0]);
}

#[track_caller]
fn refused(tokenizer: Result<Tokenizer>, expected: &str) {
    assert_eq!(tokenizer.err().unwrap().to_string(), expected);
}

#[test]
fn what_cannot_be_is_refused() {
    let (t5, gemma) = (vocabulary("t5"), vocabulary("gemma"));
    let siglip = config(TokenizerMode::HfSiglip, 1, &t5);
    refused(
        Tokenizer::new(&siglip, 64, None),
        "the model has a vocabulary of its own: give the tokenizer the one in its checkpoint",
    );
    refused(
        Tokenizer::new(&siglip, 64, Some(&t5[..1000])),
        "the vocabulary of the checkpoint cannot be read (it is cut off): convert the source again",
    );
    refused(
        Tokenizer::new(&siglip, 64, Some(&gemma)),
        "the checkpoint asks for the tokenizer mode HfSiglip, which this program does not have for its vocabulary: update the program, or convert the source again",
    );
    let clip = TokenizerConfig { vocabulary: Vocabulary::Clip, ..siglip.clone() };
    assert!(matches!(Tokenizer::new(&clip, 64, None), Err(Error::OtherVocabulary { .. })));
    let config = TokenizerConfig { end_token: 2000, ..siglip };
    refused(
        Tokenizer::new(&config, 64, Some(&t5)),
        "the checkpoint names token 2000, but its vocabulary has 2000 tokens: convert the source again",
    );
}
