//! Where samples come from: which files are meant, and how each format is indexed and read.

mod classes;
mod paths;
mod table;
mod tar;

mod parquet;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use self::classes::Classes;
use self::parquet::Table as ParquetTable;
pub(crate) use self::paths::{Format, SourceFile, find};
use crate::error::io;
use crate::{Problem, Result, Sample};

/// Where the bytes of one picture are.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A file of its own.
    File(PathBuf),
    /// Part of a shard.
    Part { shard: Arc<Path>, member: String, offset: u64, length: u64 },
    /// A row of a Parquet file.
    #[cfg_attr(not(feature = "parquet"), expect(dead_code, reason = "nothing makes one then"))]
    Row { table: Arc<ParquetTable>, group: usize, row: usize },
}

/// What one source file holds.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) samples: Vec<(Sample, Place)>,
    pub(crate) problems: Vec<Problem>,
    /// Names of the classes by number, where the file itself has them.
    pub(crate) class_names: Option<Vec<String>>,
}

/// Indexes one file.
pub(crate) fn index(file: &SourceFile, classes: &Classes) -> Result<Index> {
    let names = classes.names.as_deref();
    match file.format {
        Format::Tar => tar::index(&file.path, names),
        Format::Tsv | Format::Csv => table::index(&file.path, names),
        Format::JsonLines => table::index_json_lines(&file.path, names),
        Format::Parquet => parquet::index(&file.path, names),
    }
}

impl Place {
    /// The bytes of the picture file.
    pub(crate) fn read(&self) -> Result<Vec<u8>> {
        match self {
            Self::File(path) => std::fs::read(path).map_err(|source| io(path, source)),
            // Opening anew costs microseconds, needs no lock, and no limit of open files is met.
            Self::Part { shard, offset, length, .. } => {
                let read = || {
                    let mut file = File::open(shard)?;
                    file.seek(SeekFrom::Start(*offset))?;
                    let mut bytes = vec![0; *length as usize];
                    file.read_exact(&mut bytes)?;
                    Ok(bytes)
                };
                read().map_err(|source| io(shard, source))
            }
            Self::Row { table, group, row } => table.picture(*group, *row),
        }
    }

    /// What messages call the picture.
    pub(crate) fn origin(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Part { shard, member, .. } => format!("{}:{member}", shard.display()),
            Self::Row { table, group, row } => {
                format!("{}: row {row} of group {group}", table.path().display())
            }
        }
    }
}

/// How often something was skipped in one file, and where first: one problem, not thousands.
#[derive(Debug, Default)]
struct Skipped {
    count: usize,
    first: String,
}

impl Skipped {
    fn add(&mut self, what: impl std::fmt::Display) {
        if self.count == 0 {
            self.first = what.to_string();
        }
        self.count += 1;
    }

    fn report(&self, path: &Path, reason: &str, problems: &mut Vec<Problem>) {
        if self.count > 0 {
            let (count, first) = (self.count, &self.first);
            let reason = format!("{count} skipped, the first is {first}: {reason}");
            problems.push(Problem::new(path.display(), reason));
        }
    }
}
