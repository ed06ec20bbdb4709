//! Libraries that are not what was written.
#![cfg(feature = "sqlite")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use clip_retrieval::{
    Error, Failure, Filter, Item, KeptTags, Library, Precision, Snapshot, Store, UserTags,
};
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
    let library = open(folder, DIMENSION);
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
    let library = Library::open(folder).unwrap();
    let lost = library.lost().unwrap();
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
    assert!(library.lost().is_none());
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
        let library = made.unwrap();
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
    let library = open(folder, DIMENSION);
    let mut writer = library.write().unwrap();
    writer.remove("path:0").unwrap();
    writer.commit().unwrap();
    writer.compact().unwrap();
    drop(writer);
    drop(library);
    fs::write(&catalog, old).unwrap();
    let library = Library::open(folder).unwrap();
    let lost = library.lost().unwrap();
    assert_eq!(lost.items, 2 * ITEMS);
    drop(library.write().unwrap());
    let library = Library::open(folder).unwrap();
    assert_eq!((library.lost().is_none(), library.len()), (true, 10));
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
        "/library is not a library of this program: choose another folder",
    );
    check_refused(
        |path| fs::write(path, b"CLIPINDX and so on").unwrap(),
        "/library is a library of an earlier version of this program, which was one file: remove it, or choose another folder, and index again",
    );
    check_refused(
        |path| {
            fs::create_dir(path).unwrap();
            fs::write(path.join("catalog.sqlite"), "a letter, and a long one at that").unwrap();
        },
        "/library/catalog.sqlite is not a library of this program: choose another folder",
    );
}

/// A catalog that is not what was written is named with what has to be done, nothing is changed before
/// that is done, and then it helps: so does a backup of the catalog.
fn check_catalog(break_it: impl Fn(&Path), reason: &str) {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("library");
    library(&folder);
    let (catalog, backup) = (folder.join("catalog.sqlite"), parent.path().join("backup"));
    fs::copy(&catalog, &backup).unwrap();
    break_it(&catalog);
    let before = segments(&folder);
    // What is cut off behind its beginning shows when it is read.
    let read = || Library::open(&folder).and_then(|library| library.items(&Filter::default()));
    let write = || {
        let library = Library::open_or_create(&folder, "1", "tiny", DIMENSION, Precision::F32)?;
        let mut writer = library.write()?;
        for item in 0..20 {
            writer.upsert(&Item::picture(item.to_string(), None), &vector(item))?;
        }
        writer.compact()
    };
    for error in [read().map(drop), write()] {
        let error = error.unwrap_err();
        assert!(matches!(error, Error::DamagedCatalog { .. }), "{error}");
        let error = error.to_string();
        assert!(error.contains(&format!("is damaged ({reason}")), "{error}");
        let advice = format!("move the folder {} away and index again", folder.display());
        assert!(error.contains(&advice), "{error}");
    }
    assert_eq!(segments(&folder), before);

    let away = parent.path().join("away");
    fs::rename(&folder, &away).unwrap();
    assert!(open(&folder, DIMENSION).is_empty());
    let broken = away.join("catalog.sqlite");
    let _ = fs::remove_file(&broken).or_else(|_| fs::remove_dir(&broken));
    for log in ["catalog.sqlite-wal", "catalog.sqlite-shm"] {
        let _ = fs::remove_file(away.join(log));
    }
    fs::copy(&backup, &broken).unwrap();
    let library = Library::open(&away).unwrap();
    assert_eq!((library.len(), library.lost().is_none()), (2 * ITEMS + 10, true));
}

#[test]
fn a_catalog_that_is_gone() {
    check_catalog(|path| fs::remove_file(path).unwrap(), "it is not there");
}

#[test]
fn a_catalog_that_is_empty() {
    check_catalog(|path| fs::write(path, "").unwrap(), "it is empty");
}

#[test]
fn a_catalog_that_is_cut_off() {
    for bytes in [1, 99, 1000, 4096, 10_000] {
        check_catalog(|path| change(path, |content| content.truncate(bytes)), "");
    }
    check_catalog(|path| change(path, |bytes| bytes.truncate(bytes.len() / 2)), "");
}

#[test]
fn a_catalog_that_was_overwritten() {
    check_catalog(|path| fs::write(path, "a letter").unwrap(), "");
    check_catalog(|path| change(path, |bytes| bytes.fill(0)), "");
    check_catalog(|path| change(path, |bytes| bytes[..4096].fill(0)), "");
    check_catalog(|path| change(path, |bytes| bytes[..16].fill(b'x')), "file is not a database");
    check_catalog(|path| change(path, |bytes| bytes[100..].fill(b'x')), "");
    check_catalog(|path| change(path, |bytes| bytes[4096..].fill(0)), "");
    // The mark of this program, and the version of its tables.
    check_catalog(|path| change(path, |bytes| bytes[68] ^= 1), "it is not of this program");
    check_catalog(|path| change(path, |bytes| bytes[60..64].fill(0)), "it is not of this program");
}

/// Whatever bytes a catalog has: an answer, or an error that says what to do.
#[test]
fn no_catalog_makes_a_library_panic() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let library = open(folder, DIMENSION);
    let mut writer = library.write().unwrap();
    for item in 0..300 {
        writer.upsert(&Item::picture(item.to_string(), None), &vector(item)).unwrap();
    }
    writer.compact().unwrap();
    for item in 300..320 {
        writer.upsert(&Item::text(item.to_string()), &vector(item)).unwrap();
    }
    writer.fail(&Failure::new("x", None, "cut off")).unwrap();
    writer.commit().unwrap();
    drop(writer);
    drop(library);
    let catalog = folder.join("catalog.sqlite");
    let before = fs::read(&catalog).unwrap();
    let kept = segments(folder);
    let kept: Vec<(&PathBuf, Vec<u8>)> =
        kept.iter().map(|path| (path, fs::read(path).unwrap())).collect();
    let use_it = || -> Result<(), Error> {
        let library = Library::open(folder)?;
        library.items(&Filter::default())?;
        library.files()?;
        library.failures()?;
        library.search(&[0.25; DIMENSION], 10, &Filter::default()).map(drop).or_else(
            // A library of another dimension now.
            |error| if matches!(error, Error::Dimension { .. }) { Ok(()) } else { Err(error) },
        )?;
        library.verify()?;
        let mut writer = library.write()?;
        writer.remove("path:7")?;
        writer.commit()
    };
    let mut random = Random::new(11);
    for round in 0..150 {
        for (path, bytes) in &kept {
            fs::write(path, bytes).unwrap();
        }
        for log in ["catalog.sqlite-wal", "catalog.sqlite-shm"] {
            let _ = fs::remove_file(folder.join(log));
        }
        fs::write(&catalog, &before).unwrap();
        // In the header as often as in a page.
        let end = if round % 2 == 0 { 200 } else { before.len() };
        change(&catalog, |bytes| {
            for value in random.values(if round % 2 == 0 { 2 } else { 40 }) {
                let at = ((value + 1.0) / 2.0 * (end - 1) as f32) as usize;
                bytes[at] = (value.to_bits() & 0xff) as u8;
            }
        });
        if let Err(error) = use_it() {
            let is_named = matches!(error, Error::DamagedCatalog { .. } | Error::Newer { .. });
            assert!(is_named, "round {round}: {error:?}");
        }
    }
}

#[test]
fn a_catalog_that_is_a_folder() {
    let make = |path: &Path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    };
    check_catalog(make, "it is a folder");
}

/// Where a program was killed that began a library the next one begins it again; where the catalog of a
/// small library is lost, whose vectors are in no segment yet, that is said.
#[test]
fn a_catalog_that_was_not_made() {
    for files in [&[][..], &["lock"], &["lock", "catalog.new", "catalog.new-journal"]] {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            fs::write(folder.path().join(file), "").unwrap();
        }
        assert!(matches!(Library::open(folder.path()), Err(Error::NoLibrary { .. })), "{files:?}");
        let library = open(folder.path(), DIMENSION);
        let mut writer = library.write().unwrap();
        writer.upsert(&Item::text("a dog"), &vector(0)).unwrap();
        writer.commit().unwrap();
        drop(writer);
        drop(library);
        assert_eq!(open(folder.path(), DIMENSION).len(), 1);
        assert!(!folder.path().join("catalog.new").exists());
        let catalog = folder.path().join("catalog.sqlite");
        fs::write(&catalog, "").unwrap();
        let is_named = || matches!(Library::open(folder.path()), Err(Error::DamagedCatalog { .. }));
        assert!(is_named());
        fs::remove_file(&catalog).unwrap();
        assert!(is_named());
    }
}

#[test]
fn a_catalog_from_the_future() {
    let folder = tempfile::tempdir().unwrap();
    library(folder.path());
    change(&folder.path().join("catalog.sqlite"), |bytes| bytes[63] = 9);
    let error = Library::open(folder.path()).unwrap_err();
    assert!(matches!(error, Error::Newer { found: 9, .. }), "{error}");
}

/// SQLite takes no log that is not the catalog's; what cannot be opened is named.
#[test]
fn what_lies_beside_a_catalog_may_be_anything() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    library(folder);
    for name in ["catalog.sqlite-wal", "catalog.sqlite-shm"] {
        fs::write(folder.join(name), vec![b'x'; 40_000]).unwrap();
    }
    assert_eq!(Library::open(folder).unwrap().len(), 2 * ITEMS + 10);
    let log = folder.join("catalog.sqlite-wal");
    let _ = fs::remove_file(&log);
    fs::create_dir(&log).unwrap();
    let error = Library::open(folder).unwrap_err().to_string();
    assert!(error.contains("catalog.sqlite-wal of the library: "), "{error}");
    fs::remove_dir(&log).unwrap();
    assert_eq!(Library::open(folder).unwrap().len(), 2 * ITEMS + 10);
}

#[test]
fn the_folder_of_the_segments_may_be_gone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    library(folder);
    fs::remove_dir_all(folder.join("segments")).unwrap();
    let library = Library::open(folder).unwrap();
    assert_eq!((library.lost().unwrap().items, library.len()), (2 * ITEMS, 10));
    let mut writer = library.write().unwrap();
    for item in 0..5 {
        writer.upsert(&Item::picture(item.to_string(), None), &vector(item)).unwrap();
    }
    writer.compact().unwrap();
    drop(writer);
    assert_eq!((library.verify().unwrap().len(), library.len()), (0, 15));
}

/// What is not allowed is not damaged.
#[cfg(unix)]
#[test]
fn what_may_not_be_read_is_not_damaged() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    library(folder);
    let set = |path: &Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for (path, forbidden, allowed) in
        [(folder.join("catalog.sqlite"), 0o000, 0o644), (folder.to_owned(), 0o000, 0o755)]
    {
        set(&path, forbidden);
        let is_root = fs::File::open(&path).is_ok();
        let opened = Library::open(folder);
        let made = Library::open_or_create(folder, "1", "tiny", DIMENSION, Precision::F32);
        set(&path, allowed);
        if is_root {
            assert!(opened.is_ok() && made.is_ok());
            continue;
        }
        for error in [opened.unwrap_err(), made.unwrap_err()] {
            let said = error.to_string();
            assert!(matches!(error, Error::Io { action: "open", .. }), "{said}");
            assert!(said.contains("Permission denied"), "{said}");
        }
    }
    assert_eq!(Library::open(folder).unwrap().len(), 2 * ITEMS + 10);
}

/// What is like a vector that is lost cannot be known; all others are compared.
#[test]
fn the_rest_is_compared_where_vectors_are_lost() {
    let folder = tempfile::tempdir().unwrap();
    library(folder.path());
    let twins = [3 * ITEMS, 3 * ITEMS + 1].map(|item| item.to_string());
    let library = Library::open(folder.path()).unwrap();
    let mut writer = library.write().unwrap();
    for twin in &twins {
        writer.upsert(&Item::picture(twin, None), &vector(3 * ITEMS)).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    fs::remove_file(&segments(folder.path())[0]).unwrap();
    let library = Library::open(folder.path()).unwrap();
    let ids = ["0", &twins[0], "1", &twins[1]].map(|path| Item::path_id(path.as_ref()));
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let groups = library.near_duplicates(&ids, 0.99, |_, _| ()).unwrap();
    let [group] = &groups[..] else { panic!("{groups:?}") };
    assert_eq!((group.best, group.others[0].0), (1, 3));
}

/// A folder of anything else does not become a library.
#[test]
fn folders_of_other_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    for (count, name) in [(1, "dog.jpg"), (2, "lock")] {
        fs::write(folder.path().join(name), "woof").unwrap();
        let made = Library::open_or_create(folder.path(), "1", "tiny", DIMENSION, Precision::F32);
        assert!(matches!(made, Err(Error::NotALibrary { .. })), "{made:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), count);
    }
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
    assert_eq!((library.len(), library.lost().is_none()), (3, true));
    assert_eq!((library.precision(), library.verify().unwrap().len()), (Precision::F16, 0));
    check_first_state(&*library.snapshot().unwrap());
}

fn check_first_state(library: &dyn Snapshot) {
    assert_eq!((library.count().unwrap(), library.dimension()), (3, 3));
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
    let reader = open();
    check_first_version(&reader);
    assert!(fs::read(&catalog).unwrap() == before);
    let writing = open();
    let mut writer = writing.write().unwrap();
    let (dog, vector) = writer.snapshot().get("path:/photos/cat.jpg").unwrap().unwrap();
    let removed = UserTags { removed: ["cat".to_owned()].into(), ..UserTags::default() };
    writer.upsert(&Item { user_tags: removed.clone(), ..dog }, &vector).unwrap();
    writer.commit().unwrap();
    check_first_state(writer.snapshot());
    drop(writer);
    check_first_version(&open());
    reader.reload().unwrap();
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
    let library = Library::open(folder.path()).unwrap();
    let mut writer = library.write().unwrap();
    let tagged = Item { user_tags: user_tags.clone(), ..Item::picture("3", None) };
    assert!(writer.rename("path:3", &tagged).unwrap());
    writer.commit().unwrap();
    drop(writer);
    fs::remove_file(&segments(folder.path())[0]).unwrap();
    let library = Library::open(folder.path()).unwrap();
    drop(library.write().unwrap());
    assert!(library.get("path:3").unwrap().is_none());
    let kept = KeptTags { path: "3".into(), hash: None, user_tags };
    assert_eq!(library.kept_tags().unwrap(), [kept]);
}
