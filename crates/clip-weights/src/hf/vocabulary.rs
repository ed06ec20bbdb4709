//! Whether a source was trained with OpenAI's vocabulary, the only one that the tokenizer knows. A
//! model of the same size with another one would convert, and answer every text with nonsense.
//!
//! What counts are the tokens and merges, not the bytes of the file: writers differ in blanks,
//! escapes, order and line ends. The two last tokens, start and end, are left out, for tools spell
//! them differently; so are tokens that were added after them.

use std::fs;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::hex::hex;
use crate::json;
use crate::{Error, Result};

/// Characters, characters that end a word, and one token for each merge.
const TOKENS: usize = 49_406;
/// SHA-256 of OpenAI's tokens in the order of their ids, each with a line end. From
/// `bpe_simple_vocab_16e6.txt.gz`, as <https://github.com/openai/CLIP/blob/main/clip/simple_tokenizer.py>
/// reads it.
const TOKENS_SHA256: &str = "44dc0a51f765cdd67cd358ac126d31d0cfddccdab3d710081d3f90514a02915b";
/// SHA-256 of its merges in order, each with a line end.
const MERGES_SHA256: &str = "d308b7377a8ceaa9707a21614fe8c831b9196e197b7aeb69833359362907af02";

/// Refuses a folder whose tokenizer has other tokens. What is not there is not compared.
pub(super) fn check(folder: &Path) -> Result<()> {
    for (file, place) in [("vocab.json", ""), ("tokenizer.json", "/model/vocab")] {
        let path = folder.join(file);
        if path.is_file() {
            let document = json::read(&path)?;
            let ids = document.pointer(place).unwrap_or(&Value::Null);
            compare(&path, tokens(ids), TOKENS_SHA256)?;
        }
    }
    let path = folder.join("merges.txt");
    if path.is_file() {
        let io = |source| Error::Io { path: path.clone(), source };
        let text = String::from_utf8_lossy(&fs::read(&path).map_err(io)?).into_owned();
        compare(&path, merges(&text), MERGES_SHA256)?;
    }
    Ok(())
}

fn compare<'a>(path: &Path, lines: impl IntoIterator<Item = &'a str>, sha256: &str) -> Result<()> {
    let mut digest = Sha256::new();
    for line in lines {
        digest.update(line);
        digest.update("\n");
    }
    if hex(&digest.finalize()) == sha256 {
        Ok(())
    } else {
        Err(Error::Vocabulary { path: path.to_owned() })
    }
}

/// The tokens by their ids, from `{"token": id, ..}`.
fn tokens(ids: &Value) -> Vec<&str> {
    let mut tokens = vec![""; TOKENS];
    for (token, id) in ids.as_object().into_iter().flatten() {
        let place = id.as_u64().and_then(|id| usize::try_from(id).ok());
        if let Some(place) = place.and_then(|id| tokens.get_mut(id)) {
            *place = token;
        }
    }
    tokens
}

/// The lines below the version.
fn merges(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with("#version"))
}
