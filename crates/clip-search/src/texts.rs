//! Texts to be found.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;
use std::time::Instant;

use clip::{Embedder, Embedding};
use clip_data::TextTable;
use clip_data::text::{self, Line};
use clip_retrieval::{Content, Filter, Item, Modality, Store};
use serde::Deserialize;

use crate::{COMMIT_EVERY, Error, Observer, Progress, Result, Task, count};

/// What can be wrong with a file of texts.
type Wrong = Box<dyn std::error::Error + Send + Sync>;

/// A row of a file of texts; others call the text a caption, as clip-retrieval does.
#[derive(Debug, Deserialize, PartialEq)]
struct Row {
    id: Option<Id>,
    #[serde(alias = "caption")]
    text: String,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Id {
    Text(String),
    Number(i64),
}

/// A line of JSON that is no row.
#[derive(Debug, thiserror::Error)]
#[error("line {number} is no text with an id: {source}")]
struct WrongLine {
    number: u64,
    source: serde_json::Error,
}

/// What became of new texts.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct AddedTexts {
    /// Those that are new, or whose id had another text.
    pub added: usize,
    /// Those that could not be encoded.
    pub skipped: usize,
    /// Those that the collection has already.
    pub unchanged: usize,
}

impl AddedTexts {
    /// All of them.
    pub fn total(&self) -> usize {
        self.added + self.skipped + self.unchanged
    }
}

impl fmt::Display for AddedTexts {
    /// `3 texts: 1 new or changed, 2 unchanged`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { added, unchanged, .. } = self;
        write!(f, "{}: {added} new or changed, {unchanged} unchanged", count(self.total(), "text"))
    }
}

/// Encodes the texts that the collection does not have yet, and puts them into it.
///
/// # Errors
///
/// [`Error::Cancelled`] where the observer asked for that: what was encoded is kept.
/// [`Error::Retrieval`] where the collection cannot be written.
pub fn add_texts(
    store: &dyn Store,
    embedder: &Embedder,
    items: Vec<Item>,
    observer: &mut dyn Observer,
) -> Result<AddedTexts> {
    let given = items.len();
    let items = new_texts(store, items)?;
    let mut result = AddedTexts { unchanged: given - items.len(), ..AddedTexts::default() };
    if items.is_empty() {
        return Ok(result);
    }
    let mut writer = store.writer()?;
    let (task, total) = (Task::Texts, items.len());
    let mut committed = Instant::now();
    observer.progress(Progress { task, done: 0, total });
    for batch in items.chunks(embedder.batch_size()) {
        if observer.is_cancelled() {
            writer.commit()?;
            return Err(Error::Cancelled { task, done: result.added, total });
        }
        for (item, embedding) in batch.iter().zip(encode(embedder, batch)) {
            match embedding {
                Ok(embedding) => {
                    writer.upsert(item, embedding.as_slice())?;
                    result.added += 1;
                }
                Err(error) => {
                    result.skipped += 1;
                    observer.skipped(&item.content, &error);
                }
            }
        }
        let done = result.added + result.skipped;
        observer.progress(Progress { task, done, total });
        if committed.elapsed() >= COMMIT_EVERY {
            writer.commit()?;
            committed = Instant::now();
        }
    }
    writer.commit()?;
    Ok(result)
}

/// What [`add_texts`] would do, where every text can be encoded; without a store, with a new one.
///
/// # Errors
///
/// [`Error::Retrieval`] where the collection cannot be read.
pub fn planned_texts(store: Option<&dyn Store>, items: Vec<Item>) -> Result<AddedTexts> {
    let total = items.len();
    let added = match store {
        Some(store) => new_texts(store, items)?.len(),
        None => total,
    };
    Ok(AddedTexts { added, skipped: 0, unchanged: total - added })
}

/// Those that the collection does not have, or has otherwise.
///
/// # Errors
///
/// [`Error::Retrieval`] where the collection cannot be read.
pub fn new_texts(store: &dyn Store, items: Vec<Item>) -> Result<Vec<Item>> {
    let known = store.items(&Filter::of(Modality::Text))?;
    let mut known: HashMap<String, Item> =
        known.into_iter().map(|item| (item.id.clone(), item)).collect();
    let new = |item: Item| match known.remove(&item.id) {
        Some(known) if known.content == item.content => None,
        // Tags stay with an id whose text changed.
        Some(Item { user_tags, .. }) => Some(Item { user_tags, ..item }),
        None => Some(item),
    };
    Ok(items.into_iter().filter_map(new).collect())
}

/// The vectors of some texts; one that is too long does not keep the others.
fn encode(embedder: &Embedder, items: &[Item]) -> Vec<clip::Result<Embedding>> {
    let texts: Vec<String> = items.iter().map(text_of).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    match embedder.texts(&texts) {
        Ok(embeddings) => embeddings.into_iter().map(Ok).collect(),
        Err(_) => texts.iter().map(|text| embedder.text(text)).collect(),
    }
}

fn text_of(item: &Item) -> String {
    match &item.content {
        Content::Text(text) => text.clone(),
        Content::Path(path) => path.display().to_string(),
    }
}

/// The texts of a file: of tables (`.csv`, `.tsv`) and JSON lines (`.jsonl`, `.ndjson`) the rows with
/// `text` (or `caption`) and `id`, of any other its lines.
///
/// # Errors
///
/// [`Error::Texts`] where the file cannot be read, [`Error::NoTexts`] where none is in it.
pub fn read_texts(file: &Path) -> Result<Vec<Item>> {
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let rows = match ending.to_ascii_lowercase().as_str() {
        "csv" | "tsv" => table_rows(file),
        "jsonl" | "ndjson" => json_rows(file),
        _ => text::read(file).map_err(Wrong::from).map(|content| {
            content.lines().map(|line| Row { id: None, text: line.to_owned() }).collect()
        }),
    };
    let rows = rows.map_err(|source| Error::Texts { path: file.to_owned(), source })?;
    let mut seen = HashSet::new();
    let items = rows.into_iter().filter_map(|row| row.item());
    let items: Vec<Item> = items.filter(|item| seen.insert(item.id.clone())).collect();
    if items.is_empty() {
        return Err(Error::NoTexts { path: file.to_owned() });
    }
    Ok(items)
}

impl Row {
    /// None of a row without a text.
    fn item(self) -> Option<Item> {
        let text = self.text.trim();
        let item = (!text.is_empty()).then(|| Item::text(text))?;
        Some(match self.id {
            Some(Id::Text(id)) if !id.is_empty() => item.with_id(id),
            Some(Id::Number(id)) => item.with_id(id.to_string()),
            _ => item,
        })
    }
}

fn table_rows(file: &Path) -> Result<Vec<Row>, Wrong> {
    let is = |given: &str, name: &str| given.trim().eq_ignore_ascii_case(name);
    let mut table = TextTable::open(file, |given| {
        ["id", "text", "caption"].iter().any(|name| is(given, name))
    })?;
    let column = |name: &str| table.header().iter().position(|given| is(given, name));
    let Some(text) = column("text").or_else(|| column("caption")) else {
        return Err(table.missing("the text", "text or caption").into());
    };
    let id = column("id");
    let mut rows = Vec::new();
    for row in &mut table {
        let row = row?;
        let id = id.map(|id| Id::Text(row.get(id).trim().to_owned()));
        rows.push(Row { id, text: row.get(text).to_owned() });
    }
    Ok(rows)
}

fn json_rows(file: &Path) -> Result<Vec<Row>, Wrong> {
    let mut rows = Vec::new();
    for line in text::lines(file)? {
        let Line { number, text } = line?;
        if !text.trim().is_empty() {
            let row = serde_json::from_str(&text);
            rows.push(row.map_err(|source| WrongLine { number, source })?);
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, content: &str, expected: &[(&str, &str)]) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        std::fs::write(&file, content).unwrap();
        let items = read_texts(&file).unwrap();
        let found: Vec<(&str, String)> =
            items.iter().map(|item| (item.id.as_str(), text_of(item))).collect();
        let expected: Vec<(&str, String)> =
            expected.iter().map(|(id, text)| (*id, (*text).to_owned())).collect();
        assert_eq!(found, expected, "{name}");
    }

    #[test]
    fn texts_come_in_three_formats() {
        check(
            "t.txt",
            "a dog\n\n a cat \na dog\n",
            &[("text:a dog", "a dog"), ("text:a cat", "a cat")],
        );
        check("t.csv", "id,text,x\n7,\"a, b\",1\n,c,2\n", &[("7", "a, b"), ("text:c", "c")]);
        check("t.csv", "caption\nc\n", &[("text:c", "c")]);
        let rows = "{\"id\": 7, \"text\": \"a\"}\n\n{\"caption\": \"b\"}\n{\"id\": \"x\", \"text\": \"c\"}\n";
        check("t.jsonl", rows, &[("7", "a"), ("text:b", "b"), ("x", "c")]);
    }

    #[test]
    fn what_is_no_text_is_named() {
        let refused = |name: &str, content: &str| {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join(name);
            std::fs::write(&file, content).unwrap();
            format!("{:#}", read_texts(&file).unwrap_err())
        };
        assert!(refused("t.txt", "\n \n").contains("there are no texts"));
        assert!(
            refused("t.csv", "a,b\n1,2\n").contains("no column for the text (its columns: a, b)")
        );
        assert!(refused("t.jsonl", "{\"text\": \"a\"}\n{}\n").contains("line 2"));
    }
}
