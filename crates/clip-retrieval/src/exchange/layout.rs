//! The folder of clip-retrieval: arrays by what their rows are of, and tables that say the rest.
//!
//! ```text
//! img_emb/img_emb_0.npy      metadata/metadata_0.parquet
//! text_emb/text_emb_1.npy    metadata/metadata_1.parquet
//! ```
//!
//! An array and a table belong together by their number. Where clip-retrieval has encoded pictures and
//! their captions, two arrays have one table; items of a library are the one or the other, so that each
//! array has a table of its own.

use std::fs;
use std::path::{Path, PathBuf};

use super::npy::{self, Array};
use super::{Entry, Error, Provenance, Result, Sink, Size, Take, TextLines, parquet};
use crate::Modality;

/// Names of the folders of arrays, which their files have too.
const IMAGES: &str = "img_emb";
const TEXTS: &str = "text_emb";
const METADATA: &str = "metadata";

pub(super) fn is_layout(path: &Path) -> bool {
    [IMAGES, TEXTS].iter().any(|name| path.join(name).is_dir())
}

/// The items of one modality.
struct Part {
    array: Array,
    table: Box<dyn Sink>,
}

struct Folder {
    images: Option<Part>,
    texts: Option<Part>,
}

/// Begins a folder of so many items.
pub(super) fn create(path: &Path, provenance: &Provenance, size: Size) -> Result<Box<dyn Sink>> {
    let part = |name: &str, number: usize, count: usize| -> Result<Option<Part>> {
        if count == 0 {
            return Ok(None);
        }
        let file = |folder: &str, name: String| -> Result<PathBuf> {
            let folder = path.join(folder);
            fs::create_dir_all(&folder).map_err(Error::write(&folder))?;
            Ok(folder.join(name))
        };
        let array = file(name, format!("{name}_{number}.npy"))?;
        let table = file(METADATA, format!("metadata_{number}.parquet"))?;
        Ok(Some(Part {
            array: Array::create(&array, (count, size.dimension))?,
            table: parquet::create(&table, provenance, parquet::Names::Layout)?,
        }))
    };
    let images = part(IMAGES, 0, size.images)?;
    Ok(Box::new(Folder { images, texts: part(TEXTS, 1, size.texts)? }))
}

impl Sink for Folder {
    fn put(&mut self, entry: &Entry) -> Result<()> {
        let part = match entry.item.modality {
            Modality::Image => &mut self.images,
            Modality::Text => &mut self.texts,
        };
        // An item of a kind of which none was announced.
        let part = part.as_mut().ok_or_else(|| Error::Gone { id: entry.item.id.clone() })?;
        part.array.put(&entry.vector)?;
        part.table.put(entry)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        for part in self.images.into_iter().chain(self.texts) {
            part.array.finish()?;
            part.table.finish()?;
        }
        Ok(())
    }
}

/// Reads one array after the other.
pub(super) fn read(path: &Path, open_text: TextLines<'_>, take: Take<'_>) -> Result<()> {
    for name in [IMAGES, TEXTS] {
        let entries = path.join(name).read_dir().into_iter().flatten().flatten();
        let mut arrays: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        arrays.retain(|path| path.extension().is_some_and(|ending| ending == "npy"));
        arrays.sort();
        for array in arrays {
            npy::read(&array, open_text, take)?;
        }
    }
    Ok(())
}
