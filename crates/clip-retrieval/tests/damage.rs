//! Libraries that are not what was written.
#![cfg(feature = "sqlite")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use clip_retrieval::{Error, Filter, Item, KeptTags, Library, Precision, UserTags};
use clip_testkit::Random;
use common::{open, unit};

const DIMENSION: usize = 16;

/// Items in each of two segments, and beside them.
const ITEMS: usize = 4096;

fn vector(item: usize) -> Vec<f32> {
    unit(&mut Random::new(item as u64), DIMENSION)
}

/// A library with two segments of [`ITEMS`] and some vectors in neither.
fn library(folder: &Path) {
    let mut library = open(folder, DIMENSION);
    for first in [0, ITEMS, 2 * ITEMS] {
        let mut writer = library.write().unwrap();
        let count = if first < 2 * ITEMS { ITEMS } else { 10 };
        for item in first..first + count {
            writer.upsert(&Item::picture(item.to_string(), None), &vector(item)).unwrap();
        }
        writer.commit().unwrap();
    }
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("segments")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn change(path: &Path, mut change: impl FnMut(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// A segment that cannot be read takes its items with it, and no others; it is said why, and the next
/// writer makes the library whole, so that they can be added again.
fn check_lost(break_it: impl Fn(&Path), message: &str) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    library(folder);
    break_it(&segments(folder)[0]);
    let mut library = Library::open(folder).unwrap();
    let [lost] = library.lost() else { panic!("{:?}", library.lost()) };
    assert_eq!(lost.items, ITEMS);
    assert!(lost.cause.to_string().contains(message), "{}", lost.cause);
    let others = |library: &Library| {
        for item in [ITEMS, 2 * ITEMS - 1, 2 * ITEMS + 9] {
            let hits = library.search(&vector(item), 1, &Filter::default()).unwrap();
            assert_eq!(hits[0].item.path(), Some(Path::new(&item.to_string())));
        }
        assert_eq!(library.len(), ITEMS + 10);
    };
    others(&library);
    let mut writer = library.write().unwrap();
    for item in 0..5 {
        writer.upsert(&Item::picture(item.to_string(), None), &vector(item)).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    let library = Library::open(folder).unwrap();
    assert_eq!(library.lost().len(), 0);
    assert_eq!(library.len(), ITEMS + 15);
    assert_eq!(library.files().unwrap().len(), ITEMS + 15);
    let hits = library.search(&vector(3), 1, &Filter::default()).unwrap();
    assert_eq!(hits[0].item.path(), Some(Path::new("3")));
}

#[test]
fn a_segment_that_is_gone() {
    check_lost(|path| fs::remove_file(path).unwrap(), "cannot read");
}

#[test]
fn a_segment_that_is_cut_off() {
    check_lost(|path| change(path, |bytes| bytes.truncate(bytes.len() / 2)), "cut off");
    check_lost(|path| change(path, |bytes| bytes.truncate(40)), "cut off");
    check_lost(|path| change(path, Vec::clear), "");
}

#[test]
fn a_segment_that_is_too_long() {
    check_lost(|path| change(path, |bytes| bytes.push(0)), "bytes, not");
}

#[test]
fn a_header_that_was_changed() {
    for at in [0, 12, 17, 24, 28, 33, 50, 60] {
        check_lost(|path| change(path, |bytes| bytes[at] ^= 1), "damaged");
    }
}

#[test]
fn a_segment_from_the_future() {
    check_lost(|path| change(path, |bytes| bytes[8] = 9), "format version 9");
}

#[test]
fn a_segment_of_another_library() {
    let other = tempfile::tempdir().unwrap();
    let make = |fingerprint: &str, dimension: usize| {
        let folder = other.path().join(fingerprint);
        let made = Library::open_or_create(&folder, fingerprint, "o", dimension, Precision::F32);
        let mut library = made.unwrap();
        let mut writer = library.write().unwrap();
        let mut random = Random::new(1);
        for item in 0..ITEMS {
            let vector = unit(&mut random, dimension);
            writer.upsert(&Item::picture(item.to_string(), None), &vector).unwrap();
        }
        writer.commit().unwrap();
        segments(&folder).remove(0)
    };
    for foreign in [make("2", DIMENSION), make("1", 8)] {
        let put = |path: &Path| {
            fs::copy(&foreign, path).unwrap();
        };
        check_lost(put, "another model");
    }
}

/// What is flipped among the vectors shows where they are checked.
#[test]
fn bits_that_were_flipped_are_found() {
    let folder = tempfile::tempdir().unwrap();
    library(folder.path());
    let path = segments(folder.path()).remove(1);
    let size = fs::metadata(&path).unwrap().len() as usize;
    for at in [64, 128, 200, size / 2, size - 1] {
        let folder = tempfile::tempdir().unwrap();
        library(folder.path());
        let path = segments(folder.path()).remove(1);
        change(&path, |bytes| bytes[at] ^= 0x40);
        let library = Library::open(folder.path()).unwrap();
        // Whatever a search makes of it, it answers.
        library.search(&vector(5), 10, &Filter::default()).unwrap();
        let found = library.verify().unwrap();
        assert_eq!(found.len(), 1, "byte {at}");
        let message = found[0].to_string();
        assert!(message.contains(path.file_name().unwrap().to_str().unwrap()), "{message}");
        assert!(message.contains("its checksum differs"), "{message}");
    }
}

/// Whatever bytes a segment has: an answer or an error.
#[test]
fn no_segment_makes_a_search_panic() {
    let folder = tempfile::tempdir().unwrap();
    library(folder.path());
    let path = segments(folder.path()).remove(0);
    let before = fs::read(&path).unwrap();
    let mut random = Random::new(9);
    for _ in 0..60 {
        change(&path, |bytes| {
            bytes.clone_from(&before);
            for value in random.values(200) {
                let at = ((value + 1.0) / 2.0 * (bytes.len() - 65) as f32) as usize;
                bytes[64 + at] = (value.to_bits() & 0xff) as u8;
            }
        });
        let library = Library::open(folder.path()).unwrap();
        library.search(&vector(1), 10, &Filter::default()).unwrap();
        library.get("path:17").unwrap();
        let under = Filter { under: vec!["17".into()], ..Filter::default() };
        library.search(&vector(1), 10, &under).unwrap();
    }
}

/// The catalog names vectors that its segments do not have, or the other way round.
#[test]
fn a_catalog_of_another_day() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    library(folder);
    let catalog = folder.join("catalog.sqlite");
    let old = fs::read(&catalog).unwrap();
    let mut library = open(folder, DIMENSION);
    let mut writer = library.write().unwrap();
    writer.remove("path:0").unwrap();
    writer.commit().unwrap();
    writer.compact().unwrap();
    drop(writer);
    drop(library);
    fs::write(&catalog, old).unwrap();
    let mut library = Library::open(folder).unwrap();
    let [lost] = library.lost() else { panic!("{:?}", library.lost()) };
    assert_eq!(lost.items, 2 * ITEMS);
    drop(library.write().unwrap());
    let library = Library::open(folder).unwrap();
    assert_eq!((library.lost().len(), library.len()), (0, 10));
}

fn check_refused(make: impl Fn(&Path), message: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("library");
    make(&path);
    let error = Library::open(&path).unwrap_err().to_string();
    assert_eq!(error.replace(folder.path().to_str().unwrap(), ""), message);
    let made = Library::open_or_create(&path, "1", "tiny", DIMENSION, Precision::F32);
    if !matches!(Library::open(&path), Err(Error::NoLibrary { .. })) {
        assert_eq!(
            made.unwrap_err().to_string().replace(folder.path().to_str().unwrap(), ""),
            message
        );
    }
}

#[test]
fn what_is_no_library_is_refused_by_name() {
    check_refused(
        |path| fs::write(path, "a letter").unwrap(),
        "/library is not a library of this program: choose another folder with --index",
    );
    check_refused(
        |path| fs::write(path, b"CLIPINDX and so on").unwrap(),
        "/library is a library of an earlier version of this program, which was one file: remove it, or choose another folder with --index, and index again",
    );
    check_refused(
        |path| {
            library(path);
            fs::write(path.join("catalog.sqlite"), "a letter, and a long one at that").unwrap();
        },
        "/library/catalog.sqlite is not a library of this program: choose another folder with --index",
    );
}

/// A folder of anything else does not become a library.
#[test]
fn folders_of_other_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("dog.jpg"), "woof").unwrap();
    let made = Library::open_or_create(folder.path(), "1", "tiny", DIMENSION, Precision::F32);
    assert!(matches!(made, Err(Error::NotALibrary { .. })), "{made:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn where_nothing_is_there_is_no_library() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("library");
    let error = Library::open(&path).unwrap_err();
    assert!(matches!(error, Error::NoLibrary { .. }));
    assert!(!path.exists());
}

#[test]
fn another_model_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), DIMENSION);
    let error = Library::open_for(folder.path(), "2", "other").unwrap_err().to_string();
    assert!(error.contains("was made with the model tiny, not with other"), "{error}");
}

/// A library that the first version of the format wrote, kept from then.
fn first_version(folder: &Path) -> PathBuf {
    let kept = Path::new("tests/data/v1");
    let folder = folder.join("v1");
    let copied = |name: &str| {
        let to = folder.join(name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(kept.join(name), to).unwrap();
    };
    copied("catalog.sqlite");
    copied("segments/00000001.vectors");
    folder
}

/// What the library of the first version holds, however it is read.
fn check_first_version(library: &Library) {
    assert_eq!((library.len(), library.dimension(), library.lost().len()), (3, 3, 0));
    assert_eq!((library.precision(), library.verify().unwrap().len()), (Precision::F16, 0));
    let hits = library.search(&[1.0, 0.0, 0.0], 10, &Filter::default()).unwrap();
    let names: Vec<String> = hits.iter().map(|hit| hit.item.content.to_string()).collect();
    assert_eq!(names, ["/photos/Hündin 100%.jpg", "\"a dog\"", "/photos/cat.jpg"]);
    let facts = &hits[0].item.facts;
    assert_eq!(
        (facts.hash, facts.size, facts.taken),
        (Some([7; 32]), Some([640, 480]), Some(951_872_523))
    );
    // Nobody knows any more whether it stands in the file: as added it is never lost.
    let added = UserTags { added: ["sea".to_owned()].into(), ..UserTags::default() };
    assert_eq!((facts.place, &hits[0].item.user_tags), (Some([52.5, -13.01]), &added));
    assert_eq!((facts.tags.as_slice(), hits[0].item.tags()), ([].as_slice(), vec!["sea"]));
    let tagged = Filter { tags: vec!["sea".to_owned()], ..Filter::default() };
    assert_eq!(library.items(&tagged).unwrap(), [hits[0].item.clone()]);
    let known = library.files().unwrap();
    assert!(known.iter().any(|file| file.user_tags == added));
    let failures = library.failures().unwrap();
    assert_eq!((failures[0].error.as_str(), &failures[0].attempt), ("cut off", &None));
    assert_eq!(library.kept_tags().unwrap(), []);
}

/// Reading changes nothing of it, also where nobody may write; writing brings it to this version, which
/// readers see.
#[test]
fn the_first_version_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = first_version(folder.path());
    let catalog = folder.join("catalog.sqlite");
    let before = fs::read(&catalog).unwrap();
    let open = || Library::open_for(&folder, "sha256:1", "tiny").unwrap();
    let mut reader = open();
    check_first_version(&reader);
    assert!(fs::read(&catalog).unwrap() == before);
    let mut writing = open();
    let mut writer = writing.write().unwrap();
    let (dog, vector) = writer.library().get("path:/photos/cat.jpg").unwrap().unwrap();
    let removed = UserTags { removed: ["cat".to_owned()].into(), ..UserTags::default() };
    writer.upsert(&Item { user_tags: removed.clone(), ..dog }, &vector).unwrap();
    writer.commit().unwrap();
    check_first_version(writer.library());
    drop(writer);
    check_first_version(&open());
    reader.refresh().unwrap();
    check_first_version(&reader);
    let (cat, _) = reader.get("path:/photos/cat.jpg").unwrap().unwrap();
    assert_eq!(cat.user_tags, removed);
}

#[cfg(unix)]
#[test]
fn the_first_version_is_read_where_nobody_may_write() {
    use std::os::unix::fs::PermissionsExt;
    let kept = tempfile::tempdir().unwrap();
    let folder = first_version(kept.path());
    let permit = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    permit(&folder.join("catalog.sqlite"), 0o444);
    permit(&folder, 0o555);
    check_first_version(&Library::open(&folder).unwrap());
    permit(&folder, 0o755);
}

/// Pictures whose vectors were lost have the tags that a user gave them when they are encoded again.
#[test]
fn tags_outlive_a_damaged_segment() {
    let folder = tempfile::tempdir().unwrap();
    library(folder.path());
    let user_tags = UserTags { added: ["mine".to_owned()].into(), ..UserTags::default() };
    let mut library = Library::open(folder.path()).unwrap();
    let mut writer = library.write().unwrap();
    let tagged = Item { user_tags: user_tags.clone(), ..Item::picture("3", None) };
    assert!(writer.rename("path:3", &tagged).unwrap());
    writer.commit().unwrap();
    drop(writer);
    fs::remove_file(&segments(folder.path())[0]).unwrap();
    let mut library = Library::open(folder.path()).unwrap();
    drop(library.write().unwrap());
    assert!(library.get("path:3").unwrap().is_none());
    let kept = KeptTags { path: "3".into(), hash: None, user_tags };
    assert_eq!(library.kept_tags().unwrap(), [kept]);
}
