//! What is too much, or nothing at all.

use clip_retrieval::{Error, Facts, Filter, Item, Result, Store};

use crate::place::Place;

/// Stores an item, and looks whether it is there; or whether what was there before is.
fn check(store: &dyn Store, item: &Item) -> Result<()> {
    let mut writer = store.writer().unwrap();
    let stored = writer.upsert(item, &[0.6, 0.8]);
    writer.commit().unwrap();
    drop(writer);
    let expected = stored.is_ok().then(|| (item.clone(), vec![0.6, 0.8]));
    assert!(store.get(&item.id).unwrap() == expected, "{stored:?}");
    stored
}

pub(crate) fn what_is_long_is_stored_or_refused_before_anything_is(place: &dyn Place) {
    let store = place.open(2);
    let store = &*store;
    let long = |bytes: usize| "é".repeat(bytes / 2);
    check(store, &Item::text(long(65_000))).unwrap();
    check(store, &Item::text("an id").with_id(long(65_534))).unwrap();
    let mut path = std::path::PathBuf::new();
    path.extend(std::iter::repeat_n("a folder of some length", 170));
    check(store, &Item::picture(&path, None)).unwrap();
    let tagged = |tags: Vec<String>| {
        let facts = Facts { tags, ..Facts::default() };
        Item { facts, ..Item::text("tagged") }
    };
    check(store, &tagged((1000..2000).map(|i| i.to_string()).collect())).unwrap();
    let count = store.count().unwrap();
    let mut refused = 0;
    for item in [
        Item::text(long(70_000)).with_id("a long text"),
        Item::text("a long id").with_id(long(70_000)),
        Item { id: "a long tag".into(), ..tagged(vec![long(70_000)]) },
        Item {
            id: "many tags".into(),
            ..tagged((10_000..20_000).map(|i| i.to_string()).collect())
        },
    ] {
        match check(store, &item) {
            Ok(()) => {}
            Err(Error::TooLong { .. }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(store.count().unwrap(), count + 4 - refused);
    // Answers of more than a message holds.
    let mut writer = store.writer().unwrap();
    for i in 0..100 {
        writer.upsert(&Item::text(format!("{i} {}", long(60_000))), &[1.0, 0.0]).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    let hits = store.search(&[1.0, 0.0], 100, &Filter::default()).unwrap();
    assert!(hits.len() == 100 && hits.iter().all(|hit| hit.score == 1.0));
    assert_eq!(store.items(&Filter::default()).unwrap().len(), count + 4 - refused + 100);
}

pub(crate) fn vectors_that_are_none_are_refused(place: &dyn Place) {
    let store = place.open(2);
    let mut writer = store.writer().unwrap();
    let mut refusal = |vector: &[f32]| writer.upsert(&Item::text("a"), vector).unwrap_err();
    assert!(matches!(refusal(&[1.0]), Error::Dimension { found: 1, expected: 2, .. }));
    assert!(matches!(refusal(&[1.0, 0.0, 0.0]), Error::Dimension { found: 3, .. }));
    assert!(matches!(refusal(&[f32::NAN, 0.0]), Error::NotFinite { position: 0, .. }));
    assert!(matches!(refusal(&[0.0, f32::INFINITY]), Error::NotFinite { position: 1, .. }));
    assert!(matches!(refusal(&[0.0, 0.0]), Error::NotUnit { .. }));
    assert!(matches!(refusal(&[1.0, 1.0]), Error::NotUnit { .. }));
    writer.commit().unwrap();
    drop(writer);
    assert_eq!(store.count().unwrap(), 0);
    let search = |query: &[f32]| store.search(query, 1, &Filter::default()).unwrap_err();
    assert!(matches!(search(&[1.0]), Error::Dimension { found: 1, .. }));
    assert!(matches!(search(&[0.0, f32::NAN]), Error::NotFinite { position: 1, .. }));
}
