//! Files by which other programs get the library's vectors, and give it theirs.

mod jsonl;
mod npy;
mod parquet;
mod record;

use std::path::Path;

use anyhow::{Result, bail};

pub(crate) use record::{Entry, Origin, Record};

/// How a file holds vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// An object a line.
    JsonLines,
    /// A row an item.
    Parquet,
    /// A NumPy array, and beside it an object a line without vectors.
    Npy,
}

impl Format {
    /// The format of a file by its ending.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        match ending.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => Ok(Self::JsonLines),
            "parquet" => Ok(Self::Parquet),
            "npy" => Ok(Self::Npy),
            "npz" => bail!(
                "{} holds several arrays: save the one with the vectors as .npy, with numpy.save",
                path.display()
            ),
            _ => bail!(
                "{} ends in no format of vectors: name it .parquet, .jsonl or .npy",
                path.display()
            ),
        }
    }
}

/// What takes the items of a library, one by one.
pub(crate) trait Sink {
    fn put(&mut self, entry: &Entry) -> Result<()>;

    /// Makes the files whole.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Begins the files of an export of `count` items of `dimension` values each.
pub(crate) fn create(
    path: &Path,
    origin: &Origin,
    (count, dimension): (usize, usize),
) -> Result<Box<dyn Sink>> {
    Ok(match Format::of(path)? {
        Format::JsonLines => Box::new(jsonl::Lines::create(path, origin)?),
        Format::Parquet => parquet::create(path, origin)?,
        Format::Npy => Box::new(npy::Array::create(path, origin, (count, dimension))?),
    })
}

/// Calls `take` with every record of a file and its vector.
pub(crate) fn read(
    path: &Path,
    take: &mut dyn FnMut(Record, Vec<f32>) -> Result<()>,
) -> Result<()> {
    match Format::of(path)? {
        Format::JsonLines => jsonl::read(path, &mut |record| {
            let Some(vector) = record.embedding.clone() else {
                bail!("there is no embedding in it")
            };
            take(record, vector)
        }),
        Format::Parquet => parquet::read(path, &mut |record| {
            let Some(vector) = record.embedding.clone() else {
                bail!("{} has no column embedding with lists of numbers", path.display())
            };
            take(record, vector)
        }),
        Format::Npy => npy::read(path, take),
    }
}
