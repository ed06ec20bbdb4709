//! From a text to ids.

use clip_checkpoint::{TokenizerConfig, TokenizerMode};

use crate::bpe::WordEncoder;
use crate::words::{Piece, Special, WordSplitter, split_at_special};
use crate::{Error, Result, TokenBatch, clean};

/// What to do with a text of more tokens than the model reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// Refuse it: what the end of a sentence says is not silently lost.
    #[default]
    Error,
    /// Keep its beginning, and the end token in the last place.
    Truncate,
}

/// Turns texts into token ids for one model.
pub struct Tokenizer {
    config: TokenizerConfig,
    context_length: usize,
    words: WordSplitter,
    encoder: WordEncoder,
}

impl Tokenizer {
    /// A tokenizer with the rules and special tokens of `config`, for texts of up to
    /// `context_length` tokens (77 in published models; start and end token counted).
    ///
    /// Unpacks the vocabulary, which takes some tens of milliseconds: build one and keep it.
    pub fn new(config: &TokenizerConfig, context_length: usize) -> Self {
        Self {
            config: config.clone(),
            context_length,
            words: WordSplitter::new(config.mode),
            encoder: WordEncoder::new(config.start_token.unwrap_or(u32::MAX)),
        }
    }

    /// The most tokens a text may have.
    pub fn context_length(&self) -> usize {
        self.context_length
    }

    /// The ids of a text, with start and end token, not filled up. An empty text is the two of them.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] where the text has more than [`Self::context_length`] tokens and
    /// `overflow` is [`Overflow::Error`]; [`Error::UnknownMode`] where the configuration comes from
    /// a later version.
    pub fn encode(&self, text: &str, overflow: Overflow) -> Result<Vec<u32>> {
        let mut ids = Vec::from_iter(self.config.start_token);
        match self.config.mode {
            TokenizerMode::Openai | TokenizerMode::OpenClip => {
                self.encode_words(&clean::openai(text), &mut ids)
            }
            TokenizerMode::Hf => self.encode_around_special(text, &mut ids),
            mode => return Err(Error::UnknownMode { mode: format!("{mode:?}") }),
        }
        ids.push(self.config.end_token);
        let (tokens, limit) = (ids.len(), self.context_length);
        match overflow {
            _ if tokens <= limit => {}
            Overflow::Error => return Err(Error::TooLong { tokens, limit }),
            Overflow::Truncate => {
                ids.truncate(limit.saturating_sub(1));
                ids.push(self.config.end_token);
            }
        }
        Ok(ids)
    }

    /// Texts as one batch `[texts, longest text]`: a causal tower learns nothing from more padding.
    pub fn pad(&self, texts: &[Vec<u32>]) -> TokenBatch {
        TokenBatch::new(texts, self.config.pad_token, 0)
    }

    /// Texts as one batch `[texts, context_length]`, as the references pad.
    pub fn pad_to_context(&self, texts: &[Vec<u32>]) -> TokenBatch {
        TokenBatch::new(texts, self.config.pad_token, self.context_length)
    }

    /// transformers takes the special tokens out of the text as written, and cleans what is between
    /// them.
    fn encode_around_special(&self, text: &str, ids: &mut Vec<u32>) {
        let mut rest = text;
        while let Some((before, special, after)) = split_at_special(rest) {
            self.encode_words(&clean::hf(before), ids);
            ids.push(self.special_id(special));
            rest = after;
        }
        self.encode_words(&clean::hf(rest), ids);
    }

    fn encode_words(&self, text: &str, ids: &mut Vec<u32>) {
        for piece in self.words.split(text) {
            match piece {
                Piece::Special(special) => ids.push(self.special_id(special)),
                Piece::Word(word) => self.encoder.encode(word, ids),
            }
        }
    }

    fn special_id(&self, special: Special) -> u32 {
        match special {
            Special::Start => self.config.start_token.unwrap_or(self.config.end_token),
            Special::End => self.config.end_token,
        }
    }
}
