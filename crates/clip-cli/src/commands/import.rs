//! `clip-cli import`.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use clip_retrieval::{Filter, Item, Store, StoreWriter, UserTags};
use clip_search::{COMMIT_EVERY, GRAPH_ABOVE, build_graph};

use crate::args::LibraryArgs;
use crate::exchange::{self, Origin, Record};
use crate::progress::Reporter;
use crate::report::{self, Bar, Skipped};
use crate::{Outcome, library, model, output};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli import vectors.parquet              what `export` wrote
  clip-cli import embeddings/img_emb/*.npy     what clip-retrieval wrote, with ../metadata beside
  clip-cli import mine.jsonl                   lines such as {\"path\": \"/a/dog.jpg\", \"embedding\": [..]}

Vectors have to be the model's own; --model says which it is. A file that says that they are another's
is refused.")]
pub(crate) struct ImportArgs {
    /// The files: .parquet, .jsonl, or .npy with a .jsonl or .parquet of the same name
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    #[command(flatten)]
    library: LibraryArgs,

    /// The model that made the vectors: a checkpoint file, or a name that `models` lists
    #[arg(long, value_name = "MODEL", env = "CLIP_MODEL", hide_env_values = true)]
    model: Option<PathBuf>,
}

pub(crate) fn run(args: &ImportArgs) -> Result<Outcome> {
    let checkpoint = model::checkpoint(args.model.as_deref())?;
    let mut collection = library::open_or_create(&args.library, &checkpoint)?;
    let origin = Origin::of(collection.store());
    let mut skipped = Skipped::default();
    let writer = collection.store_mut().writer()?;
    let user_tags = user_tags(writer.store())?;
    let mut import = Import {
        writer,
        origin,
        user_tags,
        added: 0,
        committed: Instant::now(),
        bar: Bar::spinner("imports"),
        said: false,
    };
    let mut failed = None;
    for file in &args.files {
        if let Err(error) = import.file(file, &mut skipped) {
            failed = Some(error);
            break;
        }
    }
    // What was read before is whole.
    import.writer.commit()?;
    let added = import.added;
    drop(import);
    if let Some(error) = failed {
        if added > 0 {
            report::note(format_args!("{} imported before", output::count(added, "item")));
        }
        return Err(error);
    }
    build_graph(&mut collection, GRAPH_ABOVE, &mut Reporter::new())?;
    let mut out = output::stdout();
    writeln!(out, "{} imported", output::count(added, "item"))?;
    library::print(&mut out, collection.location().as_path(), collection.store().count()?)?;
    out.flush()?;
    skipped.summarize();
    Ok(if added > 0 { Outcome::Found } else { Outcome::Nothing })
}

/// What users said of the tags of items, and of files that may come back.
fn user_tags(store: &dyn Store) -> Result<HashMap<String, UserTags>> {
    let kept = store.kept_tags()?.into_iter();
    let mut user_tags: HashMap<String, UserTags> =
        kept.map(|kept| (Item::path_id(&kept.path), kept.user_tags)).collect();
    for item in store.items(&Filter::default())? {
        if !item.user_tags.is_empty() {
            user_tags.entry(item.id).or_default().merge(&item.user_tags);
        }
    }
    Ok(user_tags)
}

struct Import<'a> {
    writer: Box<dyn StoreWriter + 'a>,
    origin: Origin,
    /// What users said of tags here, by the ids of the items.
    user_tags: HashMap<String, UserTags>,
    added: usize,
    committed: Instant,
    bar: Bar,
    /// Whether it was said that a file does not name its model.
    said: bool,
}

impl Import<'_> {
    /// Puts what a file holds into the library; a vector that cannot be one of the model's is named
    /// and left out.
    fn file(&mut self, file: &Path, skipped: &mut Skipped) -> Result<()> {
        let mut number = 0;
        exchange::read(file, &mut |record, vector| {
            number += 1;
            self.check(&record, file)?;
            let put = || -> Result<()> {
                if vector.is_empty() {
                    bail!("it has no embedding");
                }
                let mut item = located(record.item()?, file);
                // What a file says of an item that is here takes off none of its tags.
                if let Some(user_tags) = self.user_tags.get(&item.id) {
                    item.user_tags.merge(user_tags);
                }
                Ok(self.writer.upsert(&item, &to_unit(vector))?)
            };
            match put() {
                Ok(()) => self.added += 1,
                Err(error) => {
                    skipped.add(&self.bar, file, format_args!("record {number}: {error:#}"));
                }
            }
            if self.committed.elapsed() >= COMMIT_EVERY {
                self.writer.commit()?;
                self.committed = Instant::now();
            }
            Ok(())
        })
        .with_context(|| format!("cannot import {}", file.display()))
    }

    fn check(&mut self, record: &Record, file: &Path) -> Result<()> {
        let (file, own) = (file.display(), &self.origin);
        match &record.fingerprint {
            Some(fingerprint) if *fingerprint == own.fingerprint => {}
            Some(_) => {
                let other = record.model.as_deref().unwrap_or("another model");
                bail!(
                    "the vectors of {file} are those of {other}, not of {}: name the model with --model",
                    own.model
                );
            }
            None if self.said => {}
            None => {
                self.said = true;
                let model = &own.model;
                self.bar.suspend(|| {
                    report::warning(format_args!(
                        "{file} does not say which model made its vectors: they are taken for those of {model}"
                    ));
                });
            }
        }
        Ok(())
    }
}

/// Paths as `search` and `index` know them: absolute, and from the file where they are relative.
fn located(item: Item, file: &Path) -> Item {
    let Some(path) = item.path() else { return item };
    let beside = file.parent().unwrap_or(Path::new("")).join(path);
    let Ok(path) = beside.canonicalize() else { return item };
    let has_own = item.id != Item::path_id(item.path().unwrap_or(&path));
    let id = if has_own { item.id.clone() } else { Item::path_id(&path) };
    Item { id, content: clip_retrieval::Content::Path(path), ..item }
}

/// Numbers of 16 bits lose a little of a vector's length; one that is far from 1 is no vector of CLIP, and
/// one that is near stays as it is.
fn to_unit(mut vector: Vec<f32>) -> Vec<f32> {
    const NEAR: f32 = 1e-5;
    const FAR: f32 = 0.01;
    let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if (NEAR..FAR).contains(&(norm - 1.0).abs()) {
        vector.iter_mut().for_each(|value| *value /= norm);
    }
    vector
}
