//! Opening reads the text columns only. A picture is read by skipping to its row, which
//! decompresses one page, not its row group.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clip_preprocess::extensions;
use parquet::basic::Type;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};

use crate::fields::{Draft, role};
use crate::source::{Index, Place, Skipped, io};
use crate::{Error, Result};

/// Columns that may hold the bytes of a picture, besides those named by an ending; `image.bytes` is how
/// the Hub's data sets do it.
const PICTURES: &[&str] = &["image", "image.bytes", "bytes"];

/// An open Parquet file.
pub(crate) struct Table {
    path: PathBuf,
    column: usize,
    /// Readers that nobody uses just now. A reader moves its file's position, so each has its own.
    idle: Mutex<Vec<SerializedFileReader<File>>>,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("path", &self.path).finish_non_exhaustive()
    }
}

fn damaged(path: &Path, reason: impl ToString) -> Error {
    Error::Damaged { path: path.to_owned(), reason: reason.to_string() }
}

fn open(path: &Path) -> Result<SerializedFileReader<File>> {
    let file = File::open(path).map_err(|source| io(path, source))?;
    SerializedFileReader::new(file).map_err(|error| damaged(path, error))
}

/// Indexes the rows that have a picture and a text.
pub(crate) fn index(path: &Path, class_names: Option<&[String]>) -> Result<Index> {
    let reader = open(path)?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let columns = schema.columns();
    let names: Vec<String> = columns.iter().map(|column| column.path().string()).collect();
    let at = |wanted: &str| names.iter().position(|name| name.eq_ignore_ascii_case(wanted));
    let bytes = |at: &usize| columns[*at].physical_type() == Type::BYTE_ARRAY;
    let named = extensions().chain(PICTURES.iter().copied());
    let Some(picture) = named.filter_map(at).find(bytes) else {
        return Err(Error::MissingColumn {
            path: path.to_owned(),
            missing: "the picture",
            found: names.join(", "),
            expected: "jpg, webp, png or image, with the bytes of the file",
        });
    };
    let status = at("status");
    let flat = |at: usize| columns[at].max_rep_level() == 0 && at != picture;
    let texts: Vec<_> = (0..names.len())
        .filter(|at| flat(*at))
        .filter_map(|at| role(&names[at]).map(|role| (at, role)))
        .collect();

    let groups = reader.num_row_groups();
    let table = Table { path: path.to_owned(), column: picture, idle: Mutex::default() };
    let table = Arc::new(table);
    let mut index = Index::default();
    let (mut failed, mut without_text) = (Skipped::default(), Skipped::default());
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut first_row = 0;
    for group in 0..groups {
        let fail = |error| damaged(path, error);
        let row_group = reader.get_row_group(group).map_err(fail)?;
        let rows = usize::try_from(row_group.metadata().num_rows()).unwrap_or(0);
        let column = |at: usize| words(row_group.as_ref(), at, rows).map_err(fail);
        let mut drafts: Vec<Draft> = std::iter::repeat_with(Draft::default).take(rows).collect();
        for (at, role) in &texts {
            for (draft, text) in drafts.iter_mut().zip(column(*at)?) {
                if let Some(text) = text {
                    draft.set(*role, &text);
                }
            }
        }
        let states = status.map(column).transpose()?;
        for (row, mut draft) in drafts.into_iter().enumerate() {
            let key = format!("{stem}/{}", first_row + row);
            let state = states.as_ref().and_then(|states| states.get(row)?.as_deref());
            if state.is_some_and(|state| state != "success") {
                failed.add(key);
            } else if draft.complete(&key, class_names) {
                let place = Place::Row { table: Arc::clone(&table), group, row };
                index.samples.push((draft.sample, place));
            } else {
                without_text.add(key);
            }
        }
        first_row += rows;
    }
    failed.report(path, "its download failed", &mut index.problems);
    without_text.report(path, "has no text", &mut index.problems);
    Ok(index)
}

impl Table {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of the picture in a row.
    pub(crate) fn picture(&self, group: usize, row: usize) -> Result<Vec<u8>> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let reader = match kept {
            Some(reader) => reader,
            None => open(&self.path)?,
        };
        let read = || -> std::result::Result<Option<ByteArray>, ParquetError> {
            match reader.get_row_group(group)?.get_column_reader(self.column)? {
                ColumnReader::ByteArrayColumnReader(mut column) => {
                    column.skip_records(row)?;
                    let mut values = values(&mut column, 1)?;
                    Ok(values.pop().flatten())
                }
                _ => Ok(None),
            }
        };
        let bytes = read().map_err(|error| damaged(&self.path, error))?;
        idle().push(reader);
        match bytes {
            Some(bytes) => Ok(bytes.data().to_vec()),
            None => Err(damaged(&self.path, format!("row {row} of group {group} is empty"))),
        }
    }
}

/// A column as text. Columns of other types than text and whole numbers are empty.
fn words(
    group: &dyn RowGroupReader,
    at: usize,
    rows: usize,
) -> std::result::Result<Vec<Option<String>>, ParquetError> {
    fn write<T: ToString>(values: Vec<Option<T>>) -> Vec<Option<String>> {
        values.into_iter().map(|value| value.map(|value| value.to_string())).collect()
    }
    Ok(match group.get_column_reader(at)? {
        ColumnReader::ByteArrayColumnReader(mut column) => {
            let texts = values(&mut column, rows)?.into_iter();
            texts.map(|text| Some(String::from_utf8_lossy(text?.data()).into_owned())).collect()
        }
        ColumnReader::Int32ColumnReader(mut column) => write(values(&mut column, rows)?),
        ColumnReader::Int64ColumnReader(mut column) => write(values(&mut column, rows)?),
        _ => vec![None; rows],
    })
}

/// The next values of a column that is no list, with a gap for each null.
fn values<T: DataType>(
    column: &mut ColumnReaderImpl<T>,
    rows: usize,
) -> std::result::Result<Vec<Option<T::T>>, ParquetError> {
    let (mut defined, mut found) = (Vec::new(), Vec::new());
    let (read, filled, _) = column.read_records(rows, Some(&mut defined), None, &mut found)?;
    if filled == read {
        return Ok(found.into_iter().map(Some).collect());
    }
    // A value is there where the level is the highest; below lie nulls of the field or around it.
    let highest = defined.iter().max().copied();
    let mut found = found.into_iter();
    let value = |level: &i16| if Some(*level) == highest { found.next() } else { None };
    Ok(defined.iter().map(value).collect())
}
