//! Lengths, truncation, padding, and the ids that come from the configuration.

use clip_checkpoint::{TokenizerConfig, TokenizerMode};
use clip_tokenizer::{Error, Overflow, TokenBatch, Tokenizer};

const START: u32 = 49_406;
const END: u32 = 49_407;
const DOG: u32 = 1929;

fn tokenizer(mode: TokenizerMode, context_length: usize) -> Tokenizer {
    let config = TokenizerConfig::clip(mode, START, END, 7);
    Tokenizer::new(&config, context_length, None).unwrap()
}

fn dogs(count: usize) -> String {
    vec!["dog"; count].join(" ")
}

#[test]
fn a_text_of_77_tokens_fits() {
    let ids = tokenizer(TokenizerMode::Openai, 77).encode(&dogs(75), Overflow::Error).unwrap();
    assert_eq!(ids, [vec![START], vec![DOG; 75], vec![END]].concat());
}

#[test]
fn a_text_of_78_tokens_is_refused_with_the_way_out() {
    let error =
        tokenizer(TokenizerMode::Openai, 77).encode(&dogs(76), Overflow::Error).unwrap_err();
    assert!(matches!(error, Error::TooLong { tokens: 78, limit: 77 }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the text has 78 tokens, the model reads at most 77: shorten it, or ask for truncation"
    );
}

#[test]
fn truncation_keeps_the_end_token() {
    for (mode, count) in [(TokenizerMode::Openai, 76), (TokenizerMode::Hf, 500)] {
        let ids = tokenizer(mode, 77).encode(&dogs(count), Overflow::Truncate).unwrap();
        assert_eq!(ids, [vec![START], vec![DOG; 75], vec![END]].concat());
    }
}

#[test]
fn truncation_leaves_a_text_that_fits() {
    let tokenizer = tokenizer(TokenizerMode::Hf, 3);
    assert_eq!(tokenizer.encode("dog", Overflow::Truncate).unwrap(), [START, DOG, END]);
    assert_eq!(tokenizer.encode("dog dog", Overflow::Truncate).unwrap(), [START, DOG, END]);
}

#[test]
fn an_empty_text_is_start_and_end() {
    for mode in [TokenizerMode::Openai, TokenizerMode::Hf] {
        let tokenizer = tokenizer(mode, 77);
        for text in ["", "  \n\t"] {
            assert_eq!(tokenizer.encode(text, Overflow::Error).unwrap(), [START, END]);
        }
    }
}

#[test]
fn special_tokens_have_the_ids_of_the_configuration() {
    let config = TokenizerConfig::clip(TokenizerMode::Hf, 1, 2, 0);
    let tokenizer = Tokenizer::new(&config, 77, None).unwrap();
    let ids = tokenizer.encode("dog<|endoftext|>", Overflow::Error).unwrap();
    assert_eq!(ids, [1, DOG, 2, 2]);
}

#[test]
fn a_batch_is_as_long_as_its_longest_text() {
    let texts = [vec![START, DOG, DOG, END], vec![START, END]];
    assert_eq!(
        tokenizer(TokenizerMode::Openai, 77).pad(&texts),
        TokenBatch { ids: vec![START, DOG, DOG, END, START, END, 7, 7], rows: 2, length: 4 }
    );
}

#[test]
fn a_batch_can_be_as_long_as_the_context() {
    let batch = tokenizer(TokenizerMode::Openai, 5).pad_to_context(&[vec![START, DOG, END]]);
    assert_eq!(batch, TokenBatch { ids: vec![START, DOG, END, 7, 7], rows: 1, length: 5 });
}

#[test]
fn an_empty_batch_has_no_ids() {
    let batch = tokenizer(TokenizerMode::Openai, 77).pad(&[]);
    assert_eq!(batch, TokenBatch { ids: Vec::new(), rows: 0, length: 0 });
}

#[test]
fn one_tokenizer_serves_many_threads() {
    let tokenizer = tokenizer(TokenizerMode::Openai, 77);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                assert_eq!(tokenizer.encode("Dog", Overflow::Error).unwrap(), [START, DOG, END]);
            });
        }
    });
}
