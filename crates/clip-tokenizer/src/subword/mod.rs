//! Vocabularies that a checkpoint carries, and how SigLIP, SigLIP 2 and CLIPs with merges of their own use
//! them.
//!
//! The first two are SentencePiece's: pieces with a likelihood each, as T5's (SigLIP), or merges, with bytes
//! for what has no token, as Gemma's (SigLIP 2). Each reference wraps one of them in its own way.

mod bpe;
mod charsmap;
mod gemma;
mod siglip;
mod spelled;
mod t5;
mod unigram;

use clip_checkpoint::{SubwordModel, Subwords, TokenizerConfig, TokenizerMode};

use crate::bpe::WordEncoder;
use crate::clip::Clip;
use crate::rules::Rules;
use crate::{Error, Result};

/// The rules of the configuration's mode for the vocabulary in `bytes`.
///
/// # Errors
///
/// [`Error::Vocabulary`] where the bytes are damaged, [`Error::NoToken`] where the configuration
/// names a token that they do not hold, [`Error::OtherVocabulary`] where they are not for the mode.
pub(crate) fn rules(config: &TokenizerConfig, bytes: &[u8]) -> Result<Box<dyn Rules>> {
    let subwords = Subwords::decode(bytes)?;
    check_tokens(config, &subwords)?;
    Ok(match (config.mode, &subwords.model) {
        (TokenizerMode::HfSiglip, SubwordModel::Unigram(model)) => {
            Box::new(siglip::Siglip::new(&subwords, model, config.end_token)?)
        }
        (TokenizerMode::OpenClipCanonical, SubwordModel::Unigram(model)) => {
            Box::new(t5::T5::new(&subwords, model)?)
        }
        (TokenizerMode::OpenClipCanonical, SubwordModel::Bpe(merges)) => {
            Box::new(gemma::Gemma::new(&subwords, merges, gemma::Cleaning::Canonical)?)
        }
        (TokenizerMode::HfSiglip2, SubwordModel::Bpe(merges)) => {
            Box::new(gemma::Gemma::new(&subwords, merges, gemma::Cleaning::LowerCase)?)
        }
        (mode, SubwordModel::ByteLevel(merges)) if mode.splits_words() => {
            Box::new(Clip::with(config, WordEncoder::stored(merges)?))
        }
        (mode, _) => return Err(Error::OtherVocabulary { mode }),
    })
}

fn check_tokens(config: &TokenizerConfig, subwords: &Subwords<'_>) -> Result<()> {
    let is_known = |token: u32| {
        (token as usize) < subwords.count()
            || subwords.spelled.iter().any(|(spelled, _)| *spelled == token)
    };
    let mut tokens = config.start_token.into_iter().chain([config.end_token, config.pad_token]);
    match tokens.find(|token| !is_known(*token)) {
        None => Ok(()),
        Some(token) => Err(Error::NoToken { token, tokens: subwords.count() }),
    }
}
