//! `tokenizer.json`, as the crate `tokenizers` writes it.

use std::collections::HashMap;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clip_checkpoint::Merge;
use serde_json::Value;

use super::added::Added;
use super::{Ends, Model, Source, unsupported};
use crate::json;
use crate::{Error, Result};

pub(super) fn read(folder: &Path, file: &'static str) -> Result<Source> {
    let path = folder.join(file);
    let document = json::read(&path)?;
    let reader = Reader { file, document: &document };
    let tokens = reader.tokens()?;
    let added = reader.added()?;
    let (model, ends) = match reader.text("/model/type") {
        Some("Unigram") => (reader.pieces(&added)?, Ends::Class),
        Some("BPE") => (reader.merges(&tokens)?, reader.ends()?),
        _ => return Err(reader.unsupported("/model/type", "\"Unigram\" or \"BPE\"")),
    };
    Ok(Source { file, tokens, model, added, ends })
}

struct Reader<'a> {
    file: &'static str,
    document: &'a Value,
}

impl<'a> Reader<'a> {
    /// What lies there; `null` is as good as absent.
    fn get(&self, place: &str) -> Option<&'a Value> {
        self.document.pointer(place).filter(|value| !value.is_null())
    }

    fn text(&self, place: &str) -> Option<&'a str> {
        self.get(place).and_then(Value::as_str)
    }

    /// The error for what lies there.
    fn unsupported(&self, place: &str, supported: &str) -> Error {
        let value = match self.get(place) {
            // A list can be a whole vocabulary.
            Some(Value::Array(list)) => format!("a list of {}", list.len()),
            Some(Value::Object(map)) => match map.get("type") {
                Some(kind) => kind.to_string(),
                None => format!("an object with {} fields", map.len()),
            },
            value => value.unwrap_or(&Value::Null).to_string(),
        };
        let field = place.trim_start_matches('/').replace('/', ".");
        unsupported(self.file, &field, value, supported)
    }

    fn added(&self) -> Result<Vec<Added>> {
        const PLACE: &str = "/added_tokens";
        let list = self.get(PLACE).and_then(Value::as_array).map(Vec::as_slice);
        let read = |token: &Value| {
            let id =
                token.get("id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok())?;
            Added::read(id, token)
        };
        let added: Option<Vec<Added>> = list.unwrap_or_default().iter().map(read).collect();
        added.ok_or_else(|| self.unsupported(PLACE, "tokens with their ids"))
    }

    /// `[[token, score], ..]` or `{token: id, ..}`.
    fn tokens(&self) -> Result<Vec<String>> {
        const PLACE: &str = "/model/vocab";
        let unsupported = || self.unsupported(PLACE, "tokens whose ids have no gap");
        match self.get(PLACE) {
            Some(Value::Array(list)) => {
                let tokens = list.iter().map(|piece| piece.get(0)?.as_str().map(str::to_owned));
                tokens.collect::<Option<_>>().ok_or_else(unsupported)
            }
            Some(Value::Object(map)) => {
                let mut tokens = vec![None; map.len()];
                for (token, id) in map {
                    let place = id.as_u64().and_then(|id| usize::try_from(id).ok());
                    let place = place.and_then(|id| tokens.get_mut(id)).ok_or_else(unsupported)?;
                    *place = Some(token.clone());
                }
                tokens.into_iter().collect::<Option<_>>().ok_or_else(unsupported)
            }
            _ => Err(unsupported()),
        }
    }

    fn pieces(&self, added: &[Added]) -> Result<Model> {
        const PLACE: &str = "/model/vocab";
        self.check_metaspace()?;
        let vocab = self.get(PLACE).and_then(Value::as_array).map(Vec::as_slice);
        let score = |piece: &Value| piece.get(1)?.as_f64().filter(|score| score.is_finite());
        let scores: Option<Vec<f64>> = vocab.unwrap_or_default().iter().map(score).collect();
        let scores = scores.ok_or_else(|| self.unsupported(PLACE, "tokens with a finite score"))?;
        let is_token = |id: u32| (id as usize) < scores.len();
        let unknown = self.get("/model/unk_id").and_then(Value::as_u64);
        let unknown = unknown.and_then(|id| u32::try_from(id).ok()).filter(|id| is_token(*id));
        let unknown =
            unknown.ok_or_else(|| self.unsupported("/model/unk_id", "the id of a token"))?;
        self.check_field("/model/byte_fallback", &[Value::Null, Value::Bool(false)])?;
        let special = added.iter().filter(|token| token.is_special()).map(|token| token.id);
        let mut reserved: Vec<u32> = special.filter(|id| is_token(*id)).chain([unknown]).collect();
        reserved.sort_unstable();
        reserved.dedup();
        Ok(Model::Pieces { unknown, reserved, charsmap: self.charsmap()?, scores })
    }

    /// What `T5Tokenizer` takes of the normalizer: the table of replacements. What else old files
    /// have there, to collapse and strip spaces, its splitting at white space does too.
    fn charsmap(&self) -> Result<Vec<u8>> {
        const PLACE: &str = "/normalizer";
        let unsupported =
            || self.unsupported(PLACE, "\"Precompiled\", alone or with spaces collapsed");
        let mut charsmap = None;
        for step in self.steps(PLACE, "normalizers") {
            let text = |place: &str| step.pointer(place).and_then(Value::as_str);
            match text("/type") {
                Some("Precompiled") if charsmap.is_none() => {
                    let encoded = text("/precompiled_charsmap").unwrap_or_default();
                    charsmap = Some(BASE64_STANDARD.decode(encoded).map_err(|_| unsupported())?);
                }
                Some("Strip") => {}
                Some("Replace") if text("/pattern/Regex") == Some(" {2,}") => {}
                _ => return Err(unsupported()),
            }
        }
        charsmap.ok_or_else(unsupported)
    }

    fn check_metaspace(&self) -> Result<()> {
        const PLACE: &str = "/pre_tokenizer";
        let is_known = |step: &Value| {
            let kind = step.get("type").and_then(Value::as_str);
            matches!(kind, Some("WhitespaceSplit" | "Metaspace"))
        };
        if self.steps(PLACE, "pretokenizers").iter().all(is_known) {
            return Ok(());
        }
        Err(self.unsupported(PLACE, "\"Metaspace\", alone or after \"WhitespaceSplit\""))
    }

    /// The steps of a sequence, or the only one.
    fn steps(&self, place: &str, list: &str) -> &'a [Value] {
        match self.get(&format!("{place}/{list}")) {
            Some(Value::Array(steps)) => steps,
            _ => self.get(place).map_or(&[], std::slice::from_ref),
        }
    }

    fn merges(&self, tokens: &[String]) -> Result<Model> {
        const PLACE: &str = "/model/merges";
        self.check_bpe()?;
        let ids: HashMap<&str, u32> = tokens.iter().map(String::as_str).zip(0..).collect();
        let list = self.get(PLACE).and_then(Value::as_array).map(Vec::as_slice);
        let merge = |pair: &Value| {
            // Older files have both in one text.
            let (left, right) = match pair {
                Value::String(pair) => pair.split_once(' ')?,
                pair => (pair.get(0)?.as_str()?, pair.get(1)?.as_str()?),
            };
            let merged = *ids.get(&*[left, right].concat())?;
            Some(Merge { left: *ids.get(left)?, right: *ids.get(right)?, merged })
        };
        let merges: Option<Vec<Merge>> = list.unwrap_or_default().iter().map(merge).collect();
        let unsupported = || self.unsupported(PLACE, "pairs of tokens that are a token together");
        merges.map(Model::Merges).ok_or_else(unsupported)
    }

    /// What Gemma's vocabulary is like.
    fn check_bpe(&self) -> Result<()> {
        let (none, no, empty) = (Value::Null, Value::Bool(false), Value::from(""));
        self.check_field("/model/byte_fallback", &[Value::Bool(true)])?;
        self.check_field("/model/ignore_merges", &[none.clone(), no])?;
        self.check_field("/model/dropout", &[none.clone(), Value::from(0.0)])?;
        self.check_field("/model/continuing_subword_prefix", &[none.clone(), empty.clone()])?;
        self.check_field("/model/end_of_word_suffix", &[none, empty])?;
        let kinds = |place, list| {
            let kind = |step: &'a Value| step.get("type").and_then(Value::as_str);
            self.steps(place, list).iter().map(kind).collect::<Vec<_>>()
        };
        if !matches!(
            kinds("/normalizer", "normalizers")[..],
            [Some("Replace")] | [Some("Lowercase"), Some("Replace")]
        ) {
            return Err(
                self.unsupported("/normalizer", "\"Replace\", alone or after \"Lowercase\"")
            );
        }
        // Spaces are replaced before it looks for them.
        if !matches!(kinds("/pre_tokenizer", "pretokenizers")[..], [] | [Some("Split")]) {
            return Err(self.unsupported("/pre_tokenizer", "\"Split\", or none"));
        }
        Ok(())
    }

    fn check_field(&self, place: &str, supported: &[Value]) -> Result<()> {
        let value = self.get(place).unwrap_or(&Value::Null);
        if supported.contains(value) {
            return Ok(());
        }
        let supported: Vec<String> = supported.iter().map(Value::to_string).collect();
        Err(self.unsupported(place, &supported.join(" or ")))
    }

    fn ends(&self) -> Result<Ends> {
        const PLACE: &str = "/post_processor";
        let unsupported = || self.unsupported(PLACE, "\"TemplateProcessing\" with one text");
        if self.text("/post_processor/type") != Some("TemplateProcessing") {
            return Err(unsupported());
        }
        let single = self.get("/post_processor/single").and_then(Value::as_array);
        let (mut before, mut after, mut is_after) = (Vec::new(), Vec::new(), false);
        for step in single.ok_or_else(unsupported)? {
            let Some(token) = step.pointer("/SpecialToken/id").and_then(Value::as_str) else {
                if is_after || step.pointer("/Sequence/id") != Some(&Value::from("A")) {
                    return Err(unsupported());
                }
                is_after = true;
                continue;
            };
            let ids =
                self.get("/post_processor/special_tokens").and_then(|tokens| tokens.get(token));
            let ids = ids.and_then(|token| token.get("ids")?.as_array()).ok_or_else(unsupported)?;
            for id in ids {
                let id =
                    id.as_u64().and_then(|id| u32::try_from(id).ok()).ok_or_else(unsupported)?;
                if is_after { after.push(id) } else { before.push(id) }
            }
        }
        Ok(Ends::Template { before, after })
    }
}
