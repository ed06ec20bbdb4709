//! What is put in, changed and taken out.

use std::path::Path;

use clip_retrieval::{
    Attempt, Content, Facts, Failure, FileStamp, Filter, Item, KeptTags, Modality, SearchOptions,
    Snapshot, Store, UserTags,
};

use crate::place::Place;

/// A store of three, committed.
fn three(place: &dyn Place) -> Box<dyn Store> {
    let store = place.open(2);
    let mut writer = store.writer().unwrap();
    writer.upsert(&Item::picture("dog.jpg", None), &[1.0, 0.0]).unwrap();
    writer.upsert(&Item::text("dog.jpg"), &[0.0, 1.0]).unwrap();
    writer.upsert(&Item::picture("cat.jpg", None).with_id("42"), &[0.6, 0.8]).unwrap();
    writer.commit().unwrap();
    drop(writer);
    store
}

fn ids_in(snapshot: &dyn Snapshot, filter: &Filter) -> Vec<String> {
    let items = snapshot.items(filter).unwrap();
    let mut ids: Vec<String> = items.into_iter().map(|item| item.id).collect();
    ids.sort();
    assert_eq!(snapshot.search(&[0.6, 0.8], 10, filter).unwrap().len(), ids.len());
    ids
}

fn all_in(snapshot: &dyn Snapshot) -> Vec<String> {
    let ids = ids_in(snapshot, &Filter::default());
    assert_eq!(snapshot.count().unwrap(), ids.len());
    ids
}

fn ids(store: &dyn Store, filter: &Filter) -> Vec<String> {
    ids_in(&*store.snapshot().unwrap(), filter)
}

fn all(store: &dyn Store) -> Vec<String> {
    all_in(&*store.snapshot().unwrap())
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
    let user_tags = user_tags(&["mine", "été"], &["a \"quoted\" one"]);
    let full = Item { facts, user_tags: user_tags.clone(), ..Item::picture("a/b.jpg", stamp) };
    let nowhere = Facts { place: Some([0.0, 0.0]), taken: Some(0), ..Facts::default() };
    let caption = Item { facts: nowhere, ..Item::new(Content::Text("".into()), Modality::Image) };
    let page = Item::new(Content::Path("page.txt".into()), Modality::Text);
    let items = [full, caption, page, Item::text("only words").with_id("")];
    let store = place.open(3);
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
    assert_eq!(files[0].user_tags, user_tags);
    assert!(files[1].user_tags.is_empty());
}

fn user_tags(added: &[&str], removed: &[&str]) -> UserTags {
    let [added, removed] =
        [added, removed].map(|tags| tags.iter().map(|tag| (*tag).to_owned()).collect());
    UserTags { added, removed }
}

/// A tag is one that a user added, or one of the file that no user removed.
pub(crate) fn what_a_user_said_of_tags_is_kept_apart_from_the_file(place: &dyn Place) {
    let item = |name: &str, keywords: &[&str], user_tags: UserTags| {
        let tags = keywords.iter().map(|tag| (*tag).to_owned()).collect();
        let facts = Facts { tags, ..Facts::default() };
        Item { facts, user_tags, ..Item::picture(name, None) }
    };
    let store = place.open(2);
    let mut writer = store.writer().unwrap();
    for item in [
        item("of-the-file", &["sea"], UserTags::default()),
        item("added", &[], user_tags(&["sea"], &[])),
        item("both", &["sea"], user_tags(&["sea"], &[])),
        item("removed", &["air", "sea"], user_tags(&[], &["sea"])),
        item("removed-before-it-came", &["air"], user_tags(&[], &["sea"])),
        item("none", &["air"], UserTags::default()),
    ] {
        writer.upsert(&item, &[0.6, 0.8]).unwrap();
        assert_eq!(writer.store().get(&item.id).unwrap().unwrap().0, item);
    }
    writer.commit().unwrap();
    drop(writer);
    let tagged = |tag: &str| Filter { tags: vec![tag.to_owned()], ..Filter::default() };
    assert_eq!(ids(&*store, &tagged("sea")), ["path:added", "path:both", "path:of-the-file"]);
    let air = ["path:none", "path:removed", "path:removed-before-it-came"];
    assert_eq!(ids(&*store, &tagged("air")), air);
    for item in store.items(&Filter::default()).unwrap() {
        let is_found = ids(&*store, &tagged("sea")).contains(&item.id);
        assert_eq!(item.tags().contains(&"sea"), is_found, "{item:?}");
    }
    // What the file says is read anew, what the user said stays.
    let mut writer = store.writer().unwrap();
    let moved = item("elsewhere", &["sea"], user_tags(&["mine"], &["sea"]));
    assert!(writer.rename("path:removed", &moved).unwrap());
    writer.commit().unwrap();
    drop(writer);
    assert_eq!(place.open(2).get("path:elsewhere").unwrap().unwrap().0, moved);
    assert_eq!(ids(&*store, &tagged("mine")), ["path:elsewhere"]);
}

pub(crate) fn tags_of_files_without_an_item_are_kept(place: &dyn Place) {
    let kept = |path: &str, hash, user_tags| KeptTags { path: path.into(), hash, user_tags };
    let dog = kept("a/dog.jpg", Some([9; 32]), user_tags(&["mine", "pet"], &["cat"]));
    let cat = kept("cat.jpg", None, user_tags(&[], &["dog"]));
    let store = three(place);
    let mut writer = store.writer().unwrap();
    writer.keep_tags(&kept("cat.jpg", Some([1; 32]), user_tags(&["old"], &[]))).unwrap();
    for kept in [&dog, &cat] {
        writer.keep_tags(kept).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    let found = |store: &dyn Store| {
        let mut found = store.kept_tags().unwrap();
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    };
    assert_eq!(found(&*place.open(2)), [dog.clone(), cat]);
    assert_eq!((store.count().unwrap(), store.failures().unwrap()), (3, vec![]));
    let mut writer = store.writer().unwrap();
    writer.forget_tags("cat.jpg".as_ref()).unwrap();
    writer.forget_tags("no.jpg".as_ref()).unwrap();
    writer.commit().unwrap();
    drop(writer);
    assert_eq!(found(&*store), [dog]);
}

fn norm(i: usize) -> f32 {
    [0.1f32, 0.2, 0.3].iter().map(|v| (v + i as f32) * (v + i as f32)).sum::<f32>().sqrt()
}

pub(crate) fn the_same_id_is_replaced_whatever_it_was(place: &dyn Place) {
    let store = three(place);
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
    let store = three(place);
    let mut writer = store.writer().unwrap();
    assert!(writer.remove("path:dog.jpg").unwrap());
    assert!(!writer.remove("path:dog.jpg").unwrap());
    assert!(!writer.remove("another").unwrap());
    assert!(writer.remove("42").unwrap());
    writer.upsert(&Item::picture("cat.jpg", None), &[0.6, 0.8]).unwrap();
    assert!(writer.remove("path:cat.jpg").unwrap());
    assert_eq!(all_in(writer.store()), ["text:dog.jpg"]);
    writer.upsert(&Item::picture("dog.jpg", None), &[0.0, 1.0]).unwrap();
    writer.commit().unwrap();
    drop(writer);
    assert_eq!(all(&*store), ["path:dog.jpg", "text:dog.jpg"]);
    assert_eq!(all(&*place.open(2)), ["path:dog.jpg", "text:dog.jpg"]);
    assert_eq!(store.get("path:dog.jpg").unwrap().unwrap().1, [0.0, 1.0]);
}

/// A file that moved keeps its vector, and takes the place of what was there.
pub(crate) fn an_item_can_be_renamed(place: &dyn Place) {
    let store = three(place);
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
    let store = three(place);
    let mut writer = store.writer().unwrap();
    let attempt = Some(Attempt { reader: "1 heif".to_owned(), max_megapixels: Some(256) });
    let failure = Failure::new("dog.jpg", stamp, "it ends too early");
    let failure = Failure { status_changed: Some(-7), attempt, ..failure };
    writer.fail(&failure).unwrap();
    writer.fail(&Failure::new("bird.jpg", None, "no picture")).unwrap();
    writer.commit().unwrap();
    drop(writer);
    assert_eq!(all(&*store), ["42", "text:dog.jpg"]);
    let failures = place.open(2).failures().unwrap();
    assert_eq!(failures.len(), 2);
    let dog = failures.iter().find(|failure| failure.path == Path::new("dog.jpg")).unwrap();
    assert_eq!(*dog, failure);
    assert!(failures.contains(&Failure::new("bird.jpg", None, "no picture")));
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
    let store = place.open(2);
    assert_eq!(all(&*store), [""; 0]);
    assert!(store.sample(5, Modality::Image).unwrap().is_empty());
    assert!(
        store.search_all(&[], 5, &Filter::default(), &SearchOptions::default()).unwrap().is_empty()
    );
    assert_eq!((store.files().unwrap(), store.failures().unwrap()), (vec![], vec![]));
    assert_eq!((store.fingerprint(), store.model_name(), store.dimension()), ("1", "tiny", 2));
    let mut writer = store.writer().unwrap();
    assert!(!writer.remove("a").unwrap());
    assert!(!writer.rename("a", &Item::text("b")).unwrap());
    writer.commit().unwrap();
}
