//! An object a line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{Entry, Error, Provenance, Record, Result, Sink};

/// A file of lines that is written.
pub(super) struct Writer {
    path: PathBuf,
    out: BufWriter<File>,
    provenance: Provenance,
}

impl Writer {
    pub(super) fn create(path: &Path, provenance: &Provenance) -> Result<Self> {
        let file = File::create(path).map_err(Error::write(path))?;
        let provenance = provenance.clone();
        Ok(Self { path: path.to_owned(), out: BufWriter::new(file), provenance })
    }

    /// Writes an item without its vector.
    pub(super) fn put_item(&mut self, entry: &Entry) -> Result<()> {
        let record = Record::new(&entry.item, &self.provenance);
        self.line(&record)
    }

    fn line(&mut self, record: &Record) -> Result<()> {
        serde_json::to_writer(&mut self.out, record)
            .map_err(io::Error::from)
            .and_then(|()| self.out.write_all(b"\n"))
            .map_err(Error::write(&self.path))
    }
}

impl Sink for Writer {
    fn put(&mut self, entry: &Entry) -> Result<()> {
        let record = Record::new(&entry.item, &self.provenance);
        self.line(&Record { embedding: Some(entry.vector.clone()), ..record })
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.out.flush().map_err(Error::write(&self.path))
    }
}

/// A line of a text, without what ends it, and its number, from 1.
pub type TextLine = Result<(u64, String), Box<dyn std::error::Error + Send + Sync>>;

/// Opens the lines of a text, in whatever encoding it has.
pub type TextLines<'a> = &'a dyn Fn(&Path) -> Result<Box<dyn Iterator<Item = TextLine>>>;

/// The lines of a text in UTF-8, as the standard of JSON lines wants it; a byte order mark is left out.
///
/// # Errors
///
/// Where the file cannot be opened.
pub fn lines(path: &Path) -> Result<Box<dyn Iterator<Item = TextLine>>> {
    let named = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|error| Error::Text(named(path, error).into()))?;
    let path = path.to_owned();
    let line = move |(number, line): (u64, io::Result<String>)| -> TextLine {
        let line = line.map_err(|error| named(&path, error))?;
        let line = line.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(line);
        Ok((number, line))
    };
    Ok(Box::new((1..).zip(BufReader::new(file).lines()).map(line)))
}

/// Calls `take` with the record of every line.
pub(super) fn read(
    path: &Path,
    open_text: TextLines<'_>,
    take: &mut dyn FnMut(Record) -> Result<()>,
) -> Result<()> {
    for line in open_text(path)? {
        let (number, text) = line.map_err(Error::Text)?;
        if !text.trim().is_empty() {
            let record = serde_json::from_str(&text).map_err(Error::from);
            record.and_then(&mut *take).map_err(|error| match error {
                error @ (Error::Json(_) | Error::NoEmbedding) => {
                    Error::Line { number, path: path.to_owned(), source: Box::new(error) }
                }
                // Not of the line, but of the file or of the one who takes it.
                error => error,
            })?;
        }
    }
    Ok(())
}
