//! Files of vectors, into a library.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Error, Provenance, Record, Result, TextLines, read};
use crate::{Content, Filter, Item, Snapshot, StoreWriter, UserTags};

/// Work that a crash may cost.
const COMMIT_EVERY: Duration = Duration::from_secs(5);

/// What is told of an import while it runs.
pub trait ImportObserver {
    /// So many items were imported.
    fn progress(&mut self, _imported: usize) {}

    /// A record of a file, by its number from 1, was left out.
    fn skipped(&mut self, file: &Path, record: usize, error: &Error);

    /// Something that the user may want to know.
    fn warning(&mut self, warning: Warning<'_>);

    /// Whether to stop: [`Importer::import`] then ends with [`Error::Cancelled`].
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// What a user may want to know of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning<'a> {
    /// A file does not say whose vectors it holds; they are taken for those of the library's model.
    NoProvenance {
        /// The file.
        file: &'a Path,
        /// The library's model.
        model: &'a str,
    },
}

/// Puts the records of files into a library.
pub struct Importer<'a> {
    writer: &'a mut dyn StoreWriter,
    provenance: Provenance,
    open_text: TextLines<'a>,
    /// What users said of tags here, by the ids of the items.
    user_tags: HashMap<String, UserTags>,
    imported: usize,
    committed: Instant,
    /// Whether it was said that a file does not name its model.
    has_warned: bool,
}

impl<'a> Importer<'a> {
    /// Begins to import. `open_text` opens the lines of a text: see [`lines`](super::lines).
    ///
    /// # Errors
    ///
    /// [`Error::Library`].
    pub fn new(writer: &'a mut dyn StoreWriter, open_text: TextLines<'a>) -> Result<Self> {
        let provenance = Provenance::of(writer.store());
        let user_tags = user_tags(writer.store())?;
        let (committed, has_warned) = (Instant::now(), false);
        Ok(Self { writer, provenance, open_text, user_tags, imported: 0, committed, has_warned })
    }

    /// Items that were imported.
    pub fn imported(&self) -> usize {
        self.imported
    }

    /// Puts what a file holds into the library. A record without a vector of the model is named and left
    /// out. What was imported is committed every few seconds; the rest is by the writer.
    ///
    /// # Errors
    ///
    /// [`Error::OtherModel`], [`Error::Cancelled`], [`Error::Library`], and where the file cannot be
    /// read.
    pub fn import(&mut self, file: &Path, observer: &mut dyn ImportObserver) -> Result<()> {
        let mut number = 0;
        read(file, self.open_text, &mut |record, vector| {
            number += 1;
            self.check(&record, file, observer)?;
            match self.put(&record, vector, file) {
                Ok(()) => self.imported += 1,
                Err(error) => observer.skipped(file, number, &error),
            }
            if self.committed.elapsed() >= COMMIT_EVERY {
                self.writer.commit()?;
                self.committed = Instant::now();
            }
            observer.progress(self.imported);
            match observer.is_cancelled() {
                true => Err(Error::Cancelled { done: self.imported }),
                false => Ok(()),
            }
        })
    }

    fn put(&mut self, record: &Record, vector: Vec<f32>, file: &Path) -> Result<()> {
        if vector.is_empty() {
            return Err(Error::EmptyEmbedding);
        }
        let mut item = located(record.item()?, file);
        // What a file says of an item that is here takes off none of its tags.
        if let Some(user_tags) = self.user_tags.get(&item.id) {
            item.user_tags.merge(user_tags);
        }
        Ok(self.writer.upsert(&item, &to_unit(vector))?)
    }

    fn check(
        &mut self,
        record: &Record,
        file: &Path,
        observer: &mut dyn ImportObserver,
    ) -> Result<()> {
        match &record.fingerprint {
            Some(fingerprint) if *fingerprint == self.provenance.fingerprint => {}
            Some(_) => {
                let found = record.model.as_deref().unwrap_or("another model").to_owned();
                let wanted = self.provenance.model.clone();
                return Err(Error::OtherModel { path: file.to_owned(), found, wanted });
            }
            None if self.has_warned => {}
            None => {
                self.has_warned = true;
                observer.warning(Warning::NoProvenance { file, model: &self.provenance.model });
            }
        }
        Ok(())
    }
}

/// What users said of the tags of items, and of files that may come back.
fn user_tags(snapshot: &dyn Snapshot) -> Result<HashMap<String, UserTags>> {
    let kept = snapshot.kept_tags()?.into_iter();
    let mut user_tags: HashMap<String, UserTags> =
        kept.map(|kept| (Item::path_id(&kept.path), kept.user_tags)).collect();
    for item in snapshot.items(&Filter::default())? {
        if !item.user_tags.is_empty() {
            user_tags.entry(item.id).or_default().merge(&item.user_tags);
        }
    }
    Ok(user_tags)
}

/// Paths as a library has them: absolute, and from the file where they are relative.
fn located(item: Item, file: &Path) -> Item {
    let Some(path) = item.path() else { return item };
    let beside = file.parent().unwrap_or(Path::new("")).join(path);
    let Ok(path) = beside.canonicalize() else { return item };
    let has_own = item.id != Item::path_id(item.path().unwrap_or(&path));
    let id = if has_own { item.id.clone() } else { Item::path_id(&path) };
    Item { id, content: Content::Path(path), ..item }
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
