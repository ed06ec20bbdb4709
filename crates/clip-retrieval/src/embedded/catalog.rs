//! What the vectors stand for, in SQLite.

mod open;
mod read;
mod row;
mod write;

use std::cell::Cell;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

pub(super) use open::files as catalog_files;
use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, Row, params_from_iter};
use tempfile::TempDir;

use super::files::segments_folder;
use super::segment::Precision;
use crate::error::folder_of;
use crate::{Error, Result};

/// Under which name the table that SQLite keeps for `AUTOINCREMENT` counts commits. It lets programs
/// write into that table, which catalogs of every version have.
const COMMITS: &str = "commits";

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
    pub(super) tombstones: Option<Vec<u8>>,
}

/// The open catalog of a library.
#[derive(Debug)]
pub(super) struct Catalog {
    db: Connection,
    path: PathBuf,
    /// Whether a file of version 1 is read as one of this version.
    reads_version_1: Cell<bool>,
    /// Where the file that is read lies, if it is not the library's own.
    _copy: Option<TempDir>,
}
impl Catalog {
    /// Gives what SQLite says the name of this file.
    fn sql<T>(&self, result: rusqlite::Result<T>) -> Result<T> {
        result.map_err(|error| sql(&self.path, error))
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

    /// Begins to read one state of the file, which stays until the transaction ends; gives the number
    /// of its commit.
    pub(super) fn begin_read(&self) -> Result<u64> {
        loop {
            self.sql(self.db.execute_batch("BEGIN"))?;
            // The first that is read decides which state it is.
            let commit = self.commit_number()?;
            if !self.reads_version_1.get() || !self.is_upgraded()? {
                return Ok(commit);
            }
            self.roll_back();
            self.see_upgrade()?;
        }
    }

    pub(super) fn begin(&self) -> Result<()> {
        self.sql(self.db.execute_batch("BEGIN IMMEDIATE"))
    }

    pub(super) fn commit(&self) -> Result<()> {
        self.sql(self.db.execute_batch("COMMIT"))
    }

    /// Takes back what was not committed, and ends what is read.
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
    fn run(&self, statement: &str, values: &[Value]) -> Result<usize> {
        let run = || self.db.prepare_cached(statement)?.execute(params_from_iter(values));
        self.sql(run())
    }
}

/// What SQLite says of the file at `path`. The statements are always the same, so where one does not
/// fit the tables, or a value its column, the file is not what was written.
fn sql(path: &Path, error: rusqlite::Error) -> Error {
    use ErrorCode as Code;
    use rusqlite::Error as Sql;
    let damaged = |reason: String| Error::DamagedCatalog { path: path.to_owned(), reason };
    match (&error, error.sqlite_error_code()) {
        (_, Some(Code::NotADatabase)) if !is_in_library(path) => {
            Error::NotALibrary { path: path.to_owned() }
        }
        (_, Some(Code::NotADatabase | Code::DatabaseCorrupt | Code::TypeMismatch)) => {
            damaged(error.to_string())
        }
        (Sql::SqlInputError { msg, .. }, _) => damaged(msg.clone()),
        (Sql::QueryReturnedNoRows, _) => damaged("a row is missing".to_owned()),
        (
            Sql::FromSqlConversionFailure(..)
            | Sql::IntegralValueOutOfRange(..)
            | Sql::InvalidColumnType(..)
            | Sql::Utf8Error(..),
            _,
        ) => damaged(error.to_string()),
        (_, Some(Code::CannotOpen | Code::ReadOnly | Code::PermissionDenied)) => {
            not_permitted(path, error)
        }
        _ => Error::Catalog { path: path.to_owned(), source: Box::new(error) },
    }
}

/// Why SQLite may not do something with the file at `path`.
fn not_permitted(path: &Path, error: rusqlite::Error) -> Error {
    if let Some((path, source)) = open::unopenable(path) {
        return Error::Io { action: "open", path, source };
    }
    let path = path.to_owned();
    if error.sqlite_error_code() == Some(ErrorCode::CannotOpen) {
        return Error::Catalog { path, source: Box::new(error) };
    }
    match open::is_read_only(&path) {
        true => Error::Io { action: "write", path, source: ErrorKind::PermissionDenied.into() },
        // A later kind of SQLite's files, or rather other bytes.
        false => Error::DamagedCatalog { path, reason: error.to_string() },
    }
}

/// Whether the folder of a catalog is that of a library, whatever the catalog is now: the segments are
/// put there when the catalog is complete.
fn is_in_library(path: &Path) -> bool {
    segments_folder(folder_of(path)).is_dir()
}
