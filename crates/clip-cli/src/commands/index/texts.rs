//! Texts to be found.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clip::{Embedder, Embedding};
use clip_data::TextTable;
use clip_data::text::{self, Line};
use clip_retrieval::{Content, Filter, Item, Modality, Store};
use serde::Deserialize;

use super::IndexArgs;
use crate::commands::{name_truncate, overflow};
use crate::indexing::{COMMIT_EVERY, SAVES};
use crate::interrupt::Interrupt;
use crate::report::{self, Bar};
use crate::shelf::Shelf;
use crate::{Outcome, connecting, model, output};

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

pub(super) fn run(args: &IndexArgs, file: &Path) -> Result<Outcome> {
    let items = read(file)?;
    let embedder = model::embedder(&args.model, overflow(args.truncate))?;
    let mut shelf = Shelf::open(&args.library, embedder.checkpoint())?;
    let total = items.len();
    let Added { added, skipped } =
        add_new(&mut shelf, &embedder, items, args.model.batch_size.into())?;
    connecting::connect(&mut shelf, args.hnsw_above)?;

    let mut out = output::stdout();
    let unchanged = total - added - skipped;
    let texts = output::count(total, "text");
    writeln!(out, "{texts}: {added} new or changed, {unchanged} unchanged")?;
    let items = output::count(shelf.store().count()?, "item");
    write!(out, "library: ")?;
    out.path(&shelf.place())?;
    writeln!(out, " ({items})")?;
    out.flush()?;
    if skipped > 0 {
        report::warning(format_args!("{} skipped", output::count(skipped, "text")));
    }
    Ok(if total > skipped { Outcome::Found } else { Outcome::Nothing })
}

/// Says what [`run`] would do.
pub(super) fn dry_run(args: &IndexArgs, file: &Path) -> Result<Outcome> {
    let items = read(file)?;
    let total = items.len();
    let added = match super::existing(args)? {
        Some(store) => new(&*store, items)?.len(),
        None => total,
    };
    let mut out = output::stdout();
    let (texts, unchanged) = (output::count(total, "text"), total - added);
    writeln!(out, "{texts}: {added} new or changed, {unchanged} unchanged (nothing was done)")?;
    out.flush()?;
    Ok(Outcome::Found)
}

/// What became of new texts.
#[derive(Debug, Default)]
pub(crate) struct Added {
    added: usize,
    /// Those that could not be read.
    skipped: usize,
}

/// Embeds the texts that the library does not have yet, and puts them into it.
pub(crate) fn add_new(
    shelf: &mut Shelf,
    embedder: &Embedder,
    items: Vec<Item>,
    batch: usize,
) -> Result<Added> {
    let items = new(shelf.store(), items)?;
    if items.is_empty() {
        return Ok(Added::default());
    }
    let mut writer = shelf.store_mut().writer()?;
    let bar = Bar::texts(items.len());
    let interrupt = Interrupt::listen(bar.noting(SAVES))?;
    let (mut added, mut skipped) = (0, 0);
    let mut committed = Instant::now();
    for batch in items.chunks(batch) {
        if interrupt.came() {
            let total = output::count(items.len(), "text");
            writer.commit()?;
            bail!("stopped after {added} of {total}: the same command goes on from there");
        }
        for (item, embedding) in batch.iter().zip(embed(embedder, batch)) {
            match embedding {
                Ok(embedding) => {
                    writer.upsert(item, embedding.as_slice())?;
                    added += 1;
                }
                Err(error) => {
                    skipped += 1;
                    bar.suspend(|| report::warning(format_args!("{}: {error:#}", item.content)));
                }
            }
        }
        bar.advance(batch.len());
        if committed.elapsed() >= COMMIT_EVERY {
            writer.commit()?;
            committed = Instant::now();
        }
    }
    writer.commit()?;
    Ok(Added { added, skipped })
}

/// Those that the library does not have, or has otherwise.
fn new(store: &dyn Store, items: Vec<Item>) -> Result<Vec<Item>> {
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
fn embed(embedder: &Embedder, items: &[Item]) -> Vec<Result<Embedding>> {
    let texts: Vec<String> = items.iter().map(text_of).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    match embedder.texts(&texts) {
        Ok(embeddings) => embeddings.into_iter().map(Ok).collect(),
        Err(_) => texts.iter().map(|text| embedder.text(text).map_err(name_truncate)).collect(),
    }
}

fn text_of(item: &Item) -> String {
    match &item.content {
        Content::Text(text) => text.clone(),
        Content::Path(path) => path.display().to_string(),
    }
}

/// The texts of a file: of tables and JSON lines the rows, of any other its lines.
fn read(file: &Path) -> Result<Vec<Item>> {
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let rows = match ending.to_ascii_lowercase().as_str() {
        "csv" | "tsv" => table_rows(file),
        "jsonl" | "ndjson" => json_rows(file),
        _ => text::read(file).map_err(anyhow::Error::from).map(|content| {
            content.lines().map(|line| Row { id: None, text: line.to_owned() }).collect()
        }),
    };
    let rows: Vec<Row> =
        rows.with_context(|| format!("cannot read the texts in {}", file.display()))?;
    let mut seen = HashSet::new();
    let items = rows.into_iter().filter_map(|row| row.item());
    let items: Vec<Item> = items.filter(|item| seen.insert(item.id.clone())).collect();
    if items.is_empty() {
        bail!("there are no texts in {}", file.display());
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

fn table_rows(file: &Path) -> Result<Vec<Row>> {
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

fn json_rows(file: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for line in text::lines(file)? {
        let Line { number, text } = line?;
        if !text.trim().is_empty() {
            let row = serde_json::from_str(&text);
            rows.push(row.with_context(|| format!("line {number} is no text with an id"))?);
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
        let items = read(&file).unwrap();
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
            format!("{:#}", read(&file).unwrap_err())
        };
        assert!(refused("t.txt", "\n \n").contains("there are no texts"));
        assert!(
            refused("t.csv", "a,b\n1,2\n").contains("no column for the text (its columns: a, b)")
        );
        assert!(refused("t.jsonl", "{\"text\": \"a\"}\n{}\n").contains("line 2"));
    }
}
