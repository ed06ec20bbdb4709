//! An object a line.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clip_data::text::{self, Line};

use super::{Entry, Origin, Record, Sink};

/// A file of lines that is written.
pub(super) struct Lines {
    path: PathBuf,
    out: BufWriter<File>,
    origin: Origin,
}

impl Lines {
    pub(super) fn create(path: &Path, origin: &Origin) -> Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path: path.to_owned(), out: BufWriter::new(file), origin: origin.clone() })
    }

    /// Writes an item without its vector.
    pub(super) fn put_item(&mut self, entry: &Entry) -> Result<()> {
        self.line(&Record::new(&entry.item, &self.origin))
    }

    fn line(&mut self, record: &Record) -> Result<()> {
        serde_json::to_writer(&mut self.out, record)
            .map_err(std::io::Error::from)
            .and_then(|()| self.out.write_all(b"\n"))
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

impl Sink for Lines {
    fn put(&mut self, entry: &Entry) -> Result<()> {
        let record = Record::new(&entry.item, &self.origin);
        self.line(&Record { embedding: Some(entry.vector.clone()), ..record })
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.out.flush().with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Calls `take` with the record of every line.
pub(super) fn read(path: &Path, take: &mut dyn FnMut(Record) -> Result<()>) -> Result<()> {
    let shown = path.display();
    for line in text::lines(path)? {
        let Line { number, text } = line?;
        if !text.trim().is_empty() {
            let record = serde_json::from_str(&text).map_err(anyhow::Error::from);
            record.and_then(&mut *take).with_context(|| format!("line {number} of {shown}"))?;
        }
    }
    Ok(())
}
