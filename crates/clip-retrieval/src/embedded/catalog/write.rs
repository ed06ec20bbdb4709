//! What the file is told. Nothing of it lasts before [`Catalog::commit`].

use std::path::Path;
use std::time::Duration;

use rusqlite::types::Value;

use super::row::{key, path_value, stamp_values, values};
use super::{COMMITS, Catalog};
use crate::normal::composed_tags;
use crate::{Failure, Item, KeptTags, Result, UserTags};

/// How long those who read an earlier state are waited for to empty the log: most answer sooner.
const READERS: Duration = Duration::from_secs(1);

impl Catalog {
    /// Writes an item, in the place of one of the same id; gives its key.
    pub(in crate::embedded) fn put(&self, item: &Item) -> Result<u64> {
        let statement = "INSERT INTO items (id, modality, path, text, size, modified, hash, width, \
             height, taken, latitude, longitude) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT (id) DO UPDATE SET modality = excluded.modality, path = excluded.path, \
             text = excluded.text, size = excluded.size, modified = excluded.modified, \
             hash = excluded.hash, width = excluded.width, height = excluded.height, \
             taken = excluded.taken, latitude = excluded.latitude, longitude = excluded.longitude \
             RETURNING key";
        let keys = self.rows(statement, &values(item)?, |row| key(row, 0))?;
        let key = keys[0];
        self.put_tags(key, item)?;
        Ok(key)
    }

    /// Gives the item of a key another name and other facts.
    pub(in crate::embedded) fn rewrite(&self, key: u64, item: &Item) -> Result<()> {
        let mut values = values(item)?;
        values.push(Value::Integer(key as i64));
        let statement = "UPDATE items SET id = ?, modality = ?, path = ?, text = ?, size = ?, \
             modified = ?, hash = ?, width = ?, height = ?, taken = ?, latitude = ?, longitude = ? \
             WHERE key = ?";
        self.run(statement, &values)?;
        self.put_tags(key, item)
    }

    fn put_tags(&self, key: u64, item: &Item) -> Result<()> {
        let key = Value::Integer(key as i64);
        self.run("DELETE FROM tags WHERE key = ?", std::slice::from_ref(&key))?;
        for keyword in composed_tags(&item.facts.tags) {
            let values = [key.clone(), Value::Text(keyword)];
            self.run("INSERT OR IGNORE INTO tags VALUES (?, ?, 1, NULL)", &values)?;
        }
        for (tag, is_added) in changes(&item.user_tags.composed()) {
            let values = [key.clone(), Value::Text(tag.clone()), is_added];
            let statement = "INSERT INTO tags VALUES (?, ?, 0, ?) \
                 ON CONFLICT DO UPDATE SET added = excluded.added";
            self.run(statement, &values)?;
        }
        Ok(())
    }

    pub(in crate::embedded) fn put_vector(&self, key: u64, vector: &[f32]) -> Result<()> {
        let bytes = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
        let values = [Value::Integer(key as i64), Value::Blob(bytes)];
        self.run("INSERT OR REPLACE INTO pending VALUES (?, ?)", &values)?;
        Ok(())
    }

    /// Takes an item away; its vector too, where it is in no segment.
    pub(in crate::embedded) fn delete(&self, key: u64) -> Result<()> {
        self.run("DELETE FROM items WHERE key = ?", &[Value::Integer(key as i64)])?;
        Ok(())
    }

    pub(in crate::embedded) fn put_failure(&self, failure: &Failure) -> Result<()> {
        let [size, modified] = stamp_values(failure.stamp);
        let attempt = failure.attempt.as_ref();
        let values = [
            path_value(&failure.path)?,
            size,
            modified,
            Value::Text(failure.error.clone()),
            failure.status_changed.into(),
            attempt.map(|attempt| attempt.reader.clone()).into(),
            attempt.and_then(|attempt| attempt.max_megapixels).map(i64::from).into(),
        ];
        self.run("INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?, ?)", &values)?;
        Ok(())
    }

    pub(in crate::embedded) fn put_kept_tags(&self, kept: &KeptTags) -> Result<()> {
        self.delete_kept_tags(&kept.path)?;
        let hash: Value = kept.hash.map(|hash| hash.to_vec()).into();
        for (tag, is_added) in changes(&kept.user_tags.composed()) {
            let values =
                [path_value(&kept.path)?, hash.clone(), Value::Text(tag.clone()), is_added];
            self.run("INSERT INTO kept_tags VALUES (?, ?, ?, ?)", &values)?;
        }
        Ok(())
    }

    pub(in crate::embedded) fn delete_kept_tags(&self, path: &Path) -> Result<()> {
        self.run("DELETE FROM kept_tags WHERE path = ?", &[path_value(path)?])?;
        Ok(())
    }

    /// Says whether there was one.
    pub(in crate::embedded) fn delete_failure(&self, path: &Path) -> Result<bool> {
        let deleted = self.run("DELETE FROM failures WHERE path = ?", &[path_value(path)?])?;
        Ok(deleted > 0)
    }

    /// Gives the number of a new segment.
    pub(in crate::embedded) fn put_segment(&self, rows: usize) -> Result<i64> {
        self.run("INSERT INTO segments (rows) VALUES (?)", &[Value::Integer(rows as i64)])?;
        Ok(self.db.last_insert_rowid())
    }

    pub(in crate::embedded) fn put_tombstones(
        &self,
        number: i64,
        tombstones: Vec<u8>,
    ) -> Result<()> {
        let values = [Value::Blob(tombstones), Value::Integer(number)];
        self.run("UPDATE segments SET dead = ? WHERE number = ?", &values)?;
        Ok(())
    }

    pub(in crate::embedded) fn delete_segment(&self, number: i64) -> Result<()> {
        self.run("DELETE FROM segments WHERE number = ?", &[Value::Integer(number)])?;
        Ok(())
    }

    /// Counts the commit that these changes will be; gives its number.
    pub(in crate::embedded) fn count_commit(&self) -> Result<u64> {
        let name = [Value::Text(COMMITS.to_owned())];
        if self.run("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = ?", &name)? == 0 {
            self.run("INSERT INTO sqlite_sequence (name, seq) VALUES (?, 1)", &name)?;
        }
        self.commit_number()
    }

    /// Every pending vector is in a segment now.
    pub(in crate::embedded) fn clear_pending(&self) -> Result<()> {
        self.run("DELETE FROM pending", &[])?;
        Ok(())
    }

    /// Compares the file with itself; what does not fit.
    pub(in crate::embedded) fn check(&self) -> Result<Option<String>> {
        let found: String =
            self.sql(self.db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)))?;
        Ok((found != "ok").then_some(found))
    }

    /// Gives back the room of what was deleted. As long as somebody reads an earlier state, the log
    /// keeps its own.
    pub(in crate::embedded) fn compact(&self) -> Result<()> {
        self.sql(self.db.execute_batch("VACUUM"))?;
        self.sql(self.db.busy_timeout(READERS))?;
        let done = self.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        self.sql(self.db.busy_timeout(super::open::PATIENCE))?;
        self.sql(done)
    }
}

/// Each tag that a user changed, and whether it was added.
fn changes(user_tags: &UserTags) -> impl Iterator<Item = (&String, Value)> {
    let UserTags { added, removed } = user_tags;
    let added = added.iter().map(|tag| (tag, Value::Integer(1)));
    let removed = removed.iter().filter(|tag| !user_tags.added.contains(*tag));
    added.chain(removed.map(|tag| (tag, Value::Integer(0))))
}
