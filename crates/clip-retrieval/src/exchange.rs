//! Files by which other programs get the vectors of a library, and give it theirs.
//!
//! | format | what it is | feature |
//! | --- | --- | --- |
//! | JSON lines (`.jsonl`) | an object a line | `jsonl` |
//! | NumPy (`.npy`) | an array of `f32` `[items, dimension]`, and a `.jsonl` of the same name with what its rows are | `npy` |
//! | Parquet (`.parquet`) | a row an item | `parquet` |
//! | the layout of [clip-retrieval] (a folder) | `img_emb/img_emb_0.npy`, `text_emb/text_emb_1.npy`, and what their rows are in `metadata/metadata_0.parquet` | `npy`, `parquet` |
//!
//! [`export`] writes what a [`Snapshot`](crate::Snapshot) holds, and [`Importer`] puts files into a
//! library. Those who want the records themselves [`create`] and [`read`] files.
//!
//! [clip-retrieval]: https://github.com/rom1504/clip-retrieval

mod error;
mod export;
mod import;
mod jsonl;
mod layout;
mod npy;
mod parquet;
mod record;

use std::path::Path;

pub use error::{Error, Result};
pub use export::export;
pub use import::{ImportObserver, Importer, Warning};
pub use jsonl::{TextLine, TextLines, lines};
#[cfg(feature = "npy")]
pub use npy::write_array;
pub use record::{Entry, Provenance, Record};

/// How a file holds vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An object a line.
    JsonLines,
    /// A row an item.
    Parquet,
    /// A NumPy array, and beside it an object a line without vectors.
    Npy,
    /// The folder of clip-retrieval.
    Layout,
}

impl Format {
    /// The format of a file by its ending, and of a folder by what is in it.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownFormat`], [`Error::SeveralArrays`].
    pub fn of(path: &Path) -> Result<Self> {
        if layout::is_layout(path) {
            return Ok(Self::Layout);
        }
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        match ending.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => Ok(Self::JsonLines),
            "parquet" => Ok(Self::Parquet),
            "npy" => Ok(Self::Npy),
            "npz" => Err(Error::SeveralArrays { path: path.to_owned() }),
            _ => Err(Error::UnknownFormat { path: path.to_owned() }),
        }
    }
}

/// How large an export is: its header may have to say so before the first item is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Items that are images.
    pub images: usize,
    /// Items that are texts.
    pub texts: usize,
    /// Values of each vector.
    pub dimension: usize,
}

/// What takes the items of a library, one by one.
pub trait Sink {
    /// Writes an item.
    ///
    /// # Errors
    ///
    /// [`Error::Write`].
    fn put(&mut self, entry: &Entry) -> Result<()>;

    /// Makes the files whole.
    ///
    /// # Errors
    ///
    /// [`Error::Write`].
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Begins the files of an export of so many items.
///
/// # Errors
///
/// [`Error::Write`]; [`Error::Disabled`] where the build lacks the format.
pub fn create(
    path: &Path,
    format: Format,
    provenance: &Provenance,
    size: Size,
) -> Result<Box<dyn Sink>> {
    match format {
        Format::JsonLines => Ok(Box::new(jsonl::Writer::create(path, provenance)?)),
        Format::Parquet => parquet::create(path, provenance, parquet::Names::Own),
        Format::Npy => npy::create(path, provenance, size),
        Format::Layout => layout::create(path, provenance, size),
    }
}

/// Calls `take` with every record of a file and its vector, which is empty where a row has none though
/// the file has some. `open_text` opens the lines of a text: see [`lines`].
///
/// # Errors
///
/// Where the file cannot be read, or is not of its format; those of `take`.
pub fn read(path: &Path, open_text: TextLines<'_>, take: Take<'_>) -> Result<()> {
    match Format::of(path)? {
        Format::JsonLines => jsonl::read(path, open_text, &mut |record| {
            let vector = record.embedding.clone().ok_or(Error::NoEmbedding)?;
            take(record, vector)
        }),
        Format::Parquet => parquet::read(path, &mut |record| {
            let missing = || Error::NoEmbeddingColumn { path: path.to_owned() };
            let vector = record.embedding.clone().ok_or_else(missing)?;
            take(record, vector)
        }),
        Format::Npy => npy::read(path, open_text, take),
        Format::Layout => layout::read(path, open_text, take),
    }
}

/// What takes the records of a file, each with its vector.
pub type Take<'a> = &'a mut dyn FnMut(Record, Vec<f32>) -> Result<()>;
