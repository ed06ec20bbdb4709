//! Items as rows of a table.

use std::path::{Path, PathBuf};

use rusqlite::Row;
use rusqlite::types::Value;

use crate::path::{decode_path, encode_path};
use crate::{Content, Error, Facts, FileStamp, Item, Modality, Result, UserTags};

pub(super) fn key(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|key| key as u64)
}

/// A text that is no path is shown as it is: no file has that name.
pub(super) fn path(row: &Row<'_>, column: usize) -> rusqlite::Result<PathBuf> {
    let text: String = row.get(column)?;
    Ok(decode_path(&text).unwrap_or_else(|| text.into()))
}

pub(super) fn stamp(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<FileStamp>> {
    let (size, modified): (Option<i64>, _) = (row.get(column)?, row.get(column + 1)?);
    Ok(size.zip(modified).map(|(size, modified)| FileStamp { size: size as u64, modified }))
}

pub(super) fn read_item(row: &Row<'_>) -> rusqlite::Result<Item> {
    let modality: String = row.get(1)?;
    let text: Option<String> = row.get(3)?;
    let content = match text {
        Some(text) => Content::Text(text),
        None => Content::Path(path(row, 2)?),
    };
    let (width, height): (Option<u32>, Option<u32>) = (row.get(7)?, row.get(8)?);
    let (latitude, longitude): (Option<f64>, Option<f64>) = (row.get(10)?, row.get(11)?);
    let (tags, user_tags) = tags(row.get::<_, Option<String>>(12)?.as_deref());
    Ok(Item {
        id: row.get(0)?,
        content,
        modality: Modality::named(&modality).unwrap_or(Modality::Image),
        stamp: stamp(row, 4)?,
        facts: Facts {
            hash: row.get(6)?,
            size: width.zip(height).map(|(width, height)| [width, height]),
            taken: row.get(9)?,
            place: latitude.zip(longitude).map(|(north, east)| [north, east]),
            tags,
        },
        user_tags,
    })
}

/// The tags of an item, each with two digits before it: whether the file has it, and
/// what the user said (2 for nothing).
pub(super) const TAGS: &str = "(SELECT group_concat(in_file || ifnull(added, 2) || tag, char(0)) FROM tags \
     WHERE tags.key = items.key)";

/// The keywords of the file and the changes of the user in a value of [`TAGS`].
pub(super) fn tags(joined: Option<&str>) -> (Vec<String>, UserTags) {
    let (mut keywords, mut user_tags) = (Vec::new(), UserTags::default());
    for row in joined.into_iter().flat_map(|joined| joined.split('\0')) {
        let (Some(marks), Some(tag)) = (row.get(..2), row.get(2..)) else { continue };
        if marks.starts_with('1') {
            keywords.push(tag.to_owned());
        }
        match &marks[1..] {
            "1" => user_tags.added.insert(tag.to_owned()),
            "0" => user_tags.removed.insert(tag.to_owned()),
            _ => false,
        };
    }
    keywords.sort();
    (keywords, user_tags)
}

/// In the order of the columns, without the key.
pub(super) fn values(item: &Item) -> Result<Vec<Value>> {
    let (path, text) = match &item.content {
        Content::Path(path) => (path_value(path)?, Value::Null),
        Content::Text(text) => (Value::Null, Value::Text(text.clone())),
    };
    let [size, modified] = stamp_values(item.stamp);
    let facts = &item.facts;
    let side = |i: usize| facts.size.map(|size| i64::from(size[i])).into();
    let degrees = |i: usize| facts.place.map(|place| place[i]).into();
    let id = Value::Text(item.id.clone());
    let modality = Value::Text(item.modality.name().to_owned());
    let hash = facts.hash.map(|hash| hash.to_vec()).into();
    let taken = facts.taken.into();
    Ok(vec![
        id,
        modality,
        path,
        text,
        size,
        modified,
        hash,
        side(0),
        side(1),
        taken,
        degrees(0),
        degrees(1),
    ])
}

pub(super) fn path_value(path: &Path) -> Result<Value> {
    let text = encode_path(path).ok_or_else(|| Error::PathNotUnicode { path: path.to_owned() })?;
    Ok(Value::Text(text))
}

pub(super) fn stamp_values(stamp: Option<FileStamp>) -> [Value; 2] {
    [stamp.map(|stamp| stamp.size as i64).into(), stamp.map(|stamp| stamp.modified).into()]
}
