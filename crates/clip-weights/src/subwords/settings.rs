//! `tokenizer_config.json` and `special_tokens_map.json`: which tokens stand for what.

use std::path::Path;

use clip_checkpoint::TokenizerMode;
use serde_json::Value;

use super::Model;
use super::added::Added;
use crate::json::Fields;
use crate::{Error, Result};

pub(super) const FILE: &str = "tokenizer_config.json";

/// What the files say, with the defaults of the classes.
pub(super) struct Settings {
    /// Tokens that a text can spell out.
    pub(super) added: Option<Vec<Added>>,
    pub(super) start: Named,
    pub(super) end: Named,
    pub(super) pad: Named,
    /// Tokens with another meaning, which a text can spell out as well as those three.
    pub(super) others: Vec<Named>,
    pub(super) adds_start: bool,
    pub(super) adds_end: bool,
}

/// A token by its text, and who calls it so.
pub(super) struct Named {
    pub(super) content: String,
    /// File and field; nothing for what a class has by default.
    place: Option<(String, String)>,
}

impl Named {
    pub(super) fn is_default(&self) -> bool {
        self.place.is_none()
    }

    /// The error for a token that is not `supported`.
    pub(super) fn unsupported(&self, supported: &str) -> Error {
        let default = || (FILE.to_owned(), format!("no other token than {}", self.content));
        let (file, field) = self.place.clone().unwrap_or_else(default);
        let (value, supported) = (format!("{:?}", self.content), supported.to_owned());
        Error::Unsupported { file, field, value, supported }
    }
}

impl Settings {
    pub(super) fn read(folder: &Path, mode: TokenizerMode, model: &Model) -> Result<Self> {
        let files = Files::open(folder)?;
        let is_pieces = matches!(model, Model::Pieces { .. });
        files.check("padding_side", "right")?;
        files.check("split_special_tokens", false)?;
        if mode == TokenizerMode::HfSiglip {
            files.check("do_lower_case", true)?;
        }
        // The defaults of the classes' constructors.
        let (end, pad) = match mode {
            _ if !is_pieces => ("<eos>", "<pad>"),
            TokenizerMode::HfSiglip => ("</s>", "</s>"),
            _ => ("</s>", "<pad>"),
        };
        let (start, mask) = if is_pieces { ("", "") } else { ("<bos>", "<mask>") };
        let others =
            [("unk_token", "<unk>"), ("mask_token", mask), ("sep_token", ""), ("cls_token", "")];
        let others = others.map(|(key, default)| files.token(key, default));
        let mut others: Vec<Named> = others.into_iter().collect::<Result<_>>()?;
        others.extend(files.list("additional_special_tokens")?);
        others.extend(files.list("extra_special_tokens")?);
        Ok(Self {
            start: files.token("bos_token", start)?,
            end: files.token("eos_token", end)?,
            pad: files.token("pad_token", pad)?,
            others,
            adds_start: files.flag("add_bos_token")?,
            adds_end: files.flag("add_eos_token")?,
            added: files.added()?,
        })
    }

    /// Every token that is named.
    pub(super) fn named(&self) -> impl Iterator<Item = &Named> {
        let all = [&self.start, &self.end, &self.pad].into_iter().chain(&self.others);
        all.filter(|named| !named.content.is_empty())
    }
}

/// The files that are there, the one that counts first.
struct Files {
    config: Option<Fields>,
    map: Option<Fields>,
}

impl Files {
    /// The second is of older versions, and counts more than the first; it is not read where the
    /// first lists the added tokens.
    fn open(folder: &Path) -> Result<Self> {
        let config = Fields::open(folder, FILE)?;
        let lists = config.as_ref().is_some_and(|fields| fields.get(ADDED).is_some());
        let map = if lists { None } else { Fields::open(folder, "special_tokens_map.json")? };
        Ok(Self { config, map })
    }

    fn find(&self, key: &str) -> Option<(&Fields, &Value)> {
        let mut files = self.map.iter().chain(&self.config);
        files.find_map(|fields| Some((fields, fields.get(key)?)))
    }

    /// A setting that has to be as it is by default.
    fn check(&self, key: &str, wanted: impl Into<Value>) -> Result<()> {
        let wanted = wanted.into();
        let config = self
            .config
            .as_ref()
            .filter(|fields| fields.get(key).is_some_and(|found| *found != wanted));
        config.map_or(Ok(()), |fields| Err(fields.unsupported(key, &wanted.to_string())))
    }

    fn flag(&self, key: &str) -> Result<bool> {
        self.config.as_ref().map_or(Ok(false), |fields| fields.flag(key, false))
    }

    fn token(&self, key: &str, default: &str) -> Result<Named> {
        let Some((fields, value)) = self.find(key) else {
            return Ok(Named { content: default.to_owned(), place: None });
        };
        let content = content(value).ok_or_else(|| fields.unsupported(key, "a token"))?;
        Ok(Named { content: content.to_owned(), place: Some(fields.place(key)) })
    }

    fn list(&self, key: &str) -> Result<Vec<Named>> {
        let Some((fields, value)) = self.find(key) else { return Ok(Vec::new()) };
        let tokens: Option<Vec<&str>> = match value {
            Value::Array(list) => list.iter().map(content).collect(),
            // Names with their tokens.
            Value::Object(map) => map.values().map(content).collect(),
            _ => None,
        };
        let tokens = tokens.ok_or_else(|| fields.unsupported(key, "a list of tokens"))?;
        let named =
            |content: &str| Named { content: content.to_owned(), place: Some(fields.place(key)) };
        Ok(tokens.into_iter().map(named).collect())
    }

    fn added(&self) -> Result<Option<Vec<Added>>> {
        let Some(fields) = &self.config else { return Ok(None) };
        let Some(tokens) = fields.object(ADDED)? else { return Ok(None) };
        let read = |key: &str| {
            let added = key.parse().ok().zip(tokens.get(key));
            let added = added.and_then(|(id, token)| Added::read(id, token));
            added.ok_or_else(|| tokens.unsupported(key, "an added token with its id"))
        };
        tokens.keys().map(read).collect::<Result<_>>().map(Some)
    }
}

const ADDED: &str = "added_tokens_decoder";

/// A token as its text, or as an object with it.
fn content(value: &Value) -> Option<&str> {
    match value {
        Value::Object(token) => token.get("content").and_then(Value::as_str),
        value => value.as_str(),
    }
}
