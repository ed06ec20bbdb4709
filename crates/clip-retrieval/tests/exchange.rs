//! Libraries and files of vectors, both ways.
#![cfg(all(feature = "sqlite", feature = "npy", feature = "parquet"))]

use std::fs;
use std::path::{Path, PathBuf};

use clip_retrieval::exchange::{
    self, Entry, Error, Format, ImportObserver, Importer, Provenance, Size, Warning, export, lines,
};
use clip_retrieval::{Facts, FileStamp, Filter, Item, Library, Precision, Store, UserTags};

const DIMENSION: usize = 3;

/// The library in a folder, made where there is none.
fn open(folder: &Path, dimension: usize) -> Library {
    Library::open_or_create(folder, "1", "tiny", dimension, Precision::F32).unwrap()
}

/// What was heard of an import.
#[derive(Default)]
struct Heard {
    skipped: Vec<String>,
    warnings: usize,
    imported: usize,
    /// After so many it is stopped.
    stop_after: Option<usize>,
}

impl ImportObserver for Heard {
    fn progress(&mut self, imported: usize) {
        self.imported = imported;
    }

    fn skipped(&mut self, _: &Path, record: usize, error: &Error) {
        self.skipped.push(format!("{record}: {error}"));
    }

    fn warning(&mut self, warning: Warning<'_>) {
        assert!(matches!(warning, Warning::NoProvenance { model: "tiny", .. }));
        self.warnings += 1;
    }

    fn is_cancelled(&self) -> bool {
        self.stop_after.is_some_and(|limit| self.imported >= limit)
    }
}

/// Puts a file into a library, which keeps what came before an error.
fn import(library: &Library, file: &Path, heard: &mut Heard) -> Result<usize, Error> {
    let mut writer = library.writer().unwrap();
    let mut importer = Importer::new(&mut *writer, &lines).unwrap();
    let done = importer.import(file, heard);
    let imported = importer.imported();
    writer.commit().unwrap();
    done.map(|()| imported)
}

/// Pictures and texts, with all that is known of some of them.
fn filled(folder: &Path) -> Library {
    let library = open(folder, DIMENSION);
    let facts = Facts {
        hash: Some([0xa7; 32]),
        size: Some([640, 480]),
        taken: Some(-5),
        place: Some([-12.5, 170.25]),
        tags: vec!["sea".to_owned()],
    };
    let user_tags = UserTags { added: ["mine".to_owned()].into(), ..UserTags::default() };
    let stamp = Some(FileStamp { size: 9, modified: -1 });
    let mut writer = library.write().unwrap();
    let dog = Item { facts, user_tags, ..Item::picture("/a/Hündin 🐕.jpg", stamp) };
    writer.upsert(&dog, &[1.0, 0.0, 0.0]).unwrap();
    writer.upsert(&Item::picture("/b.png", None).with_id("42"), &[0.0, 0.6, 0.8]).unwrap();
    writer.upsert(&Item::text("a dog"), &[0.0, 1.0, 0.0]).unwrap();
    writer.commit().unwrap();
    drop(writer);
    library
}

/// Every item with its vector, by id.
fn contents(library: &Library) -> Vec<(Item, Vec<f32>)> {
    let snapshot = library.snapshot().unwrap();
    let mut items = snapshot.items(&Filter::default()).unwrap();
    items.sort_by(|a, b| a.id.cmp(&b.id));
    items.iter().map(|item| snapshot.get(&item.id).unwrap().unwrap()).collect()
}

fn write(library: &Library, path: &Path, format: Format) -> Result<(), Error> {
    let snapshot = library.snapshot().unwrap();
    let items = snapshot.items(&Filter::default()).unwrap();
    export(&*snapshot, &items, path, format, &mut |_| true)
}

#[test]
fn what_is_exported_is_imported() {
    let folder = tempfile::tempdir().unwrap();
    let library = filled(&folder.path().join("library"));
    for (name, format) in [
        ("all.jsonl", Format::JsonLines),
        ("all.npy", Format::Npy),
        ("all.parquet", Format::Parquet),
        ("layout", Format::Layout),
    ] {
        let path = folder.path().join(name);
        write(&library, &path, format).unwrap();
        assert_eq!(Format::of(&path).unwrap(), format);
        let other = open(&folder.path().join(format!("from-{name}")), DIMENSION);
        let mut heard = Heard::default();
        assert_eq!(import(&other, &path, &mut heard).unwrap(), 3, "{name}");
        assert_eq!(contents(&other), contents(&library), "{name}");
        assert_eq!((heard.skipped.len(), heard.warnings, heard.imported), (0, 0, 3), "{name}");
        // And on top of itself.
        assert_eq!(import(&other, &path, &mut heard).unwrap(), 3);
        assert_eq!(contents(&other), contents(&library), "{name}");
    }
}

/// Each array of the layout has its table, under the names that clip-retrieval gives columns.
#[test]
fn the_layout_of_clip_retrieval_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let library = filled(&folder.path().join("library"));
    let path = folder.path().join("layout");
    write(&library, &path, Format::Layout).unwrap();
    for file in [
        "img_emb/img_emb_0.npy",
        "metadata/metadata_0.parquet",
        "text_emb/text_emb_1.npy",
        "metadata/metadata_1.parquet",
    ] {
        assert!(path.join(file).is_file(), "{file}");
    }
    let has = |file: &str, text: &str| {
        let bytes = fs::read(path.join(file)).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    assert!(has("metadata/metadata_0.parquet", "image_path"));
    assert!(has("metadata/metadata_1.parquet", "caption"));
    assert!(has("img_emb/img_emb_0.npy", "'shape': (2, 3"));
    // One array of it is a file of vectors too.
    let other = open(&folder.path().join("one"), DIMENSION);
    let array = path.join("img_emb/img_emb_0.npy");
    assert_eq!(import(&other, &array, &mut Heard::default()).unwrap(), 2);
}

#[test]
fn vectors_of_another_model_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let library = filled(&folder.path().join("library"));
    let path = folder.path().join("all.parquet");
    write(&library, &path, Format::Parquet).unwrap();
    let other = folder.path().join("large");
    let other = Library::open_or_create(other, "2", "large", DIMENSION, Precision::F32).unwrap();
    match import(&other, &path, &mut Heard::default()).unwrap_err() {
        Error::OtherModel { found, wanted, .. } => {
            assert_eq!([found.as_str(), wanted.as_str()], ["tiny", "large"]);
        }
        error => panic!("{error}"),
    }
    assert!(other.is_empty());
}

#[test]
fn records_that_cannot_be_are_named_and_the_rest_imported() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(&folder.path().join("library"), DIMENSION);
    let path = folder.path().join("others.jsonl");
    let rows = "\u{feff}{\"caption\": \"a\", \"embedding\": [1.0, 0.0, 0.0]}\r\n\n\
        {\"caption\": \"b\", \"embedding\": [1.0]}\n\
        {\"caption\": \"c\", \"embedding\": null}\n\
        {\"embedding\": [1.0, 0.0, 0.0]}\n\
        {\"caption\": \"e\", \"modality\": \"sound\", \"embedding\": [1.0, 0.0, 0.0]}\n\
        {\"caption\": \"f\", \"embedding\": [0.0, 0.998, 0.0]}\n";
    fs::write(&path, rows).unwrap();
    let mut heard = Heard::default();
    assert_eq!(import(&library, &path, &mut heard).unwrap(), 2);
    assert_eq!(heard.warnings, 1, "it is said once that the file names no model");
    let said: Vec<&str> =
        heard.skipped.iter().map(|said| said.split_once(": ").unwrap().0).collect();
    assert_eq!(said, ["2", "3", "4", "5"]);
    assert!(heard.skipped[1].ends_with("it has no embedding"), "{:?}", heard.skipped);
    // What 16 bits rounded is made a unit vector again.
    assert_eq!(library.get("text:f").unwrap().unwrap().1, [0.0, 1.0, 0.0]);
}

#[test]
fn files_that_are_no_such_files_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(&folder.path().join("library"), DIMENSION);
    let refused = |name: &str, content: &[u8], says: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        let error = import(&library, &path, &mut Heard::default()).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    };
    refused("a.jsonl", b"{\"text\": \"a\"}\n", "line 1 of");
    refused("b.jsonl", b"\xff\xff\n", "b.jsonl");
    refused("c.parquet", b"PAR", "c.parquet as Parquet");
    refused("d.npy", b"NUM", "d.npy as an array of NumPy");
    refused("e.npz", b"PK", "numpy.save");
    refused("f.txt", b"", ".parquet, .jsonl or .npy");
    let gone = import(&library, Path::new("gone.jsonl"), &mut Heard::default()).unwrap_err();
    assert!(gone.to_string().contains("gone.jsonl"), "{gone}");
}

/// An array, and more or less said of its rows than it has.
#[test]
fn rows_and_what_is_said_of_them_have_to_fit() {
    let folder = tempfile::tempdir().unwrap();
    let library = filled(&folder.path().join("library"));
    let array = folder.path().join("all.npy");
    write(&library, &array, Format::Npy).unwrap();
    let metadata = array.with_extension("jsonl");
    let whole = fs::read_to_string(&metadata).unwrap();
    let rows: Vec<&str> = whole.lines().collect();
    let check = |content: Option<String>| {
        match content {
            Some(content) => fs::write(&metadata, content).unwrap(),
            None => fs::remove_file(&metadata).unwrap(),
        }
        import(&library, &array, &mut Heard::default()).unwrap_err()
    };
    assert!(matches!(check(Some(rows[..2].join("\n"))), Error::FewerRecords { .. }));
    let more = check(Some(format!("{whole}{}", rows[0])));
    assert!(matches!(more, Error::MoreRecords { .. }), "{more}");
    assert!(matches!(check(None), Error::NoMetadata { .. }));
}

#[test]
fn both_ways_can_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let library = filled(&folder.path().join("library"));
    let path = folder.path().join("all.jsonl");
    let snapshot = library.snapshot().unwrap();
    let items = snapshot.items(&Filter::default()).unwrap();
    let mut heard = Vec::new();
    let stop = &mut |done| {
        heard.push(done);
        done < 2
    };
    let stopped = export(&*snapshot, &items, &path, Format::JsonLines, stop).unwrap_err();
    assert!(matches!(stopped, Error::Cancelled { done: 2 }));
    assert_eq!(heard, [1, 2]);
    write(&library, &path, Format::JsonLines).unwrap();
    let other = open(&folder.path().join("other"), DIMENSION);
    let mut heard = Heard { stop_after: Some(1), ..Heard::default() };
    let stopped = import(&other, &path, &mut heard).unwrap_err();
    assert!(matches!(stopped, Error::Cancelled { done: 1 }));
    assert_eq!(other.len(), 1, "what came before is there");
}

/// Without a library: records as a program has them.
#[test]
fn files_are_written_and_read_without_a_library() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("own.parquet");
    let provenance = Provenance { model: "m".to_owned(), fingerprint: "1".to_owned() };
    let size = Size { images: 0, texts: 1, dimension: 2 };
    let mut sink = exchange::create(&path, Format::Parquet, &provenance, size).unwrap();
    let entry = Entry { item: Item::text("a"), vector: vec![0.6, 0.8] };
    sink.put(&entry).unwrap();
    sink.finish().unwrap();
    let mut found = Vec::new();
    exchange::read(&path, &lines, &mut |record, vector| {
        found.push((record.item()?, vector, record.model));
        Ok(())
    })
    .unwrap();
    assert_eq!(found, [(entry.item, entry.vector, Some("m".to_owned()))]);
}

/// Rows of which each is a 1 and zeros, and each column too, so that no length tells the order.
#[test]
fn arrays_by_columns_are_those_by_rows() {
    const SIDE: usize = 16;
    let folder = tempfile::tempdir().unwrap();
    let shifted = |row: usize, column: usize| f32::from(column == (row + 1) % SIDE);
    let imported = |name: &str, is_fortran: &str, value: &dyn Fn(usize, usize) -> f32| {
        let header =
            format!("{{'descr': '<f4', 'fortran_order': {is_fortran}, 'shape': (16, 16), }}");
        let header = format!("{header:<117}\n");
        let mut file = [b"\x93NUMPY\x01\x00\x76\x00", header.as_bytes()].concat();
        for first in 0..SIDE {
            file.extend((0..SIDE).flat_map(|second| value(first, second).to_le_bytes()));
        }
        let array = folder.path().join(name).with_extension("npy");
        fs::write(&array, file).unwrap();
        let rows: Vec<String> = (0..SIDE).map(|row| format!("{{\"text\": \"{row}\"}}\n")).collect();
        fs::write(array.with_extension("jsonl"), rows.concat()).unwrap();
        let library = open(&folder.path().join(format!("{name}-library")), SIDE);
        assert_eq!(import(&library, &array, &mut Heard::default()).unwrap(), SIDE);
        contents(&library)
    };
    let by_rows = imported("rows", "False", &shifted);
    assert_eq!(by_rows, imported("columns", "True", &|column, row| shifted(row, column)));
    assert_eq!((by_rows[0].0.content.to_string().as_str(), by_rows[0].1[1]), ("\"0\"", 1.0));
}

/// Vectors that pyarrow wrote as f16, f64 and lists of fixed size, with gaps.
#[test]
fn tables_of_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    for (kind, skipped) in [("f16", 3), ("f64", 0), ("fixed", 0)] {
        let library = open(&folder.path().join(kind), 256);
        let mut heard = Heard::default();
        let file = data.join(format!("embeddings-{kind}.parquet"));
        assert_eq!(import(&library, &file, &mut heard).unwrap(), 3, "{kind}");
        assert_eq!(heard.skipped.len(), skipped, "{kind}: {:?}", heard.skipped);
        if skipped > 0 {
            assert_eq!(heard.skipped[..2], ["2: it has no embedding", "4: it has no embedding"]);
        }
        let items = library.items(&Filter::default()).unwrap();
        for (at, item) in items.iter().enumerate() {
            assert_eq!(library.get(&item.id).unwrap().unwrap().1[at], 1.0, "{kind}");
        }
    }
    let others = data.join("../../../clip-data/tests/data");
    let library = open(&folder.path().join("none"), 256);
    let refused = |name: &str, says: &str| {
        let error = import(&library, &others.join(name), &mut Heard::default()).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    };
    refused("brotli.parquet", "is compressed with brotli");
    refused("gzip.parquet", "has no column embedding with lists of numbers");
}
