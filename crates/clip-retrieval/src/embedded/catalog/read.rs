//! What the file says.

use rusqlite::OptionalExtension;
use rusqlite::types::Value;

use super::super::wording::condition;
use super::row::{TAGS, key, path, read_item, stamp, tags};
use super::{COMMITS, Catalog, SegmentRow};
use crate::{Attempt, Failure, Filter, Item, KeptTags, KnownFile, Result, UserTags};

impl Catalog {
    /// How many commits there were: it tells the states of a library apart.
    pub(in crate::embedded) fn commit_number(&self) -> Result<u64> {
        let query = "SELECT seq FROM sqlite_sequence WHERE name = ?";
        let mut query = self.sql(self.db.prepare_cached(query))?;
        let number = query.query_row([COMMITS], |row| row.get::<_, i64>(0)).optional();
        Ok(self.sql(number)?.unwrap_or(0) as u64)
    }

    pub(in crate::embedded) fn segments(&self) -> Result<Vec<SegmentRow>> {
        let query = "SELECT number, rows, dead FROM segments ORDER BY number";
        self.rows(query, &[], |row| {
            let rows: i64 = row.get(1)?;
            Ok(SegmentRow { number: row.get(0)?, rows: rows as usize, tombstones: row.get(2)? })
        })
    }

    /// The vectors that are in no segment, by key.
    pub(in crate::embedded) fn pending(&self) -> Result<Vec<(u64, Vec<f32>)>> {
        self.rows("SELECT key, vector FROM pending ORDER BY key", &[], |row| {
            let bytes: Vec<u8> = row.get(1)?;
            let vector = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
            Ok((key(row, 0)?, vector.collect()))
        })
    }

    /// Number of items.
    pub(in crate::embedded) fn len(&self) -> Result<usize> {
        let count = self.db.query_row("SELECT count(*) FROM items", [], |row| row.get::<_, i64>(0));
        Ok(self.sql(count)? as usize)
    }

    /// Keys of the items that pass, ascending; nothing where all do.
    pub(in crate::embedded) fn keys(&self, filter: &Filter) -> Result<Option<Vec<u64>>> {
        if filter.is_empty() {
            return Ok(None);
        }
        if let Some(modality) = filter.modality
            && *filter == Filter::of(modality)
        {
            // Not `<>`, for which the index is read from end to end.
            let query = "SELECT EXISTS (SELECT 1 FROM items WHERE modality < ?1)
                OR EXISTS (SELECT 1 FROM items WHERE modality > ?1)";
            let others = self.db.query_row(query, [modality.name()], |row| row.get(0));
            if !self.sql(others)? {
                return Ok(None);
            }
        }
        let (condition, values) = condition(filter)?;
        if !filter.looks_at_paths() {
            let query = format!("SELECT key FROM items WHERE {condition} ORDER BY key");
            return self.rows(&query, &values, |row| key(row, 0)).map(Some);
        }
        let condition = format!("path IS NOT NULL AND {condition}");
        let query = format!("SELECT key, path FROM items WHERE {condition} ORDER BY key");
        let rows = self.rows(&query, &values, |row| Ok((key(row, 0)?, path(row, 1)?)))?;
        let taken = rows.into_iter().filter(|(_, path)| filter.takes(Some(path)));
        Ok(Some(taken.map(|(key, _)| key).collect()))
    }

    /// All keys, ascending.
    pub(in crate::embedded) fn all_keys(&self) -> Result<Vec<u64>> {
        self.rows("SELECT key FROM items ORDER BY key", &[], |row| key(row, 0))
    }

    pub(in crate::embedded) fn key_of(&self, id: &str) -> Result<Option<u64>> {
        let mut query = self.sql(self.db.prepare_cached("SELECT key FROM items WHERE id = ?"))?;
        self.sql(query.query_row([id], |row| key(row, 0)).optional())
    }

    /// The item of a key.
    pub(in crate::embedded) fn item(&self, key: u64) -> Result<Option<Item>> {
        let items = self.items_where("key = ?", &[Value::Integer(key as i64)])?;
        Ok(items.into_iter().next())
    }

    /// Items in the order of their keys.
    pub(in crate::embedded) fn items(&self, filter: &Filter) -> Result<Vec<Item>> {
        let (condition, values) = condition(filter)?;
        let mut items = self.items_where(&condition, &values)?;
        items.retain(|item| filter.takes(item.path()));
        Ok(items)
    }

    fn items_where(&self, condition: &str, values: &[Value]) -> Result<Vec<Item>> {
        let query = format!(
            "SELECT id, modality, path, text, size, modified, hash, width, height, taken, latitude, \
             longitude, {TAGS} FROM items WHERE {condition} ORDER BY key"
        );
        self.rows(&query, values, read_item)
    }

    /// Every file, whatever it is.
    pub(in crate::embedded) fn files(&self) -> Result<Vec<KnownFile>> {
        let query =
            format!("SELECT path, size, modified, hash, {TAGS} FROM items WHERE path IS NOT NULL");
        self.rows(&query, &[], |row| {
            let (_, user_tags) = tags(row.get::<_, Option<String>>(4)?.as_deref());
            let (path, stamp, hash) = (path(row, 0)?, stamp(row, 1)?, row.get(3)?);
            Ok(KnownFile { path, stamp, hash, user_tags })
        })
    }

    pub(in crate::embedded) fn failures(&self) -> Result<Vec<Failure>> {
        let query = "SELECT path, size, modified, error, status_changed, reader, max_megapixels \
             FROM failures";
        self.rows(query, &[], |row| {
            let (reader, max_megapixels): (Option<String>, _) = (row.get(5)?, row.get(6)?);
            Ok(Failure {
                path: path(row, 0)?,
                stamp: stamp(row, 1)?,
                status_changed: row.get(4)?,
                error: row.get(3)?,
                attempt: reader.map(|reader| Attempt { reader, max_megapixels }),
            })
        })
    }

    pub(in crate::embedded) fn kept_tags(&self) -> Result<Vec<KeptTags>> {
        let query = "SELECT path, hash, tag, added FROM kept_tags ORDER BY path";
        let rows = self.rows(query, &[], |row| {
            Ok((path(row, 0)?, row.get(1)?, row.get::<_, String>(2)?, row.get::<_, bool>(3)?))
        })?;
        let mut kept: Vec<KeptTags> = Vec::new();
        for (path, hash, tag, is_added) in rows {
            if kept.last().is_none_or(|last| last.path != path) {
                kept.push(KeptTags { path, hash, user_tags: UserTags::default() });
            }
            let tags = kept.last_mut().map(|last| &mut last.user_tags);
            tags.map(|tags| if is_added { &mut tags.added } else { &mut tags.removed })
                .map(|tags| tags.insert(tag));
        }
        Ok(kept)
    }
}
