use std::fmt;
use std::path::{Path, PathBuf};

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why data could not be opened or read, or a configuration not be followed.
///
/// Damage inside an otherwise readable source is no error but a [`Problem`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No path was given.
    #[error("no data was named: give a shard, a pattern of shards, a folder or a table")]
    NoPaths,
    /// Nothing of that name.
    #[error("there is no {path}: check the path")]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// A pattern that no file matches.
    #[error("no file matches {pattern}: check the folder and the pattern")]
    NoMatch {
        /// The pattern.
        pattern: PathBuf,
    },
    /// A pattern that makes no sense.
    #[error("{pattern} is not a pattern: {reason}")]
    BadPattern {
        /// The pattern.
        pattern: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder without data.
    #[error(
        "{path} holds no data: looked for captions.tsv, captions.csv, captions.jsonl, *.tar and *.parquet"
    )]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A file whose name says nothing that is read.
    #[error(
        "{path} is not read: .tar, .tsv, .csv, .jsonl and .parquet are; unpack compressed files"
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// A file for which a cargo feature is needed.
    #[error("{path} needs a build with the cargo feature `{feature}`")]
    NeedsFeature {
        /// The file.
        path: PathBuf,
        /// The feature.
        feature: &'static str,
    },
    /// Sources that open, but hold no picture with a text.
    #[error(
        "no picture with a text in {paths}: looked for KEY.webp, .jpg or .png with KEY.json, .txt or .cls in shards, and for rows of a picture file and a name or caption in tables{}",
        first(.problems)
    )]
    NoSamples {
        /// What was opened.
        paths: String,
        /// What was found instead.
        problems: Vec<Problem>,
    },
    /// The system refuses to open or read a file.
    #[error("cannot read {path}: {source}; check its permissions and the disk")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A text that is not in the encoding that it seems to have.
    #[error("{path}, line {line}: this is not {encoding}: save the file as UTF-8")]
    NotEncoded {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The encoding.
        encoding: &'static str,
    },
    /// A text in an encoding that is not read.
    #[error("{path} is in {encoding}, which is not read: save the file as UTF-8")]
    UnreadEncoding {
        /// The file.
        path: PathBuf,
        /// The encoding.
        encoding: &'static str,
    },
    /// A table without the columns that are needed.
    #[error("{path} has no column for {missing} (its columns: {found}): name one {expected}")]
    MissingColumn {
        /// The table.
        path: PathBuf,
        /// What the column is for.
        missing: &'static str,
        /// The columns that are there.
        found: String,
        /// Names that are understood.
        expected: &'static str,
    },
    /// A row of a table that says nothing, or contradicts another.
    #[error("{path}, line {line}: {reason}")]
    BadRow {
        /// The table.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// A Parquet file in a compression that is not read.
    #[error(
        "{path} is compressed with {compression}, which is not read: write it with zstd, snappy or gzip"
    )]
    Compression {
        /// The file.
        path: PathBuf,
        /// The compression.
        compression: &'static str,
    },
    /// A Parquet file that cannot be read at all.
    #[error("{path} is damaged ({reason}): copy or download it again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        reason: String,
    },
    /// A row of a Parquet file that has a text and no picture.
    #[error("{path}: row {row} of group {group} has no picture: leave it out of the file")]
    NoPicture {
        /// The file.
        path: PathBuf,
        /// The group of rows, from 0.
        group: usize,
        /// The row in it, from 0.
        row: usize,
    },
    /// A setting that cannot be followed.
    #[error("`{field}` cannot be {value}: {expected}")]
    BadConfig {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// A picture that cannot be decoded, or a preprocessing that cannot be followed.
    #[error(transparent)]
    Picture(#[from] clip_preprocess::Error),
}

/// Something in the data that was skipped, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, and what in it.
    pub origin: String,
    /// One sentence without its full stop.
    pub reason: String,
}

impl Problem {
    pub(crate) fn new(origin: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self { origin: origin.to_string(), reason: reason.to_string() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.reason)
    }
}

fn first(problems: &[Problem]) -> String {
    problems.first().map(|problem| format!("; {problem}")).unwrap_or_default()
}

pub(crate) fn bad_config<T>(
    field: &'static str,
    value: impl fmt::Debug,
    expected: &'static str,
) -> Result<T> {
    Err(Error::BadConfig { field, value: format!("{value:?}"), expected })
}

/// What the system says of a file.
pub(crate) fn io(path: &Path, source: std::io::Error) -> Error {
    match source.kind() {
        std::io::ErrorKind::NotFound => Error::NotFound { path: path.to_owned() },
        _ => Error::Io { path: path.to_owned(), source },
    }
}
