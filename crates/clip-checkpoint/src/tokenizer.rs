//! How texts are prepared.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::is_default;
use crate::hex::hex;

/// From a text to token ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenizerConfig {
    /// Whose text cleaning is followed.
    pub mode: TokenizerMode,
    /// Which tokens there are.
    #[serde(default, skip_serializing_if = "is_default")]
    pub vocabulary: Vocabulary,
    /// Id of the token before a text; nothing where texts begin with their first word. In CLIP's
    /// vocabulary, and in one of CLIP's kind, the ids before it are those of the bytes and of the merges,
    /// so it also says how many merges are in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_token: Option<u32>,
    /// Id of the token after a text.
    pub end_token: u32,
    /// Id that fills up the shorter texts of a batch.
    pub pad_token: u32,
    /// How far they are filled up.
    #[serde(default, skip_serializing_if = "is_default")]
    pub padding: Padding,
}

impl TokenizerConfig {
    /// CLIP's vocabulary; a batch is as long as its longest text.
    pub const fn clip(
        mode: TokenizerMode,
        start_token: u32,
        end_token: u32,
        pad_token: u32,
    ) -> Self {
        let (vocabulary, padding) = (Vocabulary::Clip, Padding::Longest);
        let start_token = Some(start_token);
        Self { mode, vocabulary, start_token, end_token, pad_token, padding }
    }
}

/// Whose text cleaning is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TokenizerMode {
    /// ftfy repair, HTML unescaped twice, white space collapsed, lower case.
    Openai,
    /// As `Openai`; a text spells the special tokens `<start_of_text>` and `<end_of_text>`.
    OpenClip,
    /// NFC, white space collapsed, lower case.
    Hf,
    /// `SiglipTokenizer` of transformers: lower case, without ASCII punctuation, white space
    /// collapsed.
    HfSiglip,
    /// `Siglip2Tokenizer` of transformers: lower case.
    HfSiglip2,
    /// `HFTokenizer` of OpenCLIP with `clean = "canonicalize"`: repaired and unescaped as `Openai`,
    /// then as `HfSiglip` with an underscore read as a space.
    OpenClipCanonical,
}

impl TokenizerMode {
    /// Whether texts are cut into words whose bytes are merged, as in CLIP's vocabulary.
    pub const fn splits_words(self) -> bool {
        matches!(self, Self::Openai | Self::OpenClip | Self::Hf)
    }
}

/// Which tokens there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vocabulary {
    /// The 49,408 of OpenAI's CLIP, which every program has.
    #[default]
    Clip,
    /// The model's own, which the checkpoint carries ([`crate::Checkpoint::vocabulary`]).
    Stored {
        /// Size in bytes.
        bytes: usize,
        /// SHA-256 in lower-case hexadecimal.
        sha256: String,
    },
}

impl Vocabulary {
    /// The vocabulary of these bytes.
    pub fn stored(bytes: &[u8]) -> Self {
        let sha256 = hex(&Sha256::digest(bytes));
        Self::Stored { bytes: bytes.len(), sha256 }
    }
}

/// How far the shorter texts of a batch are filled up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// To the longest of them: a causal tower never looks at what follows the end token.
    #[default]
    Longest,
    /// To the whole context: the tower was trained to look at the padding too.
    Context,
}
