//! What is written is read back, and nothing else is.

use std::fs;
use std::path::{Path, PathBuf};

use clip_retrieval::{Error, FORMAT_VERSION, FileStamp, Item, Library, Lock};
use tempfile::TempDir;

fn empty(name: &str, dimension: usize) -> Library {
    Library::new(&format!("sha256:{name}"), name, dimension)
}

/// The library of the committed file.
fn library() -> Library {
    let mut library = empty("tiny", 3);
    let stamp = FileStamp { size: 1234, modified: 1_700_000_000_123_456_789 };
    library.upsert(Item::picture("photos/dog 100%.jpg", Some(stamp)), &[1.0, 0.0, 0.0]).unwrap();
    library.upsert(Item::text("a \"dog\"\nund Hündin 犬"), &[0.0, 0.6, -0.8]).unwrap();
    library.upsert(Item::picture("cat.jpg", None).with_id("42"), &[0.0, 0.0, 1.0]).unwrap();
    library
}

fn assert_same(a: &Library, b: &Library) {
    let model = |library: &Library| {
        (library.fingerprint().to_owned(), library.model_name().to_owned(), library.dimension())
    };
    assert_eq!(model(a), model(b));
    assert!(a.items().eq(b.items()));
    assert_eq!(a.vectors(), b.vectors());
}

/// A folder of its own, and a path in it.
fn path() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.clipindex");
    (folder, path)
}

fn saved(library: &Library) -> Vec<u8> {
    let (_folder, path) = path();
    library.save(&path).unwrap();
    fs::read(path).unwrap()
}

/// The error of a file of these bytes.
fn error(bytes: &[u8]) -> Error {
    let (_folder, path) = path();
    fs::write(&path, bytes).unwrap();
    Library::open(path).unwrap_err()
}

#[test]
fn a_library_survives_its_file() {
    let (_folder, path) = path();
    for library in [library(), empty("none", 512)] {
        library.save(&path).unwrap();
        assert_same(&Library::open(&path).unwrap(), &library);
        let model = (library.fingerprint(), "its name may have changed");
        assert_same(&Library::open_for(&path, model.0, model.1).unwrap(), &library);
    }
}

#[test]
fn version_1_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/v1.clipindex");
    assert_same(&Library::open(path).unwrap(), &library());
}

#[test]
fn the_version_in_use_has_its_committed_file() {
    assert_eq!(FORMAT_VERSION, 1);
    assert!(saved(&library()) == include_bytes!("data/v1.clipindex"), "the format has changed");
}

#[cfg(unix)]
#[test]
fn paths_that_are_not_unicode_survive() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let (_folder, file) = path();
    let mut library = empty("tiny", 1);
    for name in [b"caf\xe9.jpg".as_slice(), b"caf\xe8.jpg", b"caf%E9.jpg"] {
        library.upsert(Item::picture(OsStr::from_bytes(name), None), &[1.0]).unwrap();
    }
    assert_eq!(library.len(), 3);
    library.save(&file).unwrap();
    assert_same(&Library::open(&file).unwrap(), &library);
}

#[test]
fn folders_are_made_and_old_files_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/test.clipindex");
    empty("old", 2).save(&path).unwrap();
    library().save(&path).unwrap();
    assert_same(&Library::open(&path).unwrap(), &library());
    assert_eq!(fs::read_dir(folder.path().join("a/b")).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn the_file_is_an_ordinary_one() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = path();
    library().save(&path).unwrap();
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o644);
}

#[test]
fn a_library_of_another_model_is_refused_by_name() {
    let (_folder, path) = path();
    library().save(&path).unwrap();
    let error = Library::open_for(&path, "sha256:ViT-B-32", "ViT-B-32").unwrap_err();
    assert!(matches!(error, Error::OtherModel { .. }));
    assert_eq!(
        error.to_string(),
        format!(
            "the library {} was made with the model tiny, not with ViT-B-32: choose another file with --index, or remove it and index again",
            path.display()
        )
    );
}

#[test]
fn a_file_cut_off_anywhere_says_so() {
    let bytes = saved(&library());
    for length in 0..bytes.len() {
        let error = error(&bytes[..length]);
        assert!(matches!(error, Error::Truncated { .. }), "{length} bytes: {error}");
    }
}

#[test]
fn a_flipped_bit_in_any_byte_is_noticed() {
    let bytes = saved(&library());
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        let error = error(&flipped);
        // In the preamble a bit can turn the file into another kind, version or size.
        let clear = match at {
            0..8 => matches!(error, Error::NotALibrary { .. }),
            8..12 => matches!(error, Error::Newer { .. } | Error::Damaged { .. }),
            12..32 => matches!(error, Error::Truncated { .. } | Error::Damaged { .. }),
            _ => matches!(error, Error::Damaged { .. }),
        };
        assert!(clear, "byte {at}: {error}");
    }
}

#[test]
fn bytes_after_the_end_are_noticed() {
    let bytes = [saved(&library()), vec![0]].concat();
    assert!(matches!(error(&bytes), Error::Damaged { .. }));
}

#[test]
fn other_files_are_not_taken_for_a_library() {
    for bytes in [b"a text file".as_slice(), b"\x89PNG\r\n\x1a\n", b"CLIPINDEX of my book"] {
        assert!(matches!(error(bytes), Error::NotALibrary { .. }));
    }
}

#[test]
fn a_later_version_asks_for_an_update() {
    let mut bytes = saved(&library());
    bytes[8] = 2;
    let error = error(&bytes);
    assert!(matches!(error, Error::Newer { found: 2, supported: 1, .. }), "{error}");
    assert!(error.to_string().contains("update the program"), "{error}");
}

/// The error of a file where some bytes were changed and the checksum with them.
fn forged(library: &Library, from: &[u8], to: &[u8]) -> Error {
    assert_eq!(from.len(), to.len());
    let mut bytes = saved(library);
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    bytes[at..][..to.len()].copy_from_slice(to);
    let end = bytes.len() - 4;
    let checksum = crc32fast::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(&checksum.to_le_bytes());
    error(&bytes)
}

#[test]
fn headers_that_contradict_themselves_are_refused() {
    let mut texts = empty("tiny", 1);
    texts.upsert(Item::text("a"), &[1.0]).unwrap();
    texts.upsert(Item::text("b"), &[1.0]).unwrap();
    let check = |library: &Library, from: &[u8], to: &[u8], reason: &str| {
        let message = forged(library, from, to).to_string();
        assert!(message.contains(reason), "{message}");
    };
    check(&library(), b"100%25", b"100%zz", "a path in it is not one");
    check(&library(), b"\"items\"", b"\"itemz\"", "its header cannot be read");
    check(&texts, b"\"b\"", b"\"a\"", "an item is there twice");
    // Dimension 1 and 2 items become dimension 2 and 1 item: the size stays.
    check(&texts, b"\x01\0\0\0\x02", b"\x02\0\0\0\x01", "another number of items");
}

#[test]
fn a_missing_file_is_named() {
    let (_folder, path) = path();
    let error = Library::open(&path).unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot read the library {}", path.display())));
}

#[test]
fn writers_that_hold_the_lock_lose_nothing() {
    let (_folder, path) = path();
    empty("tiny", 1).save(&path).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let path = &path;
            scope.spawn(move || {
                let _lock = Lock::acquire(path).unwrap();
                let mut library = Library::open(path).unwrap();
                library.upsert(Item::text(writer.to_string()), &[1.0]).unwrap();
                library.save(path).unwrap();
            });
        }
    });
    assert_eq!(Library::open(&path).unwrap().len(), 8);
}
