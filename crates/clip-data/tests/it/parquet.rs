//! Parquet files as img2dataset writes them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::common::{format, names, open, refusal};
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

/// Key, caption, picture, status.
type Row<'a> = (&'a str, Option<&'a str>, Option<Vec<u8>>, &'a str);

const SCHEMA: &str = "message m {
    required binary key (UTF8); optional binary caption (UTF8); optional binary jpg;
    required binary status (UTF8); required int32 width; }";

fn optional(group: &mut SerializedRowGroupWriter<'_, std::fs::File>, values: &[Option<Vec<u8>>]) {
    let mut column = group.next_column().unwrap().unwrap();
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let values: Vec<ByteArray> = values.iter().flatten().cloned().map(ByteArray::from).collect();
    column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).unwrap();
    column.close().unwrap();
}

fn required(group: &mut SerializedRowGroupWriter<'_, std::fs::File>, values: &[&str]) {
    let mut column = group.next_column().unwrap().unwrap();
    let values: Vec<ByteArray> = values.iter().map(|value| ByteArray::from(*value)).collect();
    column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
    column.close().unwrap();
}

/// Small pages, so that a picture is not in the first.
fn write(path: &Path, groups: &[&[Row<'_>]]) {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = WriterProperties::builder()
        .set_data_page_size_limit(4096)
        .set_write_batch_size(1)
        .set_dictionary_enabled(false)
        .build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
    for rows in groups {
        let mut group = writer.next_row_group().unwrap();
        required(&mut group, &rows.iter().map(|row| row.0).collect::<Vec<_>>());
        let captions = rows.iter().map(|row| row.1.map(|text| text.as_bytes().to_vec()));
        optional(&mut group, &captions.collect::<Vec<_>>());
        optional(&mut group, &rows.iter().map(|row| row.2.clone()).collect::<Vec<_>>());
        required(&mut group, &rows.iter().map(|row| row.3).collect::<Vec<_>>());
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int32Type>().write_batch(&vec![9; rows.len()], None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
}

#[test]
fn rows_are_read_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("00000.parquet");
    let (dog, cat) = (format("dog-baseline.jpg"), format("cat-lossy.webp"));
    let ok = |key, caption, bytes: &Vec<u8>| (key, Some(caption), Some(bytes.clone()), "success");
    write(
        &path,
        &[
            &[
                ("0", None, Some(dog.clone()), "success"),
                ("1", Some("gone"), None, "failed_to_download"),
                ok("2", "a dog", &dog),
                ok("3", "a cat", &cat),
            ],
            &[ok("4", "another cat", &cat), ok("5", "another dog", &dog)],
        ],
    );
    let dataset = open(folder.path());
    assert_eq!(names(&dataset), ["a dog", "a cat", "another cat", "another dog"]);
    let keys: Vec<&str> = dataset.samples().iter().map(|sample| sample.key.as_str()).collect();
    assert_eq!(keys, ["2", "3", "4", "5"]);
    for (index, bytes) in [(3, &dog), (0, &dog), (2, &cat), (1, &cat)] {
        assert_eq!(&dataset.read(index).unwrap(), bytes);
    }
    let problems: Vec<String> = dataset.problems().iter().map(ToString::to_string).collect();
    assert!(problems[0].contains("download failed"), "{problems:?}");
    assert!(problems[1].contains("no text"), "{problems:?}");
    assert!(dataset.origin(2).contains("row 0 of group 1"));

    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(dataset.read(1).unwrap(), cat);
                    assert_eq!(dataset.read(3).unwrap(), dog);
                }
            });
        }
    });
}

#[test]
fn what_is_no_table_of_pictures_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    std::fs::write(&path, "PAR1 and no more").unwrap();
    assert!(refusal(&path).contains("damaged"));

    let schema = Arc::new(parse_message_type("message m { required binary caption; }").unwrap());
    let file = std::fs::File::create(&path).unwrap();
    SerializedFileWriter::new(file, schema, Arc::default()).unwrap().close().unwrap();
    let text = refusal(&path);
    assert!(text.contains("the picture") && text.contains("caption"), "{text}");
}

/// A file of `tests/data`, as pyarrow writes it.
fn pyarrow(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

#[test]
fn every_compression_is_read_or_named() {
    for name in ["gzip.parquet", "lz4.parquet"] {
        let dataset = open(&pyarrow(name));
        assert_eq!(names(&dataset), ["red", "green"], "{name}");
    }
    let refusal = refusal(&pyarrow("brotli.parquet"));
    assert!(
        refusal.contains("is compressed with brotli") && !refusal.contains("damaged"),
        "{refusal}"
    );
}

#[test]
fn lists_of_captions_are_captions() {
    let dataset = open(&pyarrow("flickr.parquet"));
    let captions: Vec<_> = dataset.samples().iter().map(|sample| &sample.captions[..]).collect();
    assert_eq!(captions, [&["one", "two\nlines"][..], &["only"], &["last"]]);
    assert_eq!(names(&dataset), ["one", "only", "last"]);
    let problems: Vec<String> = dataset.problems().iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("2 skipped, the first is flickr/1: has no text"), "{problems:?}");

    let dataset = open(&pyarrow("karpathy.parquet"));
    let first = dataset.sample(0);
    assert_eq!(
        (&first.captions[..], &first.keywords[..]),
        (&["one".into(), "two".into()][..], &["pet, small".into(), "animal".into()][..])
    );
    assert_eq!(dataset.sample(1).captions, ["three"]);
    assert_eq!(names(&dataset).len(), 2);
}

#[test]
fn class_names_come_with_the_file() {
    let dataset = open(&pyarrow("hub.parquet"));
    assert_eq!(names(&dataset), ["dog", "flower", "dog"]);
    assert_eq!(dataset.class_names().unwrap(), ["flower", "dog"]);
    assert_eq!(dataset.sample(0).class, Some(1));
    let dataset = open(&pyarrow("cifar.parquet"));
    assert_eq!(names(&dataset), ["cloud", "apple"]);
    assert!(dataset.problems()[0].reason.contains("has no text"));

    // A list beside the file is the user's own.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.parquet");
    std::fs::copy(pyarrow("hub.parquet"), &path).unwrap();
    std::fs::write(folder.path().join("classnames.txt"), "rose\npoodle\n").unwrap();
    assert_eq!(names(&open(&path)), ["poodle", "rose", "poodle"]);
}
