//! Vectors into files, and from files into a collection.

use std::path::{Path, PathBuf};

use clip_retrieval::exchange::{self, Format, ImportObserver, Importer, TextLine};
use clip_retrieval::{Content, Item, Snapshot, Store};

use crate::error::with_causes;
use crate::{Error, NewFile, Observer, Progress, Result, Task, Warning};

/// Writes items with their vectors into a file.
///
/// # Errors
///
/// [`Error::Exchange`], also where the observer stopped it.
pub fn export(
    snapshot: &dyn Snapshot,
    items: &[Item],
    path: &Path,
    format: Format,
    observer: &mut dyn Observer,
) -> Result<()> {
    let (task, total) = (Task::Export, items.len());
    Ok(exchange::export(snapshot, items, path, format, &mut |done| {
        observer.progress(Progress { task, done, total });
        !observer.is_cancelled()
    })?)
}

/// A file for vectors, in the format of its ending, checked before the work that fills it.
#[derive(Debug)]
pub struct ExportFile {
    path: PathBuf,
    format: Format,
}

impl ExportFile {
    /// A file that is not there yet, unless it is to be replaced.
    ///
    /// # Errors
    ///
    /// As [`NewFile::new`], also for the table beside an array; [`Error::Exchange`] for an ending of no
    /// format.
    pub fn new(path: PathBuf, replace: bool) -> Result<Self> {
        let format = Format::of(&path)?;
        let endings: &[&str] = match format {
            Format::JsonLines => &["jsonl"],
            Format::Parquet => &["parquet"],
            Format::Npy => &["npy", "jsonl"],
            Format::Layout => return Err(Error::OutputIsFolder { path }),
        };
        NewFile::new(path.clone(), endings[0], replace)?;
        for beside in &endings[1..] {
            NewFile::new(path.with_extension(beside), beside, replace)?;
        }
        Ok(Self { path, format })
    }

    /// Its name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes items with their vectors, as [`export`] does.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn write(
        &self,
        snapshot: &dyn Snapshot,
        items: &[Item],
        observer: &mut dyn Observer,
    ) -> Result<()> {
        export(snapshot, items, &self.path, self.format, observer)
    }
}

/// Puts what files hold into a collection, and says how many items that were. The observer hears of
/// records that are left out.
///
/// # Errors
///
/// [`Error::Import`] for the first file that cannot be read or is another model's: what was imported
/// before is kept. [`Error::Retrieval`] where the collection cannot be written.
pub fn import(store: &dyn Store, files: &[PathBuf], observer: &mut dyn Observer) -> Result<usize> {
    let mut writer = store.writer()?;
    let mut importer = Importer::new(&mut *writer, &lines)?;
    let mut observed = Observed(observer);
    let failed = files.iter().find_map(|file| {
        let source = importer.import(file, &mut observed).err()?;
        Some((file.clone(), source))
    });
    let imported = importer.imported();
    writer.commit()?;
    let (task, total) = (Task::Import, imported);
    observed.0.progress(Progress { task, done: total, total });
    match failed {
        Some((path, source)) => Err(Error::Import { path, imported, source: Box::new(source) }),
        None => Ok(imported),
    }
}

/// Text files of people, in whatever encoding they have.
fn lines(path: &Path) -> exchange::Result<Box<dyn Iterator<Item = TextLine>>> {
    let lines =
        clip_data::text::lines(path).map_err(|error| exchange::Error::Text(error.into()))?;
    Ok(Box::new(lines.map(|line| {
        let line = line?;
        Ok((line.number, line.text))
    })))
}

/// What is wrong with a record.
#[derive(Debug, thiserror::Error)]
#[error("record {number}: {reason}")]
struct WrongRecord {
    number: usize,
    reason: String,
}

/// Hears of an import as of other work.
struct Observed<'a>(&'a mut dyn Observer);

impl ImportObserver for Observed<'_> {
    fn progress(&mut self, done: usize) {
        // Nobody knows how many there will be.
        self.0.progress(Progress { task: Task::Import, done, total: usize::MAX });
    }

    fn skipped(&mut self, file: &Path, number: usize, error: &exchange::Error) {
        let error = WrongRecord { number, reason: with_causes(error) };
        self.0.skipped(&Content::Path(file.to_owned()), &error);
    }

    fn warning(&mut self, warning: exchange::Warning<'_>) {
        if let exchange::Warning::NoProvenance { file, model } = warning {
            let (file, model) = (file.to_owned(), model.to_owned());
            self.0.warning(Warning::NoProvenance { file, model });
        }
    }

    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}
