//! Text columns of Parquet files: one text a row, or a list of them.

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::RowGroupReader;
use parquet::schema::types::ColumnDescriptor;

use crate::fields::{Role, role};

/// The values of each row; a null has none, and a list may have several.
pub(super) type Values<T> = Vec<Vec<T>>;

/// The groups around the elements of a list, as Parquet's rules for lists and older writers of them
/// name them.
const LISTS: &[&str] = &["list", "element", "item", "array", "array_element", "bag"];

/// What the elements of a list of captions call the text, where they have more fields.
const CAPTIONS: &[&str] = &["raw", "text", "caption", "sentence"];

/// The highest levels of a column: a value is there where its definition level is the highest, and
/// a row begins where the repetition level is 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Levels {
    definition: i16,
    repetition: i16,
}

impl Levels {
    pub(super) fn of(column: &ColumnDescriptor) -> Self {
        Self { definition: column.max_def_level(), repetition: column.max_rep_level() }
    }
}

/// A column that says something about the picture.
#[derive(Debug, Clone)]
pub(super) struct TextColumn {
    pub(super) at: usize,
    pub(super) role: Role,
    pub(super) is_list: bool,
    levels: Levels,
}

impl TextColumn {
    pub(super) fn new(at: usize, column: &ColumnDescriptor, role: Role) -> Self {
        Self { at, role, is_list: column.max_rep_level() > 0, levels: Levels::of(column) }
    }

    /// None where the name says nothing; lists are captions or keywords alone.
    pub(super) fn with_role(at: usize, column: &ColumnDescriptor) -> Option<Self> {
        let (name, fields) = column.path().parts().split_first()?;
        let role = role(name)?;
        let may_be_list = matches!(role, Role::Caption | Role::Keywords);
        let mut fields = fields.iter().map(String::as_str).filter(|name| !LISTS.contains(name));
        let is_text = match (fields.next(), fields.next()) {
            (None, _) => column.max_rep_level() == 0 || may_be_list,
            (Some(field), None) => role == Role::Caption && CAPTIONS.contains(&field),
            _ => false,
        };
        is_text.then(|| Self::new(at, column, role))
    }

    /// The texts of each row. Numbers are written out; columns of other types are empty.
    pub(super) fn read(
        &self,
        group: &dyn RowGroupReader,
        rows: usize,
    ) -> Result<Values<String>, ParquetError> {
        let levels = self.levels;
        Ok(match group.get_column_reader(self.at)? {
            ColumnReader::ByteArrayColumnReader(mut column) => {
                let text = |text: &parquet::data_type::ByteArray| {
                    String::from_utf8_lossy(text.data()).into_owned()
                };
                write(values(&mut column, levels, rows)?, text)
            }
            ColumnReader::Int32ColumnReader(mut column) => {
                write(values(&mut column, levels, rows)?, i32::to_string)
            }
            ColumnReader::Int64ColumnReader(mut column) => {
                write(values(&mut column, levels, rows)?, i64::to_string)
            }
            ColumnReader::FloatColumnReader(mut column) => {
                write(values(&mut column, levels, rows)?, |n| number(f64::from(*n)))
            }
            ColumnReader::DoubleColumnReader(mut column) => {
                write(values(&mut column, levels, rows)?, |n| number(*n))
            }
            _ => vec![Vec::new(); rows],
        })
    }
}

fn write<T>(rows: Values<T>, text: impl Fn(&T) -> String) -> Values<String> {
    rows.iter().map(|row| row.iter().map(&text).collect()).collect()
}

/// pandas keeps numbers with gaps as floating point, and a gap as NaN.
fn number(number: f64) -> String {
    if number.is_nan() { String::new() } else { number.to_string() }
}

/// The values of the next rows of a column.
pub(super) fn values<T: DataType>(
    column: &mut ColumnReaderImpl<T>,
    levels: Levels,
    rows: usize,
) -> Result<Values<T::T>, ParquetError> {
    let (mut definitions, mut repetitions, mut found) = (Vec::new(), Vec::new(), Vec::new());
    let definition = (levels.definition > 0).then_some(&mut definitions);
    let repetition = (levels.repetition > 0).then_some(&mut repetitions);
    column.read_records(rows, definition, repetition, &mut found)?;
    let found = found.into_iter();
    if levels.definition == 0 {
        return Ok(found.map(|value| vec![value]).collect());
    }
    let mut found = found;
    let mut values: Values<T::T> = Vec::with_capacity(rows);
    for (at, definition) in definitions.iter().enumerate() {
        if repetitions.get(at).is_none_or(|level| *level == 0) {
            values.push(Vec::new());
        }
        if let (true, Some(row)) = (*definition == levels.definition, values.last_mut()) {
            row.extend(found.next());
        }
    }
    Ok(values)
}
