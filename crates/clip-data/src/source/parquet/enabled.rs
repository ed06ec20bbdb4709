//! Opening reads the text columns only. A picture is read by skipping to its row, which
//! decompresses one page, not its row group.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clip_preprocess::extensions;
use parquet::basic::{Compression, Type};
use parquet::column::reader::ColumnReader;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::class_names;
use super::columns::{Levels, TextColumn, Values, values};
use crate::error::io;
use crate::fields::{Draft, Role};
use crate::source::{Index, Place, Skipped};
use crate::{Error, Result};

/// Columns that may hold the bytes of a picture, besides those named by an ending; `image.bytes` is how
/// the data sets of the Hub do it.
const PICTURES: &[&str] = &["image", "image.bytes", "img", "img.bytes", "bytes"];

/// An open Parquet file.
pub(crate) struct Table {
    path: PathBuf,
    column: usize,
    levels: Levels,
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

/// The columns that are read.
struct Columns {
    picture: usize,
    status: Option<TextColumn>,
    texts: Vec<TextColumn>,
    /// Names of the classes by number, where the file has them.
    class_names: Option<Vec<String>>,
}

impl Columns {
    fn of(path: &Path, reader: &SerializedFileReader<File>) -> Result<Self> {
        let metadata = reader.metadata().file_metadata();
        let columns = metadata.schema_descr().columns();
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
        let status = at("status").map(|at| TextColumn::new(at, &columns[at], Role::Key));
        let mut texts: Vec<TextColumn> = (0..columns.len())
            .filter(|at| *at != picture)
            .filter_map(|at| TextColumn::with_role(at, &columns[at]))
            .collect();
        let features = class_names::read(metadata);
        let classes = |at: usize| {
            features.iter().find(|(column, _)| *column == names[at]).map(|(_, names)| names.clone())
        };
        let is_label = |text: &TextColumn| matches!(text.role, Role::Label | Role::Class);
        if !texts.iter().any(|text| text.role == Role::Name || is_label(text)) {
            // CIFAR-100 has `fine_label` and `coarse_label`.
            let label = (0..columns.len()).find(|at| classes(*at).is_some());
            texts.extend(label.map(|at| TextColumn::new(at, &columns[at], Role::Label)));
        }
        let class_names =
            texts.iter().filter(|text| is_label(text)).find_map(|text| classes(text.at));
        let columns = Self { picture, status, texts, class_names };
        columns.check_compression(path, reader)?;
        Ok(columns)
    }

    /// Refuses a file of which a column that is read has a compression that is not.
    fn check_compression(&self, path: &Path, reader: &SerializedFileReader<File>) -> Result<()> {
        let texts = self.texts.iter().chain(&self.status).map(|text| text.at);
        let used: Vec<usize> = texts.chain([self.picture]).collect();
        for group in reader.metadata().row_groups() {
            for at in &used {
                let compression = match group.column(*at).compression() {
                    Compression::BROTLI(_) => "brotli",
                    Compression::LZO => "LZO",
                    _ => continue,
                };
                return Err(Error::Compression { path: path.to_owned(), compression });
            }
        }
        Ok(())
    }
}

/// Indexes the rows that have a picture and a text.
pub(crate) fn index(path: &Path, class_names: Option<&[String]>) -> Result<Index> {
    let reader = open(path)?;
    let columns = Columns::of(path, &reader)?;
    let class_names = class_names.or(columns.class_names.as_deref());
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let groups = reader.num_row_groups();
    let table = Table {
        path: path.to_owned(),
        column: columns.picture,
        levels: Levels::of(&schema.column(columns.picture)),
        idle: Mutex::default(),
    };
    let table = Arc::new(table);
    let mut index = Index::default();
    let (mut failed, mut without_text) = (Skipped::default(), Skipped::default());
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut first_row = 0;
    for group in 0..groups {
        let fail = |error| damaged(path, error);
        let row_group = reader.get_row_group(group).map_err(fail)?;
        let rows = usize::try_from(row_group.metadata().num_rows()).unwrap_or(0);
        let read = |column: &TextColumn| column.read(row_group.as_ref(), rows).map_err(fail);
        let mut drafts: Vec<Draft> = std::iter::repeat_with(Draft::default).take(rows).collect();
        for column in &columns.texts {
            for (draft, texts) in drafts.iter_mut().zip(read(column)?) {
                let mut texts = texts.iter().map(String::as_str);
                match column.is_list {
                    true => draft.set_list(column.role, texts),
                    false => texts.next().into_iter().for_each(|text| draft.set(column.role, text)),
                }
            }
        }
        let states = columns.status.as_ref().map(read).transpose()?;
        for (row, mut draft) in drafts.into_iter().enumerate() {
            let key = format!("{stem}/{}", first_row + row);
            let state = states.as_ref().and_then(|states| states.get(row)?.first());
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
    index.class_names = columns.class_names;
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
        let read = || -> std::result::Result<Option<Vec<u8>>, ParquetError> {
            match reader.get_row_group(group)?.get_column_reader(self.column)? {
                ColumnReader::ByteArrayColumnReader(mut column) => {
                    column.skip_records(row)?;
                    let rows: Values<_> = values(&mut column, self.levels, 1)?;
                    Ok(rows.into_iter().flatten().next().map(|bytes| bytes.data().to_vec()))
                }
                _ => Ok(None),
            }
        };
        let bytes = read().map_err(|error| damaged(&self.path, error))?;
        idle().push(reader);
        bytes.ok_or_else(|| Error::NoPicture { path: self.path.clone(), group, row })
    }
}
