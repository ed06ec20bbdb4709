//! Tables of text with a header: CSV and TSV as spreadsheets and other programs write them.

mod quoting;

use std::io::{Cursor, Read, SeekFrom};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Reader, ReaderBuilder};

use self::quoting::{Quoting, first_line};
use crate::{Error, Result, text};

/// What a quotation mark at the start of a field means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// That the field ends at the next one, as RFC 4180 has it.
    Csv,
    /// The same where one follows at the end of the field; else it is part of the text.
    Tsv,
}

/// What may stand between the columns; the first that fits is taken.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// A table of text with a header, in any encoding that [`text`] knows.
///
/// What separates the columns is seen from the header, for a `.csv` of a spreadsheet has semicolons
/// in half of Europe, and that of OpenCLIP tabs. In a `.csv` a field in quotation marks may hold
/// delimiters and line ends (RFC 4180); in any other file too, but there a quotation mark that
/// nothing closes is part of the text, since many programs write TSV as it comes.
///
/// ```
/// use clip_data::TextTable;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("texts.csv");
///
/// std::fs::write(&path, "id;text\n7;\"a dog\nin the sun\"\n")?;
/// let table = TextTable::open(&path, |column| column == "text")?;
/// assert_eq!(table.header(), ["id", "text"]);
/// for row in table {
///     let row = row?;
///     assert_eq!((row.line, row.get(1)), (2, "a dog\nin the sun"));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TextTable {
    path: PathBuf,
    reader: Reader<Cursor<Vec<u8>>>,
    delimiter: u8,
    dialect: Dialect,
    header: Vec<String>,
    /// Where the next row begins.
    offset: usize,
    line: u64,
}

/// A row of a [`TextTable`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRow {
    /// The line in which it begins, from 1.
    pub line: u64,
    fields: Vec<String>,
}

impl TableRow {
    /// The field of a column; empty where the row ends before it.
    pub fn get(&self, column: usize) -> &str {
        self.fields.get(column).map_or("", String::as_str)
    }

    /// All fields.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }
}

impl TextTable {
    /// Opens a table and reads its header. `is_known` says which names of columns mean something
    /// to the caller.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] and [`Error::Io`]; [`Error::NotEncoded`] and [`Error::UnreadEncoding`]
    /// where the file is no text; [`Error::BadRow`] where its header cannot be understood.
    pub fn open(path: &Path, is_known: impl Fn(&str) -> bool) -> Result<Self> {
        let bytes = text::read_bytes(path)?;
        let is_csv = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
        let usual = if is_csv { b',' } else { b'\t' };
        // Excel's own hint, which it obeys and does not show.
        let hint = bytes.strip_prefix(b"sep=").and_then(|rest| match rest {
            [delimiter, b'\r' | b'\n', ..] => Some(*delimiter),
            _ => None,
        });
        let offset = if hint.is_some() { first_line(&bytes) } else { 0 };
        let rank = |delimiter: &u8| {
            let mut columns = ByteRecord::new();
            let _ = reader(&bytes[offset..], *delimiter).read_byte_record(&mut columns);
            let names = columns.iter().map(String::from_utf8_lossy);
            let known = names.filter(|name| is_known(name)).count();
            let is_usual = *delimiter == usual;
            (known, is_usual && columns.len() > 1, columns.len(), is_usual)
        };
        let best = || DELIMITERS.into_iter().max_by_key(rank).unwrap_or(usual);
        let delimiter = hint.unwrap_or_else(best);
        let is_tsv = delimiter == b'\t' && !is_csv;
        let dialect = if is_tsv { Dialect::Tsv } else { Dialect::Csv };
        let mut table = Self {
            path: path.to_owned(),
            reader: reader(Cursor::new(bytes), delimiter),
            delimiter,
            dialect,
            header: Vec::new(),
            offset: 0,
            line: 1,
        };
        if offset > 0 {
            table.go_to(offset, 2);
        }
        table.header = match table.record() {
            Some(row) => row?.fields,
            None => Vec::new(),
        };
        Ok(table)
    }

    /// The names of the columns.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The error that no column is there for something, with the names that are.
    pub fn missing(&self, missing: &'static str, expected: &'static str) -> Error {
        let found = match &self.header[..] {
            [] => "none, for the file is empty".to_owned(),
            [only] => format!("{only}; commas, tabs, semicolons and bars are what separates them"),
            several => several.join(", "),
        };
        Error::MissingColumn { path: self.path.clone(), missing, found, expected }
    }

    /// An error about a row.
    pub fn bad_row(&self, line: u64, reason: impl Into<String>) -> Error {
        Error::BadRow { path: self.path.clone(), line, reason: reason.into() }
    }

    fn text(&self) -> &[u8] {
        self.reader.get_ref().get_ref()
    }

    /// Goes on reading at that byte, the first of that line.
    fn go_to(&mut self, offset: usize, line: u64) {
        let mut position = csv::Position::new();
        position.set_byte(offset as u64);
        let start = SeekFrom::Start(offset as u64);
        self.reader.seek_raw(start, position).expect("any place in memory can be read");
        (self.offset, self.line) = (offset, line);
    }

    /// The next row, of as many fields as it has.
    fn record(&mut self) -> Option<Result<TableRow>> {
        let blank = |text: &[u8]| text.iter().take_while(|byte| is_line_end(**byte)).count();
        let start = self.offset + blank(&self.text()[self.offset..]);
        let line = self.line + text::line_ends(&self.text()[self.offset..start]);
        let mut record = ByteRecord::new();
        let found = self.reader.read_byte_record(&mut record).expect("memory can be read");
        if !found {
            return None;
        }
        // The reader ends a record at the first byte of a line end.
        let end = self.reader.position().byte() as usize;
        let end = if self.text()[..end].ends_with(b"\r") && self.text()[end..].starts_with(b"\n") {
            end + 1
        } else {
            end
        };
        let raw = &self.text()[start..end];
        match (quoting::check(raw, self.delimiter, self.dialect), self.dialect) {
            (Quoting::Closed, _) => {
                (self.line, self.offset) = (line + text::line_ends(raw), end);
            }
            (Quoting::Open { .. }, Dialect::Tsv) => {
                let length = first_line(raw);
                let fields = without_line_end(&raw[..length]).split(|byte| *byte == self.delimiter);
                record = fields.collect::<Vec<_>>().into();
                self.go_to(start + length, line + 1);
            }
            (Quoting::Open { at }, Dialect::Csv) => {
                let opened = line + text::line_ends(&raw[..at]);
                let next = start + at + first_line(&raw[at..]);
                self.go_to(next, opened + 1);
                let reason = "a quotation mark opens a text here and none closes it: close it, or write it twice if it belongs to the text";
                return Some(Err(self.bad_row(opened, reason)));
            }
        }
        let fields = record.iter().map(|field| str::from_utf8(field).map(str::to_owned));
        Some(match fields.collect() {
            Ok(fields) => Ok(TableRow { line, fields }),
            Err(_) => Err(self.bad_row(line, "this is not UTF-8: save the file as UTF-8")),
        })
    }
}

/// Rows that cannot be understood are errors, and the next can be read.
impl Iterator for TextTable {
    type Item = Result<TableRow>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = match self.record()? {
            Ok(row) => row,
            Err(error) => return Some(Err(error)),
        };
        let (columns, fields) = (self.header.len(), row.fields.len());
        // Spreadsheets write empty columns to the right.
        if row.fields.iter().skip(columns).any(|field| !field.trim().is_empty()) {
            let reason = format!(
                "it has {fields} columns and the header {columns}: put quotation marks around a text with the delimiter in it"
            );
            return Some(Err(self.bad_row(row.line, reason)));
        }
        Some(Ok(row))
    }
}

fn reader<R: Read>(input: R, delimiter: u8) -> Reader<R> {
    ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(input)
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let ends = line.iter().rev().take_while(|byte| is_line_end(**byte)).count();
    &line[..line.len() - ends]
}
