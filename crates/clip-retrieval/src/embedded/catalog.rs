//! What the vectors stand for, in SQLite.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params, params_from_iter};

use super::segment::Precision;
use super::wording::condition;
use crate::path::{decode_path, encode_path};
use crate::{Content, Error, Facts, FileStamp, Filter, Item, Modality, Result};

/// Version of the tables that are made, and the latest that are read.
pub(super) const VERSION: u32 = 1;

/// Marks the file as ours: `CLIP`.
const APPLICATION: u32 = 0x434c_4950;

const SCHEMA: &str = include_str!("schema.sql");

/// How long a reader waits for a writer that changes the file itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whose vectors a library holds, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) fingerprint: String,
    pub(super) model: String,
    pub(super) dimension: usize,
    pub(super) precision: Precision,
}

/// A row of the segments.
#[derive(Debug)]
pub(super) struct SegmentRow {
    pub(super) number: i64,
    pub(super) rows: usize,
    pub(super) dead: Option<Vec<u8>>,
}

/// A file that a library knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFile {
    /// Its path.
    pub path: PathBuf,
    /// Its state when it was encoded.
    pub stamp: Option<FileStamp>,
    /// BLAKE3 of it, where that was found.
    pub hash: Option<[u8; 32]>,
}

/// A file that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its path.
    pub path: PathBuf,
    /// Its state when it could not.
    pub stamp: Option<FileStamp>,
    /// Why.
    pub error: String,
}

/// The open catalog of a library.
#[derive(Debug)]
pub(super) struct Catalog {
    db: Connection,
    path: PathBuf,
}

impl Catalog {
    /// Opens a catalog to read.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let catalog = match Self::connect(path, flags) {
            // Nobody writes into a folder that nobody may write to, so nobody has to be waited for.
            Err(_) if is_read_only(path) => {
                let uri = format!("file:{}?immutable=1", escape(path));
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
                    | OpenFlags::SQLITE_OPEN_URI
                    | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                Self::connect(Path::new(&uri), flags)?
            }
            opened => opened?,
        };
        Ok(Self { path: path.to_owned(), ..catalog })
    }

    /// Opens the catalog, or makes it, by the only program that does so now.
    pub(super) fn create(path: &Path, kind: &Kind) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags).map_err(|error| sql(path, error))?;
        let make = || -> rusqlite::Result<()> {
            db.busy_timeout(PATIENCE)?;
            let version: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
            if version == 0 && is_empty(&db)? {
                db.pragma_update(None, "journal_mode", "WAL")?;
                db.execute_batch("BEGIN IMMEDIATE")?;
                db.execute_batch(SCHEMA)?;
                db.execute(
                    "INSERT INTO library VALUES (?, ?, ?, ?)",
                    params![
                        kind.fingerprint,
                        kind.model,
                        kind.dimension as i64,
                        kind.precision.name()
                    ],
                )?;
                db.pragma_update(None, "application_id", APPLICATION)?;
                db.pragma_update(None, "user_version", VERSION)?;
                db.execute_batch("COMMIT")?;
            }
            Ok(())
        };
        make().map_err(|error| sql(path, error))?;
        drop(db);
        Self::open(path)
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Self> {
        let ask = || -> rusqlite::Result<_> {
            let db = Connection::open_with_flags(path, flags)?;
            db.busy_timeout(PATIENCE)?;
            db.pragma_update(None, "foreign_keys", true)?;
            // What is committed stays, also where the power fails.
            db.pragma_update(None, "synchronous", "FULL")?;
            let application: u32 =
                db.pragma_query_value(None, "application_id", |row| row.get(0))?;
            let version: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok((db, application, version))
        };
        let (db, application, version) = ask().map_err(|error| sql(path, error))?;
        let path = path.to_owned();
        match (application, version) {
            (APPLICATION, 1..=VERSION) => Ok(Self { db, path }),
            (APPLICATION, found) => Err(Error::Newer { path, found, supported: VERSION }),
            // Somebody is making it, or was killed doing so.
            (0, 0) if is_empty(&db).map_err(|error| sql(&path, error))? => {
                Err(Error::NoLibrary { path: crate::error::folder_of(&path).to_owned() })
            }
            _ => Err(Error::NotALibrary { path }),
        }
    }

    /// Gives what SQLite says the name of this file.
    fn sql<T>(&self, result: rusqlite::Result<T>) -> Result<T> {
        result.map_err(|error| sql(&self.path, error))
    }

    /// Changes when another program has committed.
    pub(super) fn version(&self) -> Result<i64> {
        self.sql(self.db.pragma_query_value(None, "data_version", |row| row.get(0)))
    }

    pub(super) fn kind(&self) -> Result<Kind> {
        let kind = self.db.query_row("SELECT * FROM library", [], |row| {
            let precision: String = row.get(3)?;
            let precision = Precision::named(&precision).unwrap_or_default();
            let (fingerprint, model) = (row.get(0)?, row.get(1)?);
            Ok(Kind { fingerprint, model, dimension: row.get::<_, i64>(2)? as usize, precision })
        });
        self.sql(kind)
    }

    /// Runs within one state of the file.
    pub(super) fn at_once<T>(&self, read: impl FnOnce() -> Result<T>) -> Result<T> {
        self.sql(self.db.execute_batch("BEGIN"))?;
        let result = read();
        self.sql(self.db.execute_batch("COMMIT"))?;
        result
    }

    pub(super) fn begin(&self) -> Result<()> {
        self.sql(self.db.execute_batch("BEGIN IMMEDIATE"))
    }

    pub(super) fn commit(&self) -> Result<()> {
        self.sql(self.db.execute_batch("COMMIT"))
    }

    /// Takes back what was not committed.
    pub(super) fn roll_back(&self) {
        // Where SQLite has done so already, as on a full disk, there is nothing left to do.
        if !self.db.is_autocommit() {
            let _ = self.db.execute_batch("ROLLBACK");
        }
    }

    pub(super) fn is_writing(&self) -> bool {
        !self.db.is_autocommit()
    }

    fn rows<T>(
        &self,
        query: &str,
        values: &[Value],
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let ask = || -> rusqlite::Result<Vec<T>> {
            let mut query = self.db.prepare_cached(query)?;
            query.query_map(params_from_iter(values), read)?.collect()
        };
        self.sql(ask())
    }

    pub(super) fn segments(&self) -> Result<Vec<SegmentRow>> {
        let query = "SELECT number, rows, dead FROM segments ORDER BY number";
        self.rows(query, &[], |row| {
            let rows: i64 = row.get(1)?;
            Ok(SegmentRow { number: row.get(0)?, rows: rows as usize, dead: row.get(2)? })
        })
    }

    /// The vectors that are in no segment, by key.
    pub(super) fn pending(&self) -> Result<Vec<(u64, Vec<f32>)>> {
        self.rows("SELECT key, vector FROM pending ORDER BY key", &[], |row| {
            let bytes: Vec<u8> = row.get(1)?;
            let vector = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
            Ok((key(row, 0)?, vector.collect()))
        })
    }

    /// Number of items.
    pub(super) fn len(&self) -> Result<usize> {
        let count = self.db.query_row("SELECT count(*) FROM items", [], |row| row.get::<_, i64>(0));
        Ok(self.sql(count)? as usize)
    }

    /// Keys of the items that pass, ascending; nothing where all do.
    pub(super) fn keys(&self, filter: &Filter) -> Result<Option<Vec<u64>>> {
        if filter.is_empty() {
            return Ok(None);
        }
        if let Some(modality) = filter.modality
            && *filter == Filter::of(modality)
        {
            let query = "SELECT EXISTS (SELECT 1 FROM items WHERE modality <> ?)";
            let others = self.db.query_row(query, [modality.name()], |row| row.get(0));
            if !self.sql(others)? {
                return Ok(None);
            }
        }
        let (condition, values) = condition(filter)?;
        if filter.only.is_none() {
            let query = format!("SELECT key FROM items WHERE {condition} ORDER BY key");
            return self.rows(&query, &values, |row| key(row, 0)).map(Some);
        }
        let condition = format!("path IS NOT NULL AND {condition}");
        let query = format!("SELECT key, path FROM items WHERE {condition} ORDER BY key");
        let rows = self.rows(&query, &values, |row| Ok((key(row, 0)?, path(row, 1)?)))?;
        let taken = rows.into_iter().filter(|(_, path)| filter.takes(Some(path)));
        Ok(Some(taken.map(|(key, _)| key).collect()))
    }

    /// As [`Self::keys`], of files of one content the first alone.
    pub(super) fn firsts(&self, filter: &Filter) -> Result<Vec<u64>> {
        let (condition, values) = condition(filter)?;
        let query = format!("SELECT key, path, hash FROM items WHERE {condition} ORDER BY key");
        let rows = self.rows(&query, &values, |row| {
            let path = row.get::<_, Option<String>>(1)?.map(|_| path(row, 1)).transpose()?;
            Ok((key(row, 0)?, path, row.get::<_, Option<[u8; 32]>>(2)?))
        })?;
        let mut seen = HashSet::new();
        let mut is_new = |hash: Option<[u8; 32]>| hash.is_none_or(|hash| seen.insert(hash));
        let taken = rows
            .into_iter()
            .filter(|(_, path, hash)| filter.takes(path.as_deref()) && is_new(*hash));
        Ok(taken.map(|(key, _, _)| key).collect())
    }

    /// All keys, ascending.
    pub(super) fn all_keys(&self) -> Result<Vec<u64>> {
        self.rows("SELECT key FROM items ORDER BY key", &[], |row| key(row, 0))
    }

    pub(super) fn key_of(&self, id: &str) -> Result<Option<u64>> {
        let mut query = self.sql(self.db.prepare_cached("SELECT key FROM items WHERE id = ?"))?;
        self.sql(query.query_row([id], |row| key(row, 0)).optional())
    }

    /// The item of a key.
    pub(super) fn item(&self, key: u64) -> Result<Option<Item>> {
        let items = self.items_where("key = ?", &[Value::Integer(key as i64)])?;
        Ok(items.into_iter().next())
    }

    /// Items in the order of their keys.
    pub(super) fn items(&self, filter: &Filter) -> Result<Vec<Item>> {
        let (condition, values) = condition(filter)?;
        let mut items = self.items_where(&condition, &values)?;
        items.retain(|item| filter.takes(item.path()));
        Ok(items)
    }

    fn items_where(&self, condition: &str, values: &[Value]) -> Result<Vec<Item>> {
        let query = format!(
            "SELECT id, modality, path, text, size, modified, hash, width, height, taken, latitude, \
             longitude, (SELECT group_concat(tag, char(0)) FROM tags WHERE tags.key = items.key) \
             FROM items WHERE {condition} ORDER BY key"
        );
        self.rows(&query, values, read_item)
    }

    /// Every file, whatever it is.
    pub(super) fn files(&self) -> Result<Vec<KnownFile>> {
        let query = "SELECT path, size, modified, hash FROM items WHERE path IS NOT NULL";
        self.rows(query, &[], |row| {
            Ok(KnownFile { path: path(row, 0)?, stamp: stamp(row, 1)?, hash: row.get(3)? })
        })
    }

    pub(super) fn failures(&self) -> Result<Vec<Failure>> {
        let query = "SELECT path, size, modified, error FROM failures";
        self.rows(query, &[], |row| {
            Ok(Failure { path: path(row, 0)?, stamp: stamp(row, 1)?, error: row.get(3)? })
        })
    }

    fn run(&self, statement: &str, values: &[Value]) -> Result<usize> {
        let run = || self.db.prepare_cached(statement)?.execute(params_from_iter(values));
        self.sql(run())
    }

    /// Writes an item, in the place of one of the same id; gives its key.
    pub(super) fn put(&self, item: &Item) -> Result<u64> {
        let statement = "INSERT INTO items (id, modality, path, text, size, modified, hash, width, \
             height, taken, latitude, longitude) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT (id) DO UPDATE SET modality = excluded.modality, path = excluded.path, \
             text = excluded.text, size = excluded.size, modified = excluded.modified, \
             hash = excluded.hash, width = excluded.width, height = excluded.height, \
             taken = excluded.taken, latitude = excluded.latitude, longitude = excluded.longitude \
             RETURNING key";
        let keys = self.rows(statement, &values(item)?, |row| key(row, 0))?;
        let key = keys[0];
        self.put_tags(key, &item.facts.tags)?;
        Ok(key)
    }

    /// Gives the item of a key another name and other facts.
    pub(super) fn rewrite(&self, key: u64, item: &Item) -> Result<()> {
        let mut values = values(item)?;
        values.push(Value::Integer(key as i64));
        let statement = "UPDATE items SET id = ?, modality = ?, path = ?, text = ?, size = ?, \
             modified = ?, hash = ?, width = ?, height = ?, taken = ?, latitude = ?, longitude = ? \
             WHERE key = ?";
        self.run(statement, &values)?;
        self.put_tags(key, &item.facts.tags)
    }

    fn put_tags(&self, key: u64, tags: &[String]) -> Result<()> {
        let key = Value::Integer(key as i64);
        self.run("DELETE FROM tags WHERE key = ?", std::slice::from_ref(&key))?;
        for tag in tags {
            let values = [key.clone(), Value::Text(tag.clone())];
            self.run("INSERT OR IGNORE INTO tags VALUES (?, ?)", &values)?;
        }
        Ok(())
    }

    pub(super) fn put_vector(&self, key: u64, vector: &[f32]) -> Result<()> {
        let bytes = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
        let values = [Value::Integer(key as i64), Value::Blob(bytes)];
        self.run("INSERT OR REPLACE INTO pending VALUES (?, ?)", &values)?;
        Ok(())
    }

    /// Takes an item away; its vector too, where it is in no segment.
    pub(super) fn delete(&self, key: u64) -> Result<()> {
        self.run("DELETE FROM items WHERE key = ?", &[Value::Integer(key as i64)])?;
        Ok(())
    }

    pub(super) fn put_failure(&self, failure: &Failure) -> Result<()> {
        let [size, modified] = stamp_values(failure.stamp);
        let values =
            [path_value(&failure.path)?, size, modified, Value::Text(failure.error.clone())];
        self.run("INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?)", &values)?;
        Ok(())
    }

    /// Says whether there was one.
    pub(super) fn delete_failure(&self, path: &Path) -> Result<bool> {
        let deleted = self.run("DELETE FROM failures WHERE path = ?", &[path_value(path)?])?;
        Ok(deleted > 0)
    }

    /// Gives the number of a new segment.
    pub(super) fn put_segment(&self, rows: usize) -> Result<i64> {
        self.run("INSERT INTO segments (rows) VALUES (?)", &[Value::Integer(rows as i64)])?;
        Ok(self.db.last_insert_rowid())
    }

    pub(super) fn put_dead(&self, number: i64, dead: Vec<u8>) -> Result<()> {
        let values = [Value::Blob(dead), Value::Integer(number)];
        self.run("UPDATE segments SET dead = ? WHERE number = ?", &values)?;
        Ok(())
    }

    pub(super) fn delete_segment(&self, number: i64) -> Result<()> {
        self.run("DELETE FROM segments WHERE number = ?", &[Value::Integer(number)])?;
        Ok(())
    }

    /// Every pending vector is in a segment now.
    pub(super) fn clear_pending(&self) -> Result<()> {
        self.run("DELETE FROM pending", &[])?;
        Ok(())
    }

    /// Compares the file with itself; what does not fit.
    pub(super) fn check(&self) -> Result<Option<String>> {
        let found: String =
            self.sql(self.db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)))?;
        Ok((found != "ok").then_some(found))
    }

    /// Gives back the room of what was deleted.
    pub(super) fn compact(&self) -> Result<()> {
        self.sql(self.db.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)"))
    }
}

/// Whether there is no table.
fn is_empty(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))
}

fn sql(path: &Path, error: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(NotADatabase) => Error::NotALibrary { path },
        Some(DatabaseCorrupt) => Error::Damaged { path, reason: error.to_string() },
        _ => Error::Catalog { path, source: Box::new(error) },
    }
}

fn is_read_only(path: &Path) -> bool {
    let folder = crate::error::folder_of(path);
    path.is_file() && tempfile::tempfile_in(folder).is_err()
}

/// A path as part of a URI.
fn escape(path: &Path) -> String {
    let path = path.to_string_lossy();
    path.replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}

fn key(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|key| key as u64)
}

/// A text that is no path is shown as it is: no file has that name.
fn path(row: &Row<'_>, column: usize) -> rusqlite::Result<PathBuf> {
    let text: String = row.get(column)?;
    Ok(decode_path(&text).unwrap_or_else(|| text.into()))
}

fn stamp(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<FileStamp>> {
    let (size, modified): (Option<i64>, _) = (row.get(column)?, row.get(column + 1)?);
    Ok(size.zip(modified).map(|(size, modified)| FileStamp { size: size as u64, modified }))
}

fn read_item(row: &Row<'_>) -> rusqlite::Result<Item> {
    let modality: String = row.get(1)?;
    let text: Option<String> = row.get(3)?;
    let content = match text {
        Some(text) => Content::Text(text),
        None => Content::Path(path(row, 2)?),
    };
    let (width, height): (Option<u32>, Option<u32>) = (row.get(7)?, row.get(8)?);
    let (latitude, longitude): (Option<f64>, Option<f64>) = (row.get(10)?, row.get(11)?);
    let tags: Option<String> = row.get(12)?;
    let mut tags: Vec<String> =
        tags.iter().flat_map(|tags| tags.split('\0')).map(str::to_owned).collect();
    tags.sort();
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
    })
}

/// In the order of the columns, without the key.
fn values(item: &Item) -> Result<Vec<Value>> {
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

fn path_value(path: &Path) -> Result<Value> {
    let text = encode_path(path).ok_or_else(|| Error::PathNotUnicode { path: path.to_owned() })?;
    Ok(Value::Text(text))
}

fn stamp_values(stamp: Option<FileStamp>) -> [Value; 2] {
    [stamp.map(|stamp| stamp.size as i64).into(), stamp.map(|stamp| stamp.modified).into()]
}
