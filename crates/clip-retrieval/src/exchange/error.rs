//! What can go wrong with files of vectors.

use std::path::{Path, PathBuf};

/// Shorthand for results of this module.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can be wrong with a file of vectors, or with what is to be written into one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The ending of a name says no format.
    #[error("{} ends in no format of vectors: name it .parquet, .jsonl or .npy", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// An archive of NumPy.
    #[error(
        "{} holds several arrays: save the one with the vectors as .npy, with numpy.save",
        path.display()
    )]
    SeveralArrays {
        /// The file.
        path: PathBuf,
    },
    /// The build lacks a format.
    #[error(
        "{} is {format}, which this program was built without: build it with --features {feature}, or use .jsonl",
        path.display()
    )]
    Disabled {
        /// The file.
        path: PathBuf,
        /// What it is.
        format: &'static str,
        /// The feature that reads and writes it.
        feature: &'static str,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file cannot be read, or is not what its name says.
    #[error("cannot read {} as {format}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What it should be.
        format: &'static str,
        /// Why it is not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The lines of a text cannot be read.
    #[error(transparent)]
    Text(Box<dyn std::error::Error + Send + Sync>),
    /// A line of a text is no record.
    #[error("line {number} of {}", path.display())]
    Line {
        /// From 1.
        number: u64,
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<Error>,
    },
    /// A line is not the JSON of a record.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A line has no vector.
    #[error("there is no embedding in it")]
    NoEmbedding,
    /// A row of a file that has vectors has none.
    #[error("it has no embedding")]
    EmptyEmbedding,
    /// A table has no vectors.
    #[error("{} has no column embedding with lists of numbers", path.display())]
    NoEmbeddingColumn {
        /// The file.
        path: PathBuf,
    },
    /// A Parquet file in a compression that is not read.
    #[error(
        "{} is compressed with {compression}, which is not read: write it with zstd, snappy or gzip",
        path.display()
    )]
    Compression {
        /// The file.
        path: PathBuf,
        /// The compression.
        compression: &'static str,
    },
    /// An array that is no list of vectors.
    #[error(
        "{} has the shape {shape:?}, not one of two dimensions: a row is a vector",
        path.display()
    )]
    Shape {
        /// The file.
        path: PathBuf,
        /// Its shape.
        shape: Vec<u64>,
    },
    /// An array of other things than numbers of 16, 32 or 64 bits.
    #[error(
        "{} is an array of {found}, not of f2, f4 or f8: convert it with NumPy's astype(\"float32\")",
        path.display()
    )]
    ElementType {
        /// The file.
        path: PathBuf,
        /// What NumPy calls its elements.
        found: String,
    },
    /// An array without a file that says what its rows are.
    #[error(
        "nothing says what the rows of {} are: there is neither {} nor {}",
        path.display(),
        candidates[0].display(),
        candidates[1].display()
    )]
    NoMetadata {
        /// The array.
        path: PathBuf,
        /// The files that were looked for first.
        candidates: [PathBuf; 2],
    },
    /// More is said than there are rows.
    #[error("{} has more records than {} has rows", metadata.display(), path.display())]
    MoreRecords {
        /// What says it.
        metadata: PathBuf,
        /// The array.
        path: PathBuf,
    },
    /// Less is said than there are rows.
    #[error("{} has fewer records than {} has rows", metadata.display(), path.display())]
    FewerRecords {
        /// What says it.
        metadata: PathBuf,
        /// The array.
        path: PathBuf,
    },
    /// The vectors are those of another model.
    #[error("the vectors of {} are those of {found}, not of {wanted}", path.display())]
    OtherModel {
        /// The file.
        path: PathBuf,
        /// Whose they are, as far as the file says.
        found: String,
        /// The model of the library.
        wanted: String,
    },
    /// A record of some other kind.
    #[error("its modality is {found:?}, not image or text")]
    Modality {
        /// What it says.
        found: String,
    },
    /// A record of nothing.
    #[error("it has neither a path nor a text")]
    NoContent,
    /// An item that was there when the export began.
    #[error("the item {id} is gone since the export began: export again")]
    Gone {
        /// Its id.
        id: String,
    },
    /// It was stopped.
    #[error("stopped after {done} item{}", if *done == 1 { "" } else { "s" })]
    Cancelled {
        /// What was done until then.
        done: usize,
    },
    /// The library.
    #[error(transparent)]
    Library(#[from] crate::Error),
}

impl Error {
    /// Makes what went wrong while a file was written an error of it.
    pub(super) fn write<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        path: &Path,
    ) -> impl Fn(E) -> Self {
        move |source| Self::Write { path: path.to_owned(), source: source.into() }
    }

    /// Makes what went wrong while a file was read an error of it.
    #[cfg(any(feature = "npy", feature = "parquet"))]
    pub(super) fn read<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        path: &Path,
        format: &'static str,
    ) -> impl Fn(E) -> Self {
        move |source| Self::Read { path: path.to_owned(), format, source: source.into() }
    }
}
