//! The library on disk: what was put in comes out, by whoever opens it.
#![cfg(feature = "sqlite")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use clip_retrieval::{
    Error, Facts, Failure, FileStamp, Filter, Item, Library, Modality, Orientation, Precision,
    Store,
};
use clip_testkit::Random;
use common::{open, unit};

/// A library of three, committed.
fn library(folder: &Path) -> Library {
    let library = open(folder, 2);
    let mut writer = library.write().unwrap();
    writer.upsert(&Item::picture("dog.jpg", None), &[1.0, 0.0]).unwrap();
    writer.upsert(&Item::text("dog.jpg"), &[0.0, 1.0]).unwrap();
    writer.upsert(&Item::picture("cat.jpg", None).with_id("42"), &[0.6, 0.8]).unwrap();
    writer.commit().unwrap();
    drop(writer);
    library
}

fn ids(library: &Library) -> Vec<String> {
    library.items(&Filter::default()).unwrap().into_iter().map(|item| item.id).collect()
}

/// What `change` makes of a library of three, as the one who changed it sees it and as somebody who
/// opens it then does.
fn check(change: impl Fn(&Library), look: impl Fn(&Library)) {
    let folder = tempfile::tempdir().unwrap();
    let library = library(folder.path());
    change(&library);
    look(&library);
    look(&Library::open(folder.path()).unwrap());
    let mut writer = library.write().unwrap();
    writer.compact().unwrap();
    drop(writer);
    look(&library);
    assert_eq!(library.verify().unwrap().len(), 0);
    look(&Library::open(folder.path()).unwrap());
}

#[test]
fn a_path_and_a_text_of_the_same_letters_are_two_items() {
    check(|_| (), |library| assert_eq!(ids(library), ["path:dog.jpg", "text:dog.jpg", "42"]));
}

#[test]
fn the_same_id_is_replaced_in_its_place() {
    let stamp = Some(FileStamp { size: 9, modified: -1 });
    let change = |library: &Library| {
        let mut writer = library.write().unwrap();
        writer.upsert(&Item::picture("dog.jpg", stamp), &[0.0, -1.0]).unwrap();
        writer.upsert(&Item::picture("lion.jpg", None).with_id("42"), &[0.8, 0.6]).unwrap();
        writer.commit().unwrap();
    };
    check(change, |library| {
        assert_eq!(ids(library), ["path:dog.jpg", "text:dog.jpg", "42"]);
        let (dog, vector) = library.get("path:dog.jpg").unwrap().unwrap();
        assert_eq!((dog.stamp, vector), (stamp, vec![0.0, -1.0]));
        let (item, vector) = library.get("42").unwrap().unwrap();
        assert_eq!((item.path(), vector), (Some("lion.jpg".as_ref()), vec![0.8, 0.6]));
        let hits = library.search(&[0.0, 1.0], 10, &Filter::default()).unwrap();
        let scores: Vec<f32> = hits.iter().map(|hit| hit.score).collect();
        assert_eq!(scores, [1.0, 0.6, -1.0]);
    });
}

#[test]
fn what_is_removed_is_gone() {
    let change = |library: &Library| {
        let mut writer = library.write().unwrap();
        assert!(writer.remove(&Item::path_id("dog.jpg".as_ref())).unwrap());
        assert!(!writer.remove("path:dog.jpg").unwrap());
        writer.commit().unwrap();
        writer.compact().unwrap();
        assert!(writer.remove("42").unwrap());
        writer.upsert(&Item::picture("dog.jpg", None), &[1.0, 0.0]).unwrap();
        writer.commit().unwrap();
    };
    check(change, |library| {
        assert_eq!(ids(library), ["text:dog.jpg", "path:dog.jpg"]);
        assert_eq!((library.len(), library.get("42").unwrap()), (2, None));
        assert_eq!(library.search(&[1.0, 0.0], 10, &Filter::default()).unwrap().len(), 2);
    });
}

/// A file that moved keeps its vector, and takes the place of what was there.
#[test]
fn an_item_can_be_renamed() {
    let change = |library: &Library| {
        let mut writer = library.write().unwrap();
        let moved = Item::picture("old/dog.jpg", None);
        assert!(writer.rename("path:dog.jpg", &moved).unwrap());
        assert!(!writer.rename("path:dog.jpg", &moved).unwrap());
        let cat = Item::picture("old/dog.jpg", None).with_id("42");
        assert!(writer.rename("path:old/dog.jpg", &cat).unwrap());
        writer.commit().unwrap();
    };
    check(change, |library| {
        assert_eq!(ids(library), ["42", "text:dog.jpg"]);
        let (item, vector) = library.get("42").unwrap().unwrap();
        assert_eq!((item.path(), vector), (Some("old/dog.jpg".as_ref()), vec![1.0, 0.0]));
    });
}

#[test]
fn what_was_not_committed_is_taken_back() {
    let change = |library: &Library| {
        let mut writer = library.write().unwrap();
        writer.remove("42").unwrap();
        writer.upsert(&Item::text("a cat"), &[0.0, -1.0]).unwrap();
        assert_eq!(writer.snapshot().len(), 3);
    };
    check(change, |library| {
        assert_eq!(ids(library), ["path:dog.jpg", "text:dog.jpg", "42"]);
        assert_eq!(library.len(), 3);
    });
}

/// A file that cannot be read loses what it showed before, and is itself again when it can.
#[test]
fn failures_are_remembered_until_the_file_can_be_read() {
    let stamp = Some(FileStamp { size: 3, modified: 5 });
    let folder = tempfile::tempdir().unwrap();
    let library = library(folder.path());
    let mut writer = library.write().unwrap();
    writer.fail(&Failure::new("dog.jpg", stamp, "it ends too early")).unwrap();
    writer.fail(&Failure::new("bird.jpg", None, "no picture")).unwrap();
    writer.commit().unwrap();
    drop(writer);
    assert_eq!(ids(&library), ["text:dog.jpg", "42"]);
    let failures = Library::open(folder.path()).unwrap().failures().unwrap();
    assert_eq!(failures.len(), 2);
    let dog = failures.iter().find(|failure| failure.path == Path::new("dog.jpg")).unwrap();
    assert_eq!((dog.stamp, dog.error.as_str()), (stamp, "it ends too early"));
    let mut writer = library.write().unwrap();
    writer.upsert(&Item::picture("dog.jpg", None), &[1.0, 0.0]).unwrap();
    assert!(writer.forgive("bird.jpg".as_ref()).unwrap());
    writer.commit().unwrap();
    drop(writer);
    assert_eq!(library.failures().unwrap(), []);
}

#[test]
fn everything_that_is_known_of_a_picture_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path(), 1);
    let facts = Facts {
        hash: Some([7; 32]),
        size: Some([640, 480]),
        taken: Some(-86_400),
        place: Some([52.5, -13.4]),
        tags: vec!["holiday".to_owned(), "sea".to_owned()],
    };
    let stamp = Some(FileStamp { size: u64::from(u32::MAX) + 1, modified: i64::MIN });
    let item = Item { facts, ..Item::picture("a/Hündin 犬 100%.jpg", stamp) };
    let mut writer = library.write().unwrap();
    writer.upsert(&item, &[1.0]).unwrap();
    writer.commit().unwrap();
    drop(writer);
    let library = Library::open(folder.path()).unwrap();
    assert_eq!(library.items(&Filter::default()).unwrap(), std::slice::from_ref(&item));
    let files = library.files().unwrap();
    assert_eq!((files[0].stamp, files[0].hash), (stamp, item.facts.hash));
    assert_eq!(library.search(&[1.0], 1, &Filter::default()).unwrap()[0].item, item);
}

/// Thousands of items, in segments that were merged, changed over and over, against a plain list.
#[test]
fn a_large_library_is_the_list_that_was_put_in() {
    let folder = tempfile::tempdir().unwrap();
    let (library, mut random) = (open(folder.path(), 8), Random::new(3));
    let mut list: Vec<(String, Vec<f32>)> = Vec::new();
    for round in 0..12 {
        let mut writer = library.write().unwrap();
        for i in 0..4500 {
            let (id, vector) = (format!("{round}/{i}.jpg"), unit(&mut random, 8));
            writer.upsert(&Item::picture(&id, None), &vector).unwrap();
            list.push((id, vector));
        }
        for step in 0..500 {
            let at = (step * 7919 + round * 31) % list.len();
            if step % 2 == 0 {
                let (id, _) = list.remove(at);
                assert!(writer.remove(&format!("path:{id}")).unwrap());
            } else {
                let vector = unit(&mut random, 8);
                writer.upsert(&Item::picture(&list[at].0, None), &vector).unwrap();
                list[at].1 = vector;
            }
        }
        writer.commit().unwrap();
    }
    let files = fs::read_dir(folder.path().join("segments")).unwrap().count();
    assert!((2..12).contains(&files), "{files} segments");
    let check = |library: &Library| {
        assert_eq!(library.len(), list.len());
        assert_eq!(library.verify().unwrap().len(), 0);
        let mut random = Random::new(4);
        for under in [vec![], vec![PathBuf::from("3")], vec!["1".into(), "7/12.jpg".into()]] {
            let query = unit(&mut random, 8);
            let is_under = |id: &str| {
                under.is_empty() || under.iter().any(|path| Path::new(id).starts_with(path))
            };
            let listed = list.iter().enumerate().filter(|(_, (id, _))| is_under(id));
            let mut scored: Vec<(f64, usize)> = listed
                .map(|(i, (_, vector))| {
                    let products = vector.iter().zip(&query);
                    (products.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum(), i)
                })
                .collect();
            scored.sort_by(|a, b| b.0.total_cmp(&a.0));
            scored.truncate(25);
            let filter = Filter { under: under.clone(), ..Filter::default() };
            let hits = library.search(&query, 25, &filter).unwrap();
            assert_eq!(hits.len(), scored.len());
            for (hit, (score, _)) in hits.iter().zip(&scored) {
                // Two may change places only where f32 cannot tell them apart.
                assert!((f64::from(hit.score) - score).abs() < 1e-6);
            }
        }
        for (id, vector) in list.iter().step_by(997) {
            let (_, found) = library.get(&format!("path:{id}")).unwrap().unwrap();
            assert_eq!(&found, vector);
        }
    };
    check(&library);
    check(&Library::open(folder.path()).unwrap());
    library.write().unwrap().compact().unwrap();
    assert_eq!(fs::read_dir(folder.path().join("segments")).unwrap().count(), 1);
    check(&library);
    check(&Library::open(folder.path()).unwrap());
}

#[test]
fn filters_hold_together() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path(), 1);
    let mut writer = library.write().unwrap();
    let facts = |size: [u32; 2], taken: i64, tags: &[&str]| Facts {
        size: Some(size),
        taken: Some(taken),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..Facts::default()
    };
    for (path, facts) in [
        ("a/dog.jpg", facts([30, 20], 100, &["x"])),
        ("a/b/cat.jpg", facts([20, 30], 200, &["x", "y"])),
        ("ab/car.jpg", facts([30, 30], 300, &[])),
        ("dog.jpg", Facts::default()),
    ] {
        writer.upsert(&Item { facts, ..Item::picture(path, None) }, &[1.0]).unwrap();
    }
    writer.upsert(&Item::text("a dog"), &[1.0]).unwrap();
    writer.commit().unwrap();
    drop(writer);
    let all = ids(&library);
    let check = |filter: Filter, expected: &[usize]| {
        let hits = library.search(&[1.0], 10, &filter).unwrap();
        let found: Vec<&str> = hits.iter().map(|hit| hit.item.id.as_str()).collect();
        let expected: Vec<&str> = expected.iter().map(|i| all[*i].as_str()).collect();
        assert_eq!(found, expected, "{filter:?}");
        let items = library.items(&filter).unwrap();
        assert_eq!(items.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(), expected);
    };
    let none = Filter::default;
    let under = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
    check(none(), &[0, 1, 2, 3, 4]);
    check(Filter { under: under(&["a"]), ..none() }, &[0, 1]);
    check(Filter { under: under(&["a/", "dog.jpg"]), ..none() }, &[0, 1, 3]);
    check(Filter { under: under(&["a/b/cat.jpg"]), ..none() }, &[1]);
    check(Filter { under: under(&[""]), ..none() }, &[0, 1, 2, 3]);
    check(Filter { under: under(&["c"]), ..none() }, &[]);
    check(Filter::of(Modality::Text), &[4]);
    check(Filter::of(Modality::Image), &[0, 1, 2, 3]);
    check(Filter { taken_from: Some(200), ..none() }, &[1, 2]);
    check(Filter { taken_from: Some(100), taken_before: Some(300), ..none() }, &[0, 1]);
    check(Filter { min_side: Some(30), ..none() }, &[0, 1, 2]);
    check(Filter { min_side: Some(31), ..none() }, &[]);
    check(Filter { orientation: Some(Orientation::Landscape), ..none() }, &[0]);
    check(Filter { orientation: Some(Orientation::Portrait), ..none() }, &[1]);
    check(Filter { orientation: Some(Orientation::Square), ..none() }, &[2]);
    check(Filter { tags: vec!["x".into()], ..none() }, &[0, 1]);
    check(Filter { tags: vec!["x".into(), "y".into()], ..none() }, &[1]);
    let both = Filter { under: under(&["a"]), taken_before: Some(150), ..none() };
    check(both, &[0]);
}

#[test]
fn equal_scores_keep_the_order_of_insertion() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path(), 2);
    let (up, right) = ([0.0, 1.0], [1.0, 0.0]);
    let mut writer = library.write().unwrap();
    for (i, vector) in [right, up, right, up, up, [0.0, -1.0]].iter().enumerate() {
        writer.upsert(&Item::picture(i.to_string(), None), vector).unwrap();
        if i == 3 {
            writer.compact().unwrap();
        }
    }
    writer.commit().unwrap();
    drop(writer);
    let check = |query: [f32; 2], top: usize, expected: &[&str]| {
        let hits = library.search(&query, top, &Filter::default()).unwrap();
        let found: Vec<String> =
            hits.iter().map(|hit| hit.item.path().unwrap().display().to_string()).collect();
        assert_eq!(found, expected);
    };
    check(up, 5, &["1", "3", "4", "0", "2"]);
    check(up, 2, &["1", "3"]);
    check(up, 0, &[]);
    check(up, usize::MAX, &["1", "3", "4", "0", "2", "5"]);
    // −0 and 0 are one score.
    check([-0.0, -1.0], 6, &["5", "0", "2", "1", "3", "4"]);
}

#[test]
fn readers_see_what_was_committed_when_they_look() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(folder.path());
    let reader = Library::open(folder.path()).unwrap();
    let mut writer = library.write().unwrap();
    writer.remove("42").unwrap();
    reader.reload().unwrap();
    assert_eq!((reader.len(), ids(&reader).len()), (3, 3));
    writer.commit().unwrap();
    reader.reload().unwrap();
    assert_eq!((reader.len(), ids(&reader).len()), (2, 2));
    writer.compact().unwrap();
    // The files that it had open are gone, and it reads them still.
    assert_eq!(reader.search(&[0.0, 1.0], 10, &Filter::default()).unwrap().len(), 2);
}

/// One who has a library open goes on with it when another is put in its place, and mixes up nothing.
#[cfg(unix)]
#[test]
fn a_library_that_is_replaced_is_not_mixed_with_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("library");
    let old = library(&place);
    fs::rename(&place, folder.path().join("elsewhere")).unwrap();
    let new = open(&place, 2);
    let mut writer = new.write().unwrap();
    writer.upsert(&Item::text("another"), &[0.0, 1.0]).unwrap();
    writer.commit().unwrap();
    drop(writer);
    let snapshot = old.snapshot().unwrap();
    assert_eq!(snapshot.count().unwrap(), 3);
    let error = old.snapshot().err().unwrap();
    assert!(matches!(&error, Error::Replaced { path } if *path == place), "{error}");
    assert_eq!(snapshot.items(&Filter::default()).unwrap().len(), 3);
    assert_eq!(ids(&new), ["text:another"]);
    // With the connections that it has it goes on.
    drop(snapshot);
    assert_eq!(old.count().unwrap(), 3);
}

#[test]
fn vectors_that_are_none_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(folder.path());
    let mut writer = library.write().unwrap();
    let mut check = |vector: &[f32], message: &str| {
        let error = writer.upsert(&Item::picture("a b.jpg", None), vector).unwrap_err();
        assert_eq!(error.to_string(), message);
    };
    check(
        &[1.0],
        "the vector of a b.jpg has 1 value, the library's have 2: encode it with the library's model",
    );
    check(&[0.0, f32::INFINITY], "the vector of a b.jpg holds inf at position 1: encode it again");
    check(&[3.0, 4.0], "the vector of a b.jpg has length 5, not 1: normalize it first");
    check(&[0.0, 0.0], "the vector of a b.jpg has length 0, not 1: normalize it first");
    let error = writer.upsert(&Item::text("a"), &[f32::MAX, 0.0]).unwrap_err();
    assert!(matches!(error, Error::NotUnit { .. }));
    // Vectors of half precision are unit vectors.
    writer.upsert(&Item::text("a"), &[1.0009, 0.0]).unwrap();
    drop(writer);
    assert_eq!(library.len(), 3);
    let error = |query: &[f32]| library.search(query, 1, &Filter::default()).unwrap_err();
    assert!(matches!(error(&[0.0, f32::NAN]), Error::NotFinite { position: 1, .. }));
    assert_eq!(
        error(&[1.0; 3]).to_string(),
        "the vector of the query has 3 values, the library's have 2: encode it with the library's model"
    );
}

#[test]
fn half_precision_is_near() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open_or_create(folder.path(), "1", "tiny", 64, Precision::F16).unwrap();
    let vectors: Vec<_> = (0..50).map(|i| unit(&mut Random::new(i), 64)).collect();
    let mut writer = library.write().unwrap();
    for (i, vector) in vectors.iter().enumerate() {
        writer.upsert(&Item::picture(i.to_string(), None), vector).unwrap();
    }
    writer.commit().unwrap();
    writer.compact().unwrap();
    drop(writer);
    assert_eq!(library.precision(), Precision::F16);
    for vector in &vectors {
        let hits = library.search(vector, 1, &Filter::default()).unwrap();
        assert!((hits[0].score - 1.0).abs() < 5e-4 && hits[0].score != 1.0);
    }
}

/// A library of vectors at these angles, with ids that are the angles.
fn at_angles(folder: &Path, degrees: impl IntoIterator<Item = f32>) -> Library {
    let library = open(folder, 2);
    let mut writer = library.write().unwrap();
    for degrees in degrees {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let item = Item::text(degrees.to_string()).with_id(degrees.to_string());
        writer.upsert(&item, &[cos, sin]).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    library
}

/// Who keeps the best of each group keeps something within ten degrees of everything, whatever else is
/// between.
#[test]
fn near_duplicates_are_like_the_best_of_their_group() {
    let folder = tempfile::tempdir().unwrap();
    let library = at_angles(folder.path(), [0.0, 8.0, 16.0, 90.0, 180.0, 183.0]);
    let min_score = 10f32.to_radians().cos();
    let mut heard = Vec::new();
    let mut check = |ids: &[&str], expected: &[(&str, &[&str])]| {
        let groups =
            library.near_duplicates(ids, min_score, |done, of| heard.push((done, of))).unwrap();
        let found: Vec<(&str, Vec<&str>)> = groups
            .iter()
            .map(|group| {
                let others = group.others.iter().map(|(other, _)| ids[*other]);
                (ids[group.best], others.collect())
            })
            .collect();
        let expected: Vec<(&str, Vec<&str>)> =
            expected.iter().map(|(best, others)| (*best, others.to_vec())).collect();
        assert_eq!(found, expected);
        for group in &groups {
            let angle = |at: usize| ids[at].parse::<f32>().unwrap();
            for (other, score) in &group.others {
                let apart = (angle(group.best) - angle(*other)).to_radians();
                assert!((score - apart.cos()).abs() < 1e-6);
            }
        }
    };
    // 16 is like 8, which is dropped, and not like 0.
    check(&["0", "90", "8", "180", "16", "183"], &[("0", &["8"]), ("180", &["183"])]);
    check(&["183", "8", "16", "180", "90", "0"], &[("183", &["180"]), ("8", &["16", "0"])]);
    check(&["16", "0", "8"], &[("16", &["8"])]);
    check(&["0", "16", "no such item"], &[]);
    check(&[], &[]);
    assert_eq!(heard, [(6, 6), (6, 6), (3, 3), (2, 2)]);
}

/// Also a group larger than what a search looks at.
#[test]
fn many_near_duplicates_are_one_group() {
    let folder = tempfile::tempdir().unwrap();
    let angles = (0..500).map(|i| i as f32 / 100.0);
    let library = at_angles(folder.path(), angles.clone());
    let ids: Vec<String> = angles.map(|angle| angle.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let groups = library.near_duplicates(&ids, 10f32.to_radians().cos(), |_, _| ()).unwrap();
    assert_eq!((groups.len(), groups[0].best, groups[0].others.len()), (1, 0, 499));
}

/// Libraries of earlier versions have tags as they were written: from macOS, often decomposed.
#[test]
fn tags_that_are_not_composed_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path(), 2);
    let mut writer = library.write().unwrap();
    let facts = Facts { tags: vec!["tag".to_owned()], ..Facts::default() };
    writer.upsert(&Item { facts, ..Item::picture("a.jpg", None) }, &[1.0, 0.0]).unwrap();
    writer.commit().unwrap();
    drop(writer);
    drop(library);
    let catalog = rusqlite::Connection::open(folder.path().join("catalog.sqlite")).unwrap();
    catalog.execute("UPDATE tags SET tag = ?", ["Zu\u{308}rich"]).unwrap();
    drop(catalog);
    let library = open(folder.path(), 2);
    for tag in ["Z\u{fc}rich", "Zu\u{308}rich"] {
        let filter = Filter { tags: vec![tag.to_owned()], ..Filter::default() };
        assert_eq!(library.items(&filter).unwrap().len(), 1, "{tag}");
    }
}
