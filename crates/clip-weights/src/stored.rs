//! Stub.
use std::path::Path;

use clip_checkpoint::{Padding, TokenizerConfig, TokenizerMode, Vocabulary};

use crate::Result;

pub(crate) fn read(folder: &Path, mode: TokenizerMode) -> Result<(TokenizerConfig, Vec<u8>)> {
    let bytes = std::fs::read(folder.join("tokenizer.json")).unwrap_or_default();
    let config = TokenizerConfig {
        mode,
        vocabulary: Vocabulary::stored(&bytes),
        start_token: None,
        end_token: 1,
        pad_token: 1,
        padding: Padding::Context,
    };
    Ok((config, bytes))
}
