//! CLIP's own vocabulary, as OpenAI, OpenCLIP and transformers use it, and those of its kind.

use clip_checkpoint::{TokenizerConfig, TokenizerMode};

use crate::bpe::WordEncoder;
use crate::rules::Rules;
use crate::words::{Piece, Special, WordSplitter, split_at_special};
use crate::{Error, Result, clean};

pub(crate) struct Clip {
    words: WordSplitter,
    encoder: WordEncoder,
    mode: TokenizerMode,
    start_token: u32,
    end_token: u32,
}

impl Clip {
    /// The rules for CLIP's vocabulary.
    ///
    /// # Errors
    ///
    /// [`Error::OtherVocabulary`] for a mode that has no rules for this vocabulary.
    pub(crate) fn new(config: &TokenizerConfig) -> Result<Self> {
        match config.mode {
            mode if !mode.splits_words() => Err(Error::OtherVocabulary { mode }),
            _ => {
                let encoder = WordEncoder::clip(config.start_token.unwrap_or(u32::MAX));
                Ok(Self::with(config, encoder))
            }
        }
    }

    /// The rules for words that are encoded in this way.
    pub(crate) fn with(config: &TokenizerConfig, encoder: WordEncoder) -> Self {
        Self {
            words: WordSplitter::new(config.mode),
            encoder,
            mode: config.mode,
            start_token: config.start_token.unwrap_or(config.end_token),
            end_token: config.end_token,
        }
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
            Special::Start => self.start_token,
            Special::End => self.end_token,
        }
    }
}

impl Rules for Clip {
    fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        match self.mode {
            TokenizerMode::Hf => self.encode_around_special(text, &mut ids),
            _ => self.encode_words(&clean::openai(text), &mut ids),
        }
        ids
    }
}
