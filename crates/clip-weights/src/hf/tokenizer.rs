//! Token ids. The vocabulary of every published CLIP is OpenAI's, so its files are only compared;
//! the configuration of the text tower and the name of the padding token say all that differs.

use std::path::Path;

use clip_checkpoint::{TokenizerConfig, TokenizerMode};
use serde_json::Value;

use super::config::{LEGACY_EOS, TokenIds};
use super::vocabulary;
use crate::Result;
use crate::json::Fields;
use crate::openai::{END, START, VOCABULARY};

pub(super) fn read(folder: &Path, vocab_size: usize, tokens: TokenIds) -> Result<TokenizerConfig> {
    // A shorter vocabulary is a test model's own.
    if vocab_size >= VOCABULARY {
        vocabulary::check(folder)?;
    }
    let (start_token, end_token) = start_and_end(vocab_size, &tokens)?;
    let pad_token = pad(folder, end_token)?;
    Ok(TokenizerConfig::clip(TokenizerMode::Hf, start_token, end_token, pad_token))
}

/// With the published vocabulary, or a longer one, its ids. A test model with a shorter one takes
/// them from its configuration, or, where that has the wrong id of old, the last two.
fn start_and_end(vocab_size: usize, tokens: &TokenIds) -> Result<(u32, u32)> {
    let TokenIds { bos, eos, fields } = tokens;
    if vocab_size >= VOCABULARY {
        return match *eos {
            LEGACY_EOS | END => Ok((START, END)),
            // No text would hold the token that the tower looks for.
            _ => Err(fields.unsupported("eos_token_id", "2 or 49407")),
        };
    }
    let last = u32::try_from(vocab_size.saturating_sub(1)).unwrap_or(u32::MAX);
    if *eos == LEGACY_EOS {
        return Ok((last.saturating_sub(1), last));
    }
    for (key, id) in [("bos_token_id", *bos), ("eos_token_id", *eos)] {
        if id > last {
            return Err(fields.unsupported(key, &format!("an id up to {last}")));
        }
    }
    Ok((*bos, *eos))
}

/// The padding token by its text, as `CLIPTokenizer` knows it; its default is the end token. The
/// `pad_token_id` of `config.json` is not used by transformers' tokenizer, nor here.
fn pad(folder: &Path, end_token: u32) -> Result<u32> {
    for file in ["tokenizer_config.json", "special_tokens_map.json"] {
        let Some(fields) = Fields::open(folder, file)? else { continue };
        let Some(value) = fields.get("pad_token") else { continue };
        let text = match value {
            Value::Object(token) => token.get("content").and_then(Value::as_str),
            value => value.as_str(),
        };
        return match text {
            Some("<|endoftext|>") => Ok(end_token),
            // Id 0 of the vocabulary, and OpenAI's padding.
            Some("!") => Ok(0),
            _ => Err(fields.unsupported("pad_token", "<|endoftext|> or !")),
        };
    }
    Ok(end_token)
}
