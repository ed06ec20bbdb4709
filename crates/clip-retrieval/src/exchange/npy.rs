//! A NumPy array, and beside it what its rows are.

#[cfg(not(feature = "npy"))]
mod disabled;
#[cfg(feature = "npy")]
mod enabled;

use std::path::{Path, PathBuf};

#[cfg(not(feature = "npy"))]
pub(super) use disabled::{Array, rows};
#[cfg(feature = "npy")]
pub use enabled::write_array;
#[cfg(feature = "npy")]
pub(super) use enabled::{Array, rows};

use super::{
    Entry, Error, Provenance, Record, Result, Sink, Size, Take, TextLines, jsonl, parquet,
};

/// An array and its lines, which are written.
struct Files {
    array: Array,
    lines: jsonl::Writer,
}

pub(super) fn create(path: &Path, provenance: &Provenance, size: Size) -> Result<Box<dyn Sink>> {
    let Size { images, texts, dimension } = size;
    let array = Array::create(path, (images + texts, dimension))?;
    let lines = jsonl::Writer::create(&path.with_extension("jsonl"), provenance)?;
    Ok(Box::new(Files { array, lines }))
}

impl Sink for Files {
    fn put(&mut self, entry: &Entry) -> Result<()> {
        self.array.put(&entry.vector)?;
        self.lines.put_item(entry)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.array.finish()?;
        Box::new(self.lines).finish()
    }
}

/// Calls `take` with every record that lies beside an array, and its row.
pub(super) fn read(path: &Path, open_text: TextLines<'_>, take: Take<'_>) -> Result<()> {
    let (rows, width) = rows(path)?;
    let mut rows = rows.chunks_exact(width.max(1));
    let metadata = Metadata::of(path)?;
    let mut put = |record: Record| {
        let more = || Error::MoreRecords { metadata: metadata.path.clone(), path: path.to_owned() };
        take(metadata.complete(record), rows.next().ok_or_else(more)?.to_vec())
    };
    match metadata.path.extension().is_some_and(|ending| ending == "parquet") {
        true => parquet::read(&metadata.path, &mut put)?,
        false => jsonl::read(&metadata.path, open_text, &mut put)?,
    }
    match rows.next() {
        Some(_) => Err(Error::FewerRecords { metadata: metadata.path, path: path.to_owned() }),
        None => Ok(()),
    }
}

/// The file that says what the rows of an array are.
struct Metadata {
    path: PathBuf,
    /// What its rows are of, where the array's name says it.
    modality: Option<&'static str>,
}

impl Metadata {
    /// One of the same name; or `../metadata/metadata_0.parquet` for `img_emb_0.npy` and
    /// `text_emb_0.npy`, where clip-retrieval puts it.
    fn of(path: &Path) -> Result<Self> {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let parts = [("img_emb_", "image"), ("text_emb_", "text")];
        let part =
            parts.iter().find_map(|(start, modality)| Some((stem.strip_prefix(start)?, *modality)));
        let own = [path.with_extension("jsonl"), path.with_extension("parquet")];
        let folder = path.parent().unwrap_or(Path::new(""));
        let others = part.into_iter().flat_map(|(number, _)| {
            let file = format!("metadata_{number}.parquet");
            [folder.join("../metadata").join(&file), folder.join(&file)]
        });
        match own.iter().cloned().chain(others).find(|path| path.is_file()) {
            Some(path) => Ok(Self { path, modality: part.map(|(_, modality)| modality) }),
            None => Err(Error::NoMetadata { path: path.to_owned(), candidates: own }),
        }
    }

    /// A record, with what the array's name says.
    fn complete(&self, record: Record) -> Record {
        let modality = record.modality.or(self.modality.map(str::to_owned));
        Record { modality, ..record }
    }
}
