//! Opening the file, and making it.

use std::cell::Cell;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};

use super::{Catalog, Kind, is_in_library, sql};
use crate::error::{folder_of, io_error};
use crate::{Error, Result};

/// Version of the tables that are made, and the latest that are read.
const VERSION: u32 = 2;

/// Marks the file as ours: `CLIP`.
const APPLICATION: u32 = 0x434c_4950;

const SCHEMA: &str = include_str!("../schema.sql");

/// Ending of the file that holds what was committed last.
const LOG: &str = "-wal";

/// Ending of the file by which programs that have it open know of one another.
const SHARED: &str = "-shm";

/// Ending of the file that takes back what was not committed, as long as there is no log.
const JOURNAL: &str = "-journal";
/// Makes a file of version 1 one of this version.
const UPGRADE: &str = include_str!("../upgrade.sql");

/// Lets a file of version 1 be read as one of this version, without changing it.
const READ_VERSION_1: &str = include_str!("../version_1.sql");

const FORGET_VERSION_1: &str = "DROP VIEW IF EXISTS temp.tags; \
     DROP VIEW IF EXISTS temp.failures; DROP TABLE IF EXISTS temp.kept_tags;";

/// How long a reader waits for a writer that changes the file itself.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

impl Catalog {
    /// Opens a catalog to read.
    pub(in crate::embedded) fn open(path: &Path) -> Result<Self> {
        check_file(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        match Self::connect(path, path, flags) {
            Err(_) if is_read_only(path) => Self::read_only(path),
            opened => opened,
        }
    }

    /// Opens a catalog in a folder that nobody may write to, so that nobody has to be waited for.
    fn read_only(path: &Path) -> Result<Self> {
        if is_empty_file(&beside(path, LOG)) {
            let uri = format!("file:{}?immutable=1", escape(path));
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
                | OpenFlags::SQLITE_OPEN_URI
                | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            return Self::connect(Path::new(&uri), path, flags);
        }
        // A log can be read only by who may write beside it: read copies.
        let io = io_error("copy", path);
        let folder = tempfile::tempdir().map_err(&io)?;
        let copy = folder.path().join("catalog");
        fs::copy(path, &copy).map_err(&io)?;
        fs::copy(beside(path, LOG), beside(&copy, LOG)).map_err(&io)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(Self { _copy: Some(folder), ..Self::connect(&copy, path, flags)? })
    }

    /// Opens the catalog, or makes it, by the only program that does so now.
    pub(in crate::embedded) fn create(path: &Path, kind: &Kind) -> Result<Self> {
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

    /// Opens the file that SQLite calls `name`: the catalog at `path`, or what stands for it.
    fn connect(name: &Path, path: &Path, flags: OpenFlags) -> Result<Self> {
        let ask = || -> rusqlite::Result<_> {
            let db = Connection::open_with_flags(name, flags)?;
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
        match (application, version) {
            (APPLICATION, 1..=VERSION) => {
                let reads_version_1 = Cell::new(version == 1);
                let catalog = Self { db, path: path.to_owned(), reads_version_1, _copy: None };
                if version == 1 {
                    catalog.sql(catalog.db.execute_batch(READ_VERSION_1))?;
                }
                Ok(catalog)
            }
            (APPLICATION, found) if found > VERSION => {
                Err(Error::Newer { path: path.to_owned(), found, supported: VERSION })
            }
            _ => Err(no_catalog(path, "it is not of this program")),
        }
    }
}

impl Catalog {
    /// Makes a file of an earlier version one of this version. Only the program that writes does so.
    pub(in crate::embedded) fn upgrade(&self) -> Result<()> {
        self.see_upgrade()?;
        if self.sql(self.user_version())? == VERSION {
            return Ok(());
        }
        self.sql(self.db.execute_batch(FORGET_VERSION_1))?;
        let upgraded = self.db.execute_batch(&format!("BEGIN IMMEDIATE; {UPGRADE} COMMIT;"));
        if upgraded.is_err() {
            self.roll_back();
            self.sql(self.db.execute_batch(READ_VERSION_1))?;
        }
        self.reads_version_1.set(upgraded.is_err());
        self.sql(upgraded)
    }

    /// Reads the file as it is, where another program has brought it to this version.
    pub(super) fn see_upgrade(&self) -> Result<()> {
        if self.reads_version_1.get() && self.is_upgraded()? {
            self.sql(self.db.execute_batch(FORGET_VERSION_1))?;
            self.reads_version_1.set(false);
        }
        Ok(())
    }

    pub(super) fn is_upgraded(&self) -> Result<bool> {
        Ok(self.sql(self.user_version())? == VERSION)
    }

    fn user_version(&self) -> rusqlite::Result<u32> {
        self.db.pragma_query_value(None, "user_version", |row| row.get(0))
    }
}

/// Refuses what SQLite would take for an empty file, or would not say what is wrong with.
fn check_file(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(no_catalog(path, "it is a folder")),
        Ok(metadata) if metadata.len() == 0 => Err(no_catalog(path, "it is empty")),
        Ok(_) => Ok(()),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io_error("open", path)(error)),
        Err(_) if is_in_library(path) => Err(no_catalog(path, "it is not there")),
        Err(_) => Err(Error::NoLibrary { path: folder_of(path).to_owned() }),
    }
}

/// What something is that is no catalog: damaged, where the rest of a library is there.
fn no_catalog(path: &Path, reason: &str) -> Error {
    let path = path.to_owned();
    match is_in_library(&path) {
        true => Error::DamagedCatalog { path, reason: reason.to_owned() },
        false => Error::NotALibrary { path },
    }
}

/// The files of a catalog, whether they are there or not.
pub(in crate::embedded) fn files(path: &Path) -> [PathBuf; 4] {
    ["", LOG, SHARED, JOURNAL].map(|ending| beside(path, ending))
}

/// Which of the files of a catalog cannot be opened, and why.
pub(super) fn unopenable(path: &Path) -> Option<(PathBuf, io::Error)> {
    files(path).into_iter().filter(|file| file.exists()).find_map(|file| {
        let opened = OpenOptions::new().read(true).write(true).open(&file);
        opened.err().map(|error| (file, error))
    })
}

/// Whether there is nothing in a file, or none.
fn is_empty_file(path: &Path) -> bool {
    fs::metadata(path).map_or(true, |metadata| metadata.len() == 0)
}

/// A file that SQLite keeps beside a catalog.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Whether there is no table.
fn is_empty(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))
}

/// Whether nobody may write into the folder of a catalog.
pub(super) fn is_read_only(path: &Path) -> bool {
    let folder = folder_of(path);
    path.is_file() && tempfile::tempfile_in(folder).is_err()
}

/// A path as part of a URI.
fn escape(path: &Path) -> String {
    let path = path.to_string_lossy();
    path.replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}
