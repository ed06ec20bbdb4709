//! With the feature.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{
    SerializedColumnWriter, SerializedFileWriter, SerializedRowGroupWriter,
};
use parquet::record::{Field, Row};
use parquet::schema::parser::parse_message_type;

use super::Names;
use crate::exchange::{Entry, Error, Provenance, Record, Result, Sink};

/// Names and types of the columns; `embedding` is read as a list of float by pandas, polars, DuckDB.
const SCHEMA: &str = "message items {
    required binary id (STRING);
    required binary modality (STRING);
    optional binary path (STRING);
    optional binary text (STRING);
    optional int64 size;
    optional int64 modified;
    optional binary hash (STRING);
    optional int64 width;
    optional int64 height;
    optional int64 taken;
    optional double latitude;
    optional double longitude;
    required group tags (LIST) { repeated group list { required binary element (STRING); } }
    required group keywords (LIST) { repeated group list { required binary element (STRING); } }
    required group added_tags (LIST) { repeated group list { required binary element (STRING); } }
    required group removed_tags (LIST) { repeated group list { required binary element (STRING); } }
    required group embedding (LIST) { repeated group list { required float element; } }
}";

/// What a file is read as.
const FORMAT: &str = "Parquet";

/// Rows that are written together.
const GROUP: usize = 4096;

/// Under which a file says whose vectors it holds.
const MODEL: &str = "clip.model";
const FINGERPRINT: &str = "clip.fingerprint";

/// A file that is written.
struct Table {
    path: PathBuf,
    writer: SerializedFileWriter<File>,
    provenance: Provenance,
    waiting: Vec<Record>,
}

pub(in crate::exchange) fn create(
    path: &Path,
    provenance: &Provenance,
    names: Names,
) -> Result<Box<dyn Sink>> {
    let file = File::create(path).map_err(Error::write(path))?;
    let schema = match names {
        Names::Own => SCHEMA.to_owned(),
        Names::Layout => SCHEMA
            .replace("binary path ", "binary image_path ")
            .replace("binary text ", "binary caption "),
    };
    let schema = Arc::new(parse_message_type(&schema).map_err(Error::write(path))?);
    let said = [(MODEL, &provenance.model), (FINGERPRINT, &provenance.fingerprint)];
    let said = said.map(|(key, value)| KeyValue::new(key.to_owned(), value.clone()));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        // Vectors hold no number twice.
        .set_dictionary_enabled(false)
        .set_key_value_metadata(Some(said.into()))
        .build();
    let writer = SerializedFileWriter::new(file, schema, Arc::new(properties));
    let writer = writer.map_err(Error::write(path))?;
    let (path, provenance) = (path.to_owned(), provenance.clone());
    Ok(Box::new(Table { path, writer, provenance, waiting: Vec::new() }))
}

impl Sink for Table {
    fn put(&mut self, entry: &Entry) -> Result<()> {
        let embedding = Some(entry.vector.clone());
        self.waiting.push(Record { embedding, ..Record::new(&entry.item, &self.provenance) });
        if self.waiting.len() >= GROUP { self.write() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.write()?;
        let Self { path, writer, .. } = *self;
        writer.close().map_err(Error::write(&path))?;
        Ok(())
    }
}

impl Table {
    fn write(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.waiting);
        let mut write = || -> parquet::errors::Result<()> {
            let mut group = Group { writer: self.writer.next_row_group()?, rows: &rows };
            group.texts(|row| row.id.clone(), Levels::Required)?;
            group.texts(|row| row.modality.clone(), Levels::Required)?;
            group.texts(|row| row.path.clone(), Levels::Optional)?;
            group.texts(|row| row.text.clone(), Levels::Optional)?;
            group.optional::<Int64Type>(|row| row.size)?;
            group.optional::<Int64Type>(|row| row.modified)?;
            group.texts(|row| row.hash.clone(), Levels::Optional)?;
            group.optional::<Int64Type>(|row| row.width)?;
            group.optional::<Int64Type>(|row| row.height)?;
            group.optional::<Int64Type>(|row| row.taken)?;
            group.optional::<DoubleType>(|row| row.latitude)?;
            group.optional::<DoubleType>(|row| row.longitude)?;
            let words = |words: &[String]| words.iter().map(|word| word.as_str().into()).collect();
            group.lists::<ByteArrayType>(|row| words(&row.tags))?;
            group.lists::<ByteArrayType>(|row| words(&row.keywords))?;
            group.lists::<ByteArrayType>(|row| words(&row.added_tags))?;
            group.lists::<ByteArrayType>(|row| words(&row.removed_tags))?;
            group.lists::<FloatType>(|row| row.embedding.clone().unwrap_or_default())?;
            group.writer.close()?;
            Ok(())
        };
        write().map_err(Error::write(&self.path))
    }
}

/// Whether each row of a column has a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Levels {
    Required,
    Optional,
}

/// Rows that are written column by column.
struct Group<'a> {
    writer: SerializedRowGroupWriter<'a, File>,
    rows: &'a [Record],
}

impl Group<'_> {
    fn next(&mut self) -> parquet::errors::Result<SerializedColumnWriter<'_>> {
        let column = self.writer.next_column()?;
        column.ok_or_else(|| parquet::errors::ParquetError::General("no such column".to_owned()))
    }

    fn texts(
        &mut self,
        value: impl Fn(&Record) -> Option<String>,
        levels: Levels,
    ) -> parquet::errors::Result<()> {
        let value = |row: &Record| value(row).map(|text| ByteArray::from(text.into_bytes()));
        self.column::<ByteArrayType>(value, levels)
    }

    fn optional<T: DataType>(
        &mut self,
        value: impl Fn(&Record) -> Option<T::T>,
    ) -> parquet::errors::Result<()> {
        self.column::<T>(value, Levels::Optional)
    }

    fn column<T: DataType>(
        &mut self,
        value: impl Fn(&Record) -> Option<T::T>,
        levels: Levels,
    ) -> parquet::errors::Result<()> {
        let values: Vec<Option<T::T>> = self.rows.iter().map(value).collect();
        let definitions: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
        let values: Vec<T::T> = values.into_iter().flatten().collect();
        let mut column = self.next()?;
        let definitions = (levels == Levels::Optional).then_some(definitions.as_slice());
        column.typed::<T>().write_batch(&values, definitions, None)?;
        column.close()
    }

    /// A list without a value counts as one place that has none.
    fn lists<T: DataType>(
        &mut self,
        values: impl Fn(&Record) -> Vec<T::T>,
    ) -> parquet::errors::Result<()> {
        let (mut all, mut definitions, mut repetitions) = (Vec::new(), Vec::new(), Vec::new());
        for values in self.rows.iter().map(values) {
            definitions.extend(values.iter().map(|_| 1));
            repetitions.extend((0..values.len()).map(|i| i16::from(i > 0)));
            if values.is_empty() {
                definitions.push(0);
                repetitions.push(0);
            }
            all.extend(values);
        }
        let mut column = self.next()?;
        column.typed::<T>().write_batch(&all, Some(&definitions), Some(&repetitions))?;
        column.close()
    }
}

/// Calls `take` with the record of every row, whatever order and types its columns have.
pub(in crate::exchange) fn read(
    path: &Path,
    take: &mut dyn FnMut(Record) -> Result<()>,
) -> Result<()> {
    let file = File::open(path).map_err(Error::read(path, FORMAT))?;
    let reader = SerializedFileReader::new(file).map_err(Error::read(path, FORMAT))?;
    check_compression(path, &reader)?;
    let said = reader.metadata().file_metadata().key_value_metadata();
    let said = |key: &str| {
        let pair = said?.iter().find(|pair| pair.key == key)?;
        pair.value.clone()
    };
    let (model, fingerprint) = (said(MODEL), said(FINGERPRINT));
    for row in reader.get_row_iter(None).map_err(Error::read(path, FORMAT))? {
        let record = record(&row.map_err(Error::read(path, FORMAT))?);
        take(Record { model: model.clone(), fingerprint: fingerprint.clone(), ..record })?;
    }
    Ok(())
}

/// Says of a file that is whole why it is not read.
fn check_compression(path: &Path, reader: &SerializedFileReader<File>) -> Result<()> {
    let groups = reader.metadata().row_groups().iter();
    for column in groups.flat_map(|group| group.columns()) {
        let compression = match column.compression() {
            Compression::BROTLI(_) => "brotli",
            Compression::LZO => "LZO",
            _ => continue,
        };
        return Err(Error::Compression { path: path.to_owned(), compression });
    }
    Ok(())
}

fn record(row: &Row) -> Record {
    let mut record = Record::default();
    for (name, field) in row.get_column_iter() {
        match name.as_str() {
            "id" => record.id = text(field),
            "modality" => record.modality = text(field),
            "path" | "image_path" => record.path = text(field),
            "text" | "caption" => record.text = text(field),
            "size" => record.size = whole(field),
            "modified" => record.modified = whole(field),
            "hash" => record.hash = text(field),
            "width" => record.width = whole(field),
            "height" => record.height = whole(field),
            "taken" => record.taken = whole(field),
            "latitude" => record.latitude = number(field),
            "longitude" => record.longitude = number(field),
            "tags" => record.tags = list(field, text).unwrap_or_default(),
            "keywords" => record.keywords = list(field, text).unwrap_or_default(),
            "added_tags" => record.added_tags = list(field, text).unwrap_or_default(),
            "removed_tags" => record.removed_tags = list(field, text).unwrap_or_default(),
            "embedding" | "vector" => {
                record.embedding = embedding(field);
            }
            _ => {}
        }
    }
    record
}

fn text(field: &Field) -> Option<String> {
    match field {
        Field::Str(text) => Some(text.clone()),
        Field::Bytes(bytes) => String::from_utf8(bytes.data().to_vec()).ok(),
        field => whole(field).map(|number| number.to_string()),
    }
}

fn whole(field: &Field) -> Option<i64> {
    match field {
        Field::Byte(number) => Some((*number).into()),
        Field::Short(number) => Some((*number).into()),
        Field::Int(number) => Some((*number).into()),
        Field::Long(number) => Some(*number),
        Field::UByte(number) => Some((*number).into()),
        Field::UShort(number) => Some((*number).into()),
        Field::UInt(number) => Some((*number).into()),
        Field::ULong(number) => i64::try_from(*number).ok(),
        _ => None,
    }
}

fn number(field: &Field) -> Option<f64> {
    match field {
        Field::Float16(number) => Some(number.to_f64()),
        Field::Float(number) => Some((*number).into()),
        Field::Double(number) => Some(*number),
        field => whole(field).map(|number| number as f64),
    }
}

/// None of a column of another type; empty of a row without one.
fn embedding(field: &Field) -> Option<Vec<f32>> {
    let value = |field: &Field| match field {
        Field::Null => Some(f32::NAN),
        field => number(field).map(|number| number as f32),
    };
    if *field == Field::Null { Some(Vec::new()) } else { list(field, value) }
}

fn list<T>(field: &Field, value: impl Fn(&Field) -> Option<T>) -> Option<Vec<T>> {
    match field {
        Field::ListInternal(list) => list.elements().iter().map(value).collect(),
        _ => None,
    }
}
