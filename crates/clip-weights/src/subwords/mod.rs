//! Vocabularies that a model brings along: SigLIP's and SigLIP 2's.
//!
//! A folder holds one as SentencePiece wrote it, as the crate `tokenizers` writes it, or both, and
//! two files more that say which tokens end a text and fill it up. What a library makes of them
//! depends on its class for the tokenizer, which rebuilds most of what the files describe: so those
//! settings have to be the ones that the class would choose, and anything else is refused by name.
//! Followed are transformers 5.23 (`SiglipTokenizer`, `Siglip2Tokenizer`, and for OpenCLIP
//! `T5Tokenizer` and `GemmaTokenizer`) and OpenCLIP 3.3 (`HFTokenizer`).

mod added;
mod sentence_piece;
mod settings;
mod spelled;
#[cfg(test)]
mod tests;
mod tokenizer_json;

use std::collections::HashSet;
use std::path::Path;

use added::Added;
use clip_checkpoint::{
    Charsmap, Merge, Padding, SubwordModel, Subwords, TokenizerConfig, TokenizerMode, UnigramModel,
    Vocabulary,
};
use settings::Settings;

use crate::{Error, Result};

/// Whose classes read the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Library {
    /// `AutoTokenizer`: `spiece.model` first.
    Transformers,
    /// `HFTokenizer` with `clean = "canonicalize"`: `tokenizer.json` first.
    OpenClip,
}

/// Reads the tokenizer of a folder for a text tower with `vocab_size` token embeddings: what the
/// card says of it, and the bytes of the vocabulary that it calls stored.
///
/// The files are `spiece.model`, `tokenizer.json` or `tokenizer.model`, the first that is there in
/// the library's order, with `tokenizer_config.json` and `special_tokens_map.json` where they are.
/// The mode follows from the library and from what kind of vocabulary it is. Texts are padded to the
/// whole context, as SigLIPs are trained.
///
/// # Errors
///
/// [`Error::MissingFile`] where the folder has none of the three, [`Error::Io`], [`Error::Json`] and
/// [`Error::Damaged`] where a file cannot be read, [`Error::Unsupported`] for a setting or a token
/// that a checkpoint cannot express, and for more tokens than `vocab_size`.
pub(crate) fn read(
    folder: &Path,
    library: Library,
    vocab_size: usize,
) -> Result<(TokenizerConfig, Vec<u8>)> {
    let mut source = open(folder, library)?;
    let mode = match (library, &source.model) {
        (Library::Transformers, Model::Pieces { .. }) => TokenizerMode::HfSiglip,
        (Library::Transformers, Model::Merges(_)) => TokenizerMode::HfSiglip2,
        (Library::OpenClip, _) => TokenizerMode::OpenClipCanonical,
    };
    let settings = Settings::read(folder, mode, &source.model)?;
    if library == Library::OpenClip {
        source.drop_sentinels(vocab_size);
    }
    let spelled = spelled::read(&source, &settings, library)?;
    source.check_size(&spelled, vocab_size)?;
    source.check_bytes()?;
    let (start_token, end_token) = source.ends(&settings)?;
    let pad_token = source.named(&settings.pad)?;
    let bytes = source.encode(&spelled)?;
    let (vocabulary, padding) = (Vocabulary::stored(&bytes), Padding::Context);
    let config = TokenizerConfig { mode, vocabulary, start_token, end_token, pad_token, padding };
    Ok((config, bytes))
}

fn open(folder: &Path, library: Library) -> Result<Source> {
    let (files, layout) = match library {
        Library::Transformers => {
            (["spiece.model", "tokenizer.json", "tokenizer.model"], "Hugging Face")
        }
        Library::OpenClip => (["tokenizer.json", "spiece.model", "tokenizer.model"], "OpenCLIP"),
    };
    match files.into_iter().find(|file| folder.join(file).is_file()) {
        Some(file) if file.ends_with(".json") => tokenizer_json::read(folder, file),
        Some(file) => sentence_piece::read(folder, file),
        None => {
            let (folder, file) = (folder.to_owned(), files[0].to_owned());
            Err(Error::MissingFile { folder, file, layout })
        }
    }
}

/// What the file of a vocabulary says.
#[derive(Debug)]
struct Source {
    file: &'static str,
    /// By their ids.
    tokens: Vec<String>,
    model: Model,
    /// Tokens that a text can spell out, unless the settings say so themselves.
    added: Vec<Added>,
    ends: Ends,
}

/// How words become tokens.
#[derive(Debug)]
enum Model {
    Pieces {
        scores: Vec<f64>,
        unknown: u32,
        reserved: Vec<u32>,
        /// As SentencePiece has it: the size of the double array in bytes, the array, the texts.
        charsmap: Vec<u8>,
    },
    Merges(Vec<Merge>),
}

/// Who says which tokens stand around a text.
#[derive(Debug)]
enum Ends {
    /// The class: the end token after it.
    Class,
    /// `add_bos_token` and `add_eos_token`.
    Settings,
    /// The ids before and after it.
    Template { before: Vec<u32>, after: Vec<u32> },
}

impl Source {
    /// The error for something in the file that is not `supported`.
    fn unsupported(&self, field: &str, value: impl ToString, supported: &str) -> Error {
        unsupported(self.file, field, value, supported)
    }

    fn id(&self, token: &str) -> Option<u32> {
        let added = self.added.iter().find(|added| added.content == token).map(|added| added.id);
        added.or_else(|| {
            self.tokens.iter().zip(0..).find(|(text, _)| *text == token).map(|(_, id)| id)
        })
    }

    /// The id of a token that the settings name.
    fn named(&self, name: &settings::Named) -> Result<u32> {
        let unknown = || name.unsupported(&format!("a token of {}", self.file));
        self.id(&name.content).ok_or_else(unknown)
    }

    /// T5's sentinels, `<extra_id_0>` and so on, follow the tokens that the text tower knows. A
    /// clean text cannot spell them.
    fn drop_sentinels(&mut self, vocab_size: usize) {
        let Model::Pieces { scores, reserved, .. } = &mut self.model else { return };
        let is_sentinel = |token: &str| token.starts_with("<extra_id_") && token.ends_with('>');
        while self.tokens.len() > vocab_size {
            if self.tokens.pop_if(|token| is_sentinel(token)).is_none() {
                break;
            }
            scores.pop();
        }
        reserved.retain(|id| (*id as usize) < self.tokens.len());
    }

    fn check_size(&self, spelled: &[Added], vocab_size: usize) -> Result<()> {
        let last = spelled.iter().map(|added| added.id as usize + 1).max();
        let ids = self.tokens.len().max(last.unwrap_or_default());
        if ids <= vocab_size {
            return Ok(());
        }
        let supported = format!("up to {vocab_size}, as many as the text tower knows");
        Err(self.unsupported("the number of tokens", ids, &supported))
    }

    /// Where words are merged, every byte has a token, or is a character that has one.
    fn check_bytes(&self) -> Result<()> {
        if matches!(self.model, Model::Pieces { .. }) {
            return Ok(());
        }
        let tokens: HashSet<&str> = self.tokens.iter().map(String::as_str).collect();
        let is_missing = |byte: &u8| {
            let character = char::from(*byte).to_string();
            let is_token = byte.is_ascii() && tokens.contains(&*character);
            !is_token && !tokens.contains(&*format!("<0x{byte:02X}>"))
        };
        (0..=u8::MAX).find(is_missing).map_or(Ok(()), |byte| {
            let value = format!("those without <0x{byte:02X}>");
            Err(self.unsupported("the tokens", value, "those with one for every byte"))
        })
    }

    fn ends(&self, settings: &Settings) -> Result<(Option<u32>, u32)> {
        let (before, after) = match &self.ends {
            Ends::Class => (Vec::new(), vec![self.named(&settings.end)?]),
            Ends::Template { before, after } => (before.clone(), after.clone()),
            Ends::Settings => {
                let start = settings.adds_start.then(|| self.named(&settings.start)).transpose()?;
                let end = settings.adds_end.then(|| self.named(&settings.end)).transpose()?;
                (Vec::from_iter(start), Vec::from_iter(end))
            }
        };
        match (&before[..], &after[..]) {
            ([], [end]) => Ok((None, *end)),
            ([start], [end]) => Ok((Some(*start), *end)),
            _ => {
                let value = format!("{} before and {} after a text", before.len(), after.len());
                Err(self.unsupported(
                    "the special tokens",
                    value,
                    "one after it, and at most one before it",
                ))
            }
        }
    }

    fn encode(&self, spelled: &[Added]) -> Result<Vec<u8>> {
        let model = match &self.model {
            Model::Merges(merges) => SubwordModel::Bpe(merges.clone()),
            Model::Pieces { scores, unknown, reserved, charsmap } => {
                let damaged =
                    || self.unsupported("the table of replacements", "damaged", "a whole one");
                SubwordModel::Unigram(UnigramModel {
                    scores: scores.clone(),
                    unknown: *unknown,
                    reserved: reserved.clone(),
                    charsmap: split(charsmap).ok_or_else(damaged)?,
                })
            }
        };
        let tokens = self.tokens.iter().map(String::as_str).collect();
        let spelled = spelled.iter().map(|added| (added.id, added.content.as_str())).collect();
        Ok(Subwords { tokens, spelled, model }.encode())
    }
}

/// `Normalizer::DecodePrecompiledCharsMap` in
/// <https://github.com/google/sentencepiece/blob/v0.2.3/src/normalizer.cc>.
fn split(charsmap: &[u8]) -> Option<Charsmap<'_>> {
    if charsmap.is_empty() {
        return Some(Charsmap::default());
    }
    let (size, rest) = charsmap.split_first_chunk()?;
    let (units, replacements) = rest.split_at_checked(u32::from_le_bytes(*size) as usize)?;
    let (units, []) = units.as_chunks() else { return None };
    let units = units.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
    Some(Charsmap { units, replacements: str::from_utf8(replacements).ok()? })
}

fn unsupported(file: &str, field: &str, value: impl ToString, supported: &str) -> Error {
    let (file, field, supported) = (file.to_owned(), field.to_owned(), supported.to_owned());
    Error::Unsupported { file, field, value: value.to_string(), supported }
}
