//! From a text to ids.

use clip_checkpoint::{Padding, TokenizerConfig, Vocabulary};

use crate::clip::Clip;
use crate::rules::Rules;
use crate::{Error, Result, TokenBatch, subword};

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
    rules: Box<dyn Rules>,
}

impl Tokenizer {
    /// A tokenizer with the rules and special tokens of `config`, for texts of up to
    /// `context_length` tokens (77 in published CLIPs, 64 in SigLIPs; start and end token counted).
    /// `vocabulary` is the checkpoint's ([`clip_checkpoint::Checkpoint::vocabulary`]); CLIP's own is
    /// compiled in.
    ///
    /// Unpacks the vocabulary, which takes some tens of milliseconds: build one and keep it.
    ///
    /// # Errors
    ///
    /// [`Error::NoVocabulary`] where the model has one of its own and none is given,
    /// [`Error::Vocabulary`] where that is damaged, [`Error::OtherVocabulary`] where the mode is not
    /// for it, [`Error::NoToken`] where it has no such token as `config` names.
    pub fn new(
        config: &TokenizerConfig,
        context_length: usize,
        vocabulary: Option<&[u8]>,
    ) -> Result<Self> {
        let rules = match (&config.vocabulary, vocabulary) {
            (Vocabulary::Clip, _) => Box::new(Clip::new(config)?),
            (Vocabulary::Stored { .. }, Some(bytes)) => subword::rules(config, bytes)?,
            (Vocabulary::Stored { .. }, None) => return Err(Error::NoVocabulary),
        };
        Ok(Self { config: config.clone(), context_length, rules })
    }

    /// The most tokens a text may have.
    pub fn context_length(&self) -> usize {
        self.context_length
    }

    /// The ids of a text, with the start token where the model has one and the end token, not filled
    /// up. An empty text is those alone.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] where the text has more than [`Self::context_length`] tokens and
    /// `overflow` is [`Overflow::Error`].
    pub fn encode(&self, text: &str, overflow: Overflow) -> Result<Vec<u32>> {
        let mut ids = Vec::from_iter(self.config.start_token);
        ids.extend(self.rules.encode(text));
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

    /// Texts as one batch, as long as the model wants it: `[texts, longest text]`, for a causal tower
    /// learns nothing from more padding, or `[texts, context_length]` for one that looks at it.
    pub fn pad(&self, texts: &[Vec<u32>]) -> TokenBatch {
        match self.config.padding {
            Padding::Longest => TokenBatch::new(texts, self.config.pad_token, 0),
            Padding::Context => self.pad_to_context(texts),
        }
    }

    /// Texts as one batch `[texts, context_length]`, as the references pad.
    pub fn pad_to_context(&self, texts: &[Vec<u32>]) -> TokenBatch {
        TokenBatch::new(texts, self.config.pad_token, self.context_length)
    }
}
