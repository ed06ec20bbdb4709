//! What is put in, changed and taken out.

use std::path::Path;

use clip_retrieval::{Content, Facts, FileStamp, Filter, Item, Modality, Store};

use crate::place::Place;

/// A store of three, committed.
fn three(place: &dyn Place) -> Box<dyn Store> {
    let mut store = place.open(2);
    let mut writer = store.writer().unwrap();
    writer.upsert(&Item::picture("dog.jpg", None), &[1.0, 0.0]).unwrap();
    writer.upsert(&Item::text("dog.jpg"), &[0.0, 1.0]).unwrap();
    writer.upsert(&Item::picture("cat.jpg", None).with_id("42"), &[0.6, 0.8]).unwrap();
    writer.commit().unwrap();
    drop(writer);
    store
}

fn ids(store: &dyn Store, filter: &Filter) -> Vec<String> {
    let items = store.items(filter).unwrap();
    let mut ids: Vec<String> = items.into_iter().map(|item| item.id).collect();
    ids.sort();
    assert_eq!(store.search(&[0.6, 0.8], 10, filter).unwrap().len(), ids.len());
    ids
}

fn all(store: &dyn Store) -> Vec<String> {
    let ids = ids(store, &Filter::default());
    assert_eq!(store.count().unwrap(), ids.len());
    ids
}

pub(crate) fn an_item_comes_back_with_all_that_is_known_of_it(place: &dyn Place) {
    let facts = Facts {
        hash: Some([7; 32]),
        size: Some([4000, 3000]),
        taken: Some(-1),
        place: Some([-33.8568, 151.2153]),
        tags: vec!["a \"quoted\" one".to_owned(), "été".to_owned()],
    };
    let stamp = Some(FileStamp { size: 0, modified: i64::MIN });
    let full = Item { facts, ..Item::picture("a/b.jpg", stamp) };
    let nowhere = Facts { place: Some([0.0, 0.0]), taken: Some(0), ..Facts::default() };
    let caption = Item { facts: nowhere, ..Item::new(Content::Text("".into()), Modality::Image) };
    let page = Item::new(Content::Path("page.txt".into()), Modality::Text);
    let items = [full, caption, page, Item::text("only words").with_id("")];
    let mut store = place.open(3);
    let mut writer = store.writer().unwrap();
    let vector = |i: usize| [0.1f32, 0.2, 0.3].map(|v| v + i as f32).map(|v| v / norm(i));
    for (i, item) in items.iter().enumerate() {
        writer.upsert(item, &vector(i)).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    for (i, item) in items.iter().enumerate() {
        assert_eq!(store.get(&item.id).unwrap(), Some((item.clone(), vector(i).to_vec())));
        let hits = store.search(&vector(i), 10, &Filter::of(item.modality)).unwrap();
        assert!(hits.iter().any(|hit| hit.item == *item));
    }
    assert_eq!(store.get("another").unwrap(), None);
    let mut files = store.files().unwrap();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let found: Vec<_> =
        files.iter().map(|file| (file.path.as_path(), file.stamp, file.hash)).collect();
    let expected =
        [(Path::new("a/b.jpg"), stamp, Some([7; 32])), (Path::new("page.txt"), None, None)];
    assert_eq!(found, expected);
}

fn norm(i: usize) -> f32 {
    [0.1f32, 0.2, 0.3].iter().map(|v| (v + i as f32) * (v + i as f32)).sum::<f32>().sqrt()
}

pub(crate) fn the_same_id_is_replaced_whatever_it_was(place: &dyn Place) {
    let mut store = three(place);
    let mut writer = store.writer().unwrap();
    writer.upsert(&Item::picture("lion.jpg", None).with_id("42"), &[0.8, 0.6]).unwrap();
    writer.upsert(&Item::text("a dog").with_id("path:dog.jpg"), &[0.0, -1.0]).unwrap();
    writer.commit().unwrap();
    drop(writer);
    let store = place.open(2);
    assert_eq!(all(&*store), ["42", "path:dog.jpg", "text:dog.jpg"]);
    assert_eq!(ids(&*store, &Filter::of(Modality::Image)), ["42"]);
    assert_eq!(ids(&*store, &Filter::of(Modality::Text)), ["path:dog.jpg", "text:dog.jpg"]);
    let (item, vector) = store.get("42").unwrap().unwrap();
    assert_eq!((item.path(), vector), (Some("lion.jpg".as_ref()), vec![0.8, 0.6]));
    let (item, vector) = store.get("path:dog.jpg").unwrap().unwrap();
    assert_eq!((item.path(), vector), (None, vec![0.0, -1.0]));
}

pub(crate) fn what_is_removed_is_gone(place: &dyn Place) {
    let mut store = three(place);
    let mut writer = store.writer().unwrap();
    assert!(writer.remove("path:dog.jpg").unwrap());
    assert!(!writer.remove("path:dog.jpg").unwrap());
    assert!(!writer.remove("another").unwrap());
    assert!(writer.remove("42").unwrap());
    writer.upsert(&Item::picture("cat.jpg", None), &[0.6, 0.8]).unwrap();
    assert!(writer.remove("path:cat.jpg").unwrap());
    assert_eq!(all(writer.store()), ["text:dog.jpg"]);
    writer.upsert(&Item::picture("dog.jpg", None), &[0.0, 1.0]).unwrap();
    writer.commit().unwrap();
    drop(writer);
    assert_eq!(all(&*store), ["path:dog.jpg", "text:dog.jpg"]);
    assert_eq!(all(&*place.open(2)), ["path:dog.jpg", "text:dog.jpg"]);
    assert_eq!(store.get("path:dog.jpg").unwrap().unwrap().1, [0.0, 1.0]);
}

/// A file that moved keeps its vector, and takes the place of what was there.
pub(crate) fn an_item_can_be_renamed(place: &dyn Place) {
    let mut store = three(place);
    let mut writer = store.writer().unwrap();
    let moved = Item::picture("old/dog.jpg", None);
    assert!(writer.rename("path:dog.jpg", &moved).unwrap());
    assert!(!writer.rename("path:dog.jpg", &moved).unwrap());
    assert!(writer.rename("path:old/dog.jpg", &moved).unwrap());
    let cat = moved.with_id("42");
    assert!(writer.rename("path:old/dog.jpg", &cat).unwrap());
    writer.commit().unwrap();
    // What was committed is renamed like what was not.
    assert!(writer.rename("42", &cat.clone().with_id("43")).unwrap());
    writer.commit().unwrap();
    drop(writer);
    let store = place.open(2);
    assert_eq!(all(&*store), ["43", "text:dog.jpg"]);
    let (item, vector) = store.get("43").unwrap().unwrap();
    assert_eq!((item.path(), vector), (Some("old/dog.jpg".as_ref()), vec![1.0, 0.0]));
}

/// A file that cannot be read loses what it showed before, and is itself again when it can.
pub(crate) fn failures_are_remembered_until_the_file_can_be_read(place: &dyn Place) {
    let stamp = Some(FileStamp { size: 3, modified: 5 });
    let mut store = three(place);
    let mut writer = store.writer().unwrap();
    writer.fail("dog.jpg".as_ref(), stamp, "it ends too early").unwrap();
    writer.fail("bird.jpg".as_ref(), None, "no picture").unwrap();
    writer.commit().unwrap();
    drop(writer);
    assert_eq!(all(&*store), ["42", "text:dog.jpg"]);
    let failures = place.open(2).failures().unwrap();
    assert_eq!(failures.len(), 2);
    let dog = failures.iter().find(|failure| failure.path == Path::new("dog.jpg")).unwrap();
    assert_eq!((dog.stamp, dog.error.as_str()), (stamp, "it ends too early"));
    let mut writer = store.writer().unwrap();
    writer.upsert(&Item::picture("dog.jpg", None), &[1.0, 0.0]).unwrap();
    assert!(writer.forgive("bird.jpg".as_ref()).unwrap());
    assert!(!writer.forgive("bird.jpg".as_ref()).unwrap());
    writer.commit().unwrap();
    drop(writer);
    assert_eq!(store.failures().unwrap(), []);
    assert_eq!(store.count().unwrap(), 3);
}

pub(crate) fn an_empty_store_answers(place: &dyn Place) {
    let mut store = place.open(2);
    assert_eq!(all(&*store), [""; 0]);
    assert!(store.sample(5, Modality::Image).unwrap().is_empty());
    assert!(store.search_all(&[], 5, &Filter::default()).unwrap().is_empty());
    assert_eq!((store.files().unwrap(), store.failures().unwrap()), (vec![], vec![]));
    assert_eq!((store.fingerprint(), store.model_name(), store.dimension()), ("1", "tiny", 2));
    let mut writer = store.writer().unwrap();
    assert!(!writer.remove("a").unwrap());
    assert!(!writer.rename("a", &Item::text("b")).unwrap());
    writer.commit().unwrap();
}
