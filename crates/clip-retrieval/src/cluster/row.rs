//! Items as rows of a collection.
//!
//! What is not known of an item is a value that no picture has: the servers of 2.3 know no nulls.

use milvus::v2::error::Error as Sdk;
use milvus::v2::prelude::{FieldData, ResultRow};
use serde_json::{Value, json};

use super::key;
use super::schema::{FAILED, JSON, KEPT, TEXT, field};
use crate::normal::composed_tags;
use crate::path::{decode_path, encode_path};
use crate::{
    Attempt, Content, Error, Facts, Failure, FileStamp, Item, KeptTags, KnownFile, Modality,
    Result, UserTags,
};

/// A size, width or height that is not known.
const NO_SIZE: i64 = -1;

/// A time that is not known.
pub(super) const NO_TIME: i64 = i64::MIN;

/// A latitude or longitude that is not known.
const NOWHERE: f64 = f64::MAX;

/// What the tags of an item are called in the field [`field::TAGS`], which is an object: the servers
/// of 2.3 take no other JSON.
pub(super) const TAGS_LIST: &str = "list";

/// What else stands in it: tags that a user added, and keywords of the file that a user removed.
/// Rows of earlier versions of this program have neither.
const ADDED: &str = "added";
const REMOVED: &str = "removed";

/// The keywords of the file, where they are not the tags without those that were added.
const KEYWORDS: &str = "keywords";

/// Of a file that could not be read.
const STATUS_CHANGED: &str = "status_changed";
const READER: &str = "reader";
const MAX_MEGAPIXELS: &str = "max_megapixels";

/// The fields of an item.
pub(super) const ITEM: &[&str] = &[
    field::ID,
    field::IS_FILE,
    field::PATH,
    field::TEXT,
    field::SIZE,
    field::MODIFIED,
    field::HASH,
    field::WIDTH,
    field::HEIGHT,
    field::TAKEN,
    field::LATITUDE,
    field::LONGITUDE,
    field::TAGS,
    field::MODALITY,
];

/// The fields of a [`KnownFile`].
pub(super) const FILE: &[&str] =
    &[field::PATH, field::SIZE, field::MODIFIED, field::HASH, field::TAGS];

/// The fields of [`KeptTags`].
pub(super) const KEPT_TAGS: &[&str] = &[field::PATH, field::HASH, field::TAGS];

/// The fields of a [`Failure`].
pub(super) const FAILURE: &[&str] =
    &[field::PATH, field::SIZE, field::MODIFIED, field::ERROR, field::TAGS];

/// An item, a file that could not be read, or the tags of a file that has no item.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) key: String,
    pub(super) partition: &'static str,
    item: Item,
    path: String,
    tags: Value,
    error: String,
    pub(super) vector: Vec<f32>,
}

impl Row {
    /// An item with its vector.
    pub(super) fn of_item(item: &Item, vector: &[f32]) -> Result<Self> {
        let limit = |what, text: &str, limit| match text.len() {
            found if found > limit => {
                Err(Error::TooLong { subject: shortened(item), what, found, limit })
            }
            _ => Ok(()),
        };
        let path = match &item.content {
            Content::Path(path) => encode(path)?,
            Content::Text(text) => {
                limit("bytes in its text", text, TEXT)?;
                String::new()
            }
        };
        limit("bytes in its path", &path, TEXT)?;
        limit("bytes in its id", &item.id, TEXT)?;
        let tags = tags_value(item);
        limit("bytes in its tags", &tags.to_string(), JSON)?;
        Ok(Self {
            key: key::of_item(&item.id, item.modality),
            partition: item.modality.name(),
            item: item.clone(),
            path,
            tags,
            error: String::new(),
            vector: vector.to_vec(),
        })
    }

    /// A file that could not be read, with a vector that stands for nothing. An error that is longer
    /// than a text may be ends earlier.
    pub(super) fn of_failure(failure: &Failure, dimension: usize) -> Result<Self> {
        let path = encode(&failure.path)?;
        let item = Item { id: String::new(), ..Item::picture(&failure.path, failure.stamp) };
        let mut vector = vec![0.0; dimension];
        vector[0] = 1.0;
        let end = failure.error.floor_char_boundary(TEXT);
        let error = failure.error[..end].to_owned();
        let attempt = failure.attempt.as_ref();
        let tags = json!({
            TAGS_LIST: [],
            STATUS_CHANGED: failure.status_changed,
            READER: attempt.map(|attempt| &attempt.reader),
            MAX_MEGAPIXELS: attempt.and_then(|attempt| attempt.max_megapixels),
        });
        let key = key::of_failure(&path);
        Ok(Self { key, partition: FAILED, item, path, tags, error, vector })
    }

    /// The tags of a file that has no item, with a vector that stands for nothing.
    pub(super) fn of_kept(kept: &KeptTags, dimension: usize) -> Result<Self> {
        let facts = Facts { hash: kept.hash, ..Facts::default() };
        let user_tags = kept.user_tags.clone();
        let item = Item { facts, user_tags, ..Item::picture(&kept.path, None) };
        let mut vector = vec![0.0; dimension];
        vector[0] = 1.0;
        let row = Self::of_item(&item, &vector)?;
        let item = Item { id: String::new(), ..item };
        Ok(Self { key: key::of_kept(&row.path), partition: KEPT, item, ..row })
    }

    /// About as many as it has on the wire.
    pub(super) fn bytes(&self) -> usize {
        let Item { id, content, facts, .. } = &self.item;
        let text = if let Content::Text(text) = content { text.len() } else { 0 };
        let UserTags { added, removed } = &self.item.user_tags;
        // Those of a user stand in it twice.
        let user_tags = added.iter().chain(added).chain(removed);
        let tags: usize = facts.tags.iter().chain(user_tags).map(|tag| tag.len() + 4).sum();
        256 + id.len() + self.path.len() + text + tags + self.error.len() + 4 * self.vector.len()
    }
}

/// What errors call an item: a text that is too long is not repeated.
fn shortened(item: &Item) -> String {
    let name = item.content.to_string();
    match name.len() {
        0..=100 => name,
        _ => format!("{}…", &name[..name.floor_char_boundary(100)]),
    }
}

/// A path as text.
pub(super) fn encode(path: &std::path::Path) -> Result<String> {
    encode_path(path).ok_or_else(|| Error::PathNotUnicode { path: path.to_owned() })
}

/// Rows as columns, which is how they are sent.
pub(super) fn columns(rows: &[&Row]) -> Vec<FieldData> {
    let texts = |name: &str, of: &dyn Fn(&Row) -> String| {
        let values = rows.iter().map(|row| of(row)).collect();
        FieldData::VarChar { name: name.to_owned(), values }
    };
    let numbers = |name: &str, of: &dyn Fn(&Row) -> i64| {
        let values = rows.iter().map(|row| of(row)).collect();
        FieldData::Int64 { name: name.to_owned(), values }
    };
    let degrees = |name: &str, i: usize| {
        let of = |row: &&Row| row.item.facts.place.map_or(NOWHERE, |place| place[i]);
        let values =
            rows.iter().map(of).map(|value| if value.is_finite() { value } else { NOWHERE });
        FieldData::Double { name: name.to_owned(), values: values.collect() }
    };
    let side = |row: &Row, i: usize| row.item.facts.size.map_or(NO_SIZE, |size| size[i].into());
    let is_file = rows.iter().map(|row| row.item.path().is_some()).collect();
    let tags = rows.iter().map(|row| row.tags.clone()).collect();
    let vectors = rows.iter().map(|row| row.vector.clone()).collect();
    vec![
        texts(field::KEY, &|row| row.key.clone()),
        texts(field::ID, &|row| row.item.id.clone()),
        FieldData::Bool { name: field::IS_FILE.to_owned(), values: is_file },
        texts(field::PATH, &|row| row.path.clone()),
        texts(field::TEXT, &|row| match &row.item.content {
            Content::Text(text) => text.clone(),
            Content::Path(_) => String::new(),
        }),
        numbers(field::SIZE, &|row| row.item.stamp.map_or(NO_SIZE, |stamp| stamp.size as i64)),
        numbers(field::MODIFIED, &|row| row.item.stamp.map_or(0, |stamp| stamp.modified)),
        texts(field::HASH, &|row| {
            row.item.facts.hash.map_or(String::new(), |hash| key::hex(&hash))
        }),
        numbers(field::WIDTH, &|row| side(row, 0)),
        numbers(field::HEIGHT, &|row| side(row, 1)),
        numbers(field::TAKEN, &|row| row.item.facts.taken.unwrap_or(NO_TIME)),
        degrees(field::LATITUDE, 0),
        degrees(field::LONGITUDE, 1),
        FieldData::Json { name: field::TAGS.to_owned(), values: tags },
        texts(field::MODALITY, &|row| row.item.modality.name().to_owned()),
        texts(field::ERROR, &|row| row.error.clone()),
        FieldData::FloatVector { name: field::VECTOR.to_owned(), values: vectors },
    ]
}

/// The vector of a row.
pub(super) fn vector(row: &ResultRow<'_>) -> Result<Vec<f32>, Sdk> {
    row.get_float_vector(field::VECTOR).map(<[f32]>::to_vec)
}

/// The item of a row with the fields [`ITEM`].
pub(super) fn item(row: &ResultRow<'_>) -> Result<Item, Sdk> {
    let content = match row.get_bool(field::IS_FILE)? {
        true => Content::Path(path(row)?),
        false => Content::Text(row.get_str(field::TEXT)?.to_owned()),
    };
    let side = |name| row.get_i64(name).map(|side| u32::try_from(side).ok());
    let degrees = |name| row.get_f64(name).map(|degrees| (degrees != NOWHERE).then_some(degrees));
    let (width, height) = (side(field::WIDTH)?, side(field::HEIGHT)?);
    let (north, east) = (degrees(field::LATITUDE)?, degrees(field::LONGITUDE)?);
    let (keywords, user_tags) = tags(row.get_json(field::TAGS)?);
    Ok(Item {
        id: row.get_str(field::ID)?.to_owned(),
        content,
        modality: Modality::named(row.get_str(field::MODALITY)?).unwrap_or(Modality::Image),
        stamp: stamp(row)?,
        facts: Facts {
            hash: key::bytes(row.get_str(field::HASH)?),
            size: width.zip(height).map(|(width, height)| [width, height]),
            taken: Some(row.get_i64(field::TAKEN)?).filter(|taken| *taken != NO_TIME),
            place: north.zip(east).map(|(north, east)| [north, east]),
            tags: keywords,
        },
        user_tags,
    })
}

/// The file of a row with the fields [`FILE`].
pub(super) fn file(row: &ResultRow<'_>) -> Result<KnownFile, Sdk> {
    let hash = key::bytes(row.get_str(field::HASH)?);
    let (_, user_tags) = tags(row.get_json(field::TAGS)?);
    Ok(KnownFile { path: path(row)?, stamp: stamp(row)?, hash, user_tags })
}

/// The tags of a row with the fields [`KEPT_TAGS`].
pub(super) fn kept_tags(row: &ResultRow<'_>) -> Result<KeptTags, Sdk> {
    let hash = key::bytes(row.get_str(field::HASH)?);
    let (_, user_tags) = tags(row.get_json(field::TAGS)?);
    Ok(KeptTags { path: path(row)?, hash, user_tags })
}

/// The failure of a row with the fields [`FAILURE`].
pub(super) fn failure(row: &ResultRow<'_>) -> Result<Failure, Sdk> {
    let error = row.get_str(field::ERROR)?.to_owned();
    let json = row.get_json(field::TAGS)?;
    let max_megapixels = json[MAX_MEGAPIXELS].as_u64().and_then(|limit| u32::try_from(limit).ok());
    let attempt = |reader: &str| Attempt { reader: reader.to_owned(), max_megapixels };
    Ok(Failure {
        path: path(row)?,
        stamp: stamp(row)?,
        status_changed: json[STATUS_CHANGED].as_i64(),
        error,
        attempt: json[READER].as_str().map(attempt),
    })
}

/// The tags of an item, and how they came about.
fn tags_value(item: &Item) -> Value {
    let facts = Facts { tags: composed_tags(&item.facts.tags), ..Facts::default() };
    let user_tags = item.user_tags.composed();
    let item = Item { facts, user_tags, ..Item::text("") };
    let (tags, UserTags { added, removed }) = (item.tags(), &item.user_tags);
    let mut value = json!({ TAGS_LIST: tags, ADDED: added });
    if !removed.is_empty() {
        value[REMOVED] = json!(removed);
    }
    let keywords = &item.facts.tags;
    if !tags.iter().copied().filter(|tag| !added.contains(*tag)).eq(keywords) {
        value[KEYWORDS] = json!(keywords);
    }
    value
}

/// The keywords of the file, and what a user changed. In rows of earlier versions nobody knows which
/// is which: as added none is lost.
fn tags(json: &Value) -> (Vec<String>, UserTags) {
    let list = |name: &str| {
        let texts = json[name].as_array()?.iter().filter_map(Value::as_str);
        Some(texts.map(str::to_owned).collect::<Vec<String>>())
    };
    let tags = list(TAGS_LIST).unwrap_or_default();
    let Some(added) = list(ADDED) else {
        return (Vec::new(), UserTags { added: tags.into_iter().collect(), ..UserTags::default() });
    };
    let keywords = || tags.into_iter().filter(|tag| !added.contains(tag)).collect();
    let keywords = list(KEYWORDS).unwrap_or_else(keywords);
    let removed = list(REMOVED).unwrap_or_default();
    let user_tags =
        UserTags { added: added.into_iter().collect(), removed: removed.into_iter().collect() };
    (keywords, user_tags)
}

/// A text that is no path is shown as it is: no file has that name.
pub(super) fn path(row: &ResultRow<'_>) -> Result<std::path::PathBuf, Sdk> {
    let text = row.get_str(field::PATH)?;
    Ok(decode_path(text).unwrap_or_else(|| text.into()))
}

fn stamp(row: &ResultRow<'_>) -> Result<Option<FileStamp>, Sdk> {
    let (size, modified) = (row.get_i64(field::SIZE)?, row.get_i64(field::MODIFIED)?);
    Ok((size != NO_SIZE).then_some(FileStamp { size: size as u64, modified }))
}
