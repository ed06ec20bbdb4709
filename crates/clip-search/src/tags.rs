//! What users say of the tags of images.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use clip_retrieval::{Filter, Item, KeptTags, Modality, Snapshot, Store, StoreWriter, UserTags};
use serde::Serialize;

use crate::models::lossy;
use crate::{Result, count, images_below, resolved};

/// A tag as users write it.
///
/// # Errors
///
/// A sentence that says what a tag is, where the text is none.
pub fn parse_tag(text: &str) -> Result<String, &'static str> {
    let tag = text.trim();
    match tag.is_empty() || tag.contains(char::is_control) {
        true => Err("a tag is a word, or several, in one line"),
        false => Ok(tag.to_owned()),
    }
}

/// What is done with a tag.
#[derive(Debug, Clone, Copy)]
pub enum TagChange<'a> {
    /// Images get the tag.
    Add(&'a str),
    /// The tag is taken off images.
    Remove(&'a str),
}

impl TagChange<'_> {
    /// What it did, in words: `3 pictures: 2 tagged holiday, 1 before`
    pub fn describe(self, done: &TagsChanged) -> String {
        let TagsChanged { items, changed } = done;
        let (pictures, same) = (count(*items, "picture"), items - changed);
        match self {
            Self::Add(tag) => format!("{pictures}: {changed} tagged {tag}, {same} before"),
            Self::Remove(tag) => {
                format!("{pictures}: {changed} no longer tagged {tag}, {same} not before")
            }
        }
    }

    fn apply(self, user_tags: &mut UserTags, keywords: &[String]) {
        match self {
            Self::Add(tag) => user_tags.add(tag),
            Self::Remove(tag) => user_tags.remove(tag, keywords),
        }
    }
}

/// What a change of tags did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TagsChanged {
    /// Images that were meant.
    #[serde(rename = "pictures")]
    pub items: usize,
    /// Those of them that have a tag now that they had not, or the other way round.
    pub changed: usize,
}

/// What has to be written.
#[derive(Debug, Default)]
struct Edits {
    items: Vec<Item>,
    kept: Vec<KeptTags>,
}

impl Edits {
    fn is_empty(&self) -> bool {
        self.items.is_empty() && self.kept.is_empty()
    }

    fn write(&self, writer: &mut dyn StoreWriter) -> Result<()> {
        for item in &self.items {
            writer.rename(&item.id, item)?;
        }
        for kept in &self.kept {
            writer.keep_tags(kept)?;
        }
        Ok(writer.commit()?)
    }
}

/// Writes what `edits` finds to be written, with the library to ourselves.
fn edit<T>(store: &dyn Store, edits: impl Fn(&dyn Snapshot) -> Result<(Edits, T)>) -> Result<T> {
    let (found, result) = edits(&*store.snapshot()?)?;
    if found.is_empty() {
        return Ok(result);
    }
    let mut writer = store.writer()?;
    // Another program may have written since.
    let (found, result) = edits(writer.store())?;
    found.write(&mut *writer)?;
    Ok(result)
}

/// A tag, and how many items have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TagCount {
    /// The tag.
    pub tag: String,
    /// How many items have it.
    pub items: usize,
}

/// All tags by name, and how many items have each.
///
/// # Errors
///
/// [`Error::Retrieval`](crate::Error::Retrieval) where the collection cannot be read.
pub fn tag_counts(store: &dyn Store) -> Result<Vec<TagCount>> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for item in store.items(&Filter::default())? {
        for tag in item.tags() {
            *counts.entry(tag.to_owned()).or_default() += 1;
        }
    }
    Ok(counts.into_iter().map(|(tag, items)| TagCount { tag, items }).collect())
}

/// The tags of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageTags {
    /// Its file.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// All of them.
    pub tags: Vec<String>,
    /// Those that stand in the file.
    pub keywords: Vec<String>,
    /// Those that a user added.
    pub added: Vec<String>,
    /// Keywords that a user removed.
    pub removed: Vec<String>,
}

/// The tags of all images that pass a filter, by their paths.
///
/// # Errors
///
/// [`Error::Retrieval`](crate::Error::Retrieval) where the collection cannot be read.
pub fn image_tags(store: &dyn Store, filter: &Filter) -> Result<Vec<ImageTags>> {
    let mut items = store.items(filter)?;
    items.sort_by(|a, b| a.path().cmp(&b.path()));
    let tags = items.iter().filter_map(|item| {
        Some(ImageTags {
            path: item.path()?.to_owned(),
            tags: item.tags().into_iter().map(str::to_owned).collect(),
            keywords: item.facts.tags.clone(),
            added: item.user_tags.added.iter().cloned().collect(),
            removed: item.user_tags.removed.iter().cloned().collect(),
        })
    });
    Ok(tags.collect())
}

/// Paths below which a collection has no image, each with whether a file there could not be read.
///
/// # Errors
///
/// [`Error::Retrieval`](crate::Error::Retrieval) where the collection cannot be read.
pub fn paths_without_images<'a>(
    store: &dyn Store,
    paths: &'a [PathBuf],
) -> Result<Vec<(&'a Path, bool)>> {
    let items = store.items(&images_below(paths))?;
    let failures = store.failures()?;
    let missing = paths.iter().filter_map(|path| {
        let folder = resolved(path);
        let is_unread = failures.iter().any(|failure| failure.path.starts_with(&folder));
        let is_known = items.iter().any(|item| item.is_under(&folder));
        (!is_known).then_some((path.as_path(), is_unread))
    });
    Ok(missing.collect())
}

/// Gives these tags to images, by their paths.
///
/// # Errors
///
/// [`Error::Retrieval`](crate::Error::Retrieval) where the collection cannot be written.
pub fn add_tags(store: &dyn Store, images: &[PathBuf], tags: &[String]) -> Result<()> {
    if tags.is_empty() {
        return Ok(());
    }
    let only: HashSet<PathBuf> = images.iter().cloned().collect();
    let filter = Filter { only: Some(only), ..Filter::of(Modality::Image) };
    let changes: Vec<TagChange<'_>> = tags.iter().map(|tag| TagChange::Add(tag)).collect();
    change_tags(store, &filter, &changes)?;
    Ok(())
}

/// Changes the tags of the images that pass a filter by their paths. A file that could not be read is
/// given them for when it can be.
///
/// # Errors
///
/// [`Error::Retrieval`](crate::Error::Retrieval) where the collection cannot be written.
pub fn change_tags(
    store: &dyn Store,
    filter: &Filter,
    changes: &[TagChange<'_>],
) -> Result<TagsChanged> {
    edit(store, |store| {
        let mut items = store.items(filter)?;
        let mut result = TagsChanged { items: items.len(), changed: 0 };
        items.retain_mut(|item| {
            let before = item.clone();
            for change in changes {
                change.apply(&mut item.user_tags, &before.facts.tags);
            }
            result.changed += usize::from(item.tags() != before.tags());
            item.user_tags != before.user_tags
        });
        Ok((Edits { items, kept: kept(store, filter, changes)? }, result))
    })
}

/// The changed tags of files that have no item. What is gone gets no tag more, and may lose some.
fn kept(store: &dyn Snapshot, filter: &Filter, changes: &[TagChange<'_>]) -> Result<Vec<KeptTags>> {
    let is_meant = |path: &Path| match &filter.only {
        Some(only) => only.contains(path),
        None => filter.under.iter().any(|folder| path.starts_with(folder)),
    };
    let failures = store.failures()?.into_iter().map(|failure| failure.path);
    let failures: HashSet<PathBuf> = failures.filter(|path| is_meant(path)).collect();
    let mut files: HashMap<PathBuf, KeptTags> = HashMap::new();
    for kept in store.kept_tags()?.into_iter().filter(|kept| is_meant(&kept.path)) {
        files.insert(kept.path.clone(), kept);
    }
    for path in &failures {
        let (path, none) = (path.clone(), UserTags::default());
        files.entry(path.clone()).or_insert(KeptTags { path, hash: None, user_tags: none });
    }
    let mut files: Vec<KeptTags> = files.into_values().collect();
    files.retain_mut(|file| {
        let is_unread = failures.contains(&file.path);
        let before = file.user_tags.clone();
        for change in changes.iter().filter(|c| is_unread || matches!(c, TagChange::Remove(_))) {
            change.apply(&mut file.user_tags, &[]);
        }
        file.user_tags != before
    });
    Ok(files)
}

/// Puts back what users said of tags, as another collection has it.
///
/// # Errors
///
/// [`Error::Retrieval`](crate::Error::Retrieval) where the collection cannot be written.
pub fn restore_tags(store: &dyn Store, tags: &[KeptTags]) -> Result<()> {
    if tags.is_empty() {
        return Ok(());
    }
    edit(store, |store| {
        let mut left: HashMap<&Path, &KeptTags> =
            tags.iter().map(|tags| (tags.path.as_path(), tags)).collect();
        let only = Some(left.keys().map(|path| path.to_path_buf()).collect());
        let mut items = store.items(&Filter { only, ..Filter::of(Modality::Image) })?;
        items.retain_mut(|item| {
            let Some(tags) = item.path().and_then(|path| left.remove(path)) else { return false };
            let before = item.user_tags.clone();
            item.user_tags.merge(&tags.user_tags);
            item.user_tags != before
        });
        let there = store.kept_tags()?;
        let kept = left.into_values().filter(|tags| !there.contains(tags)).cloned().collect();
        Ok((Edits { items, kept }, ()))
    })
}
