//! More than one program.

use std::thread;

use clip_retrieval::{Error, Filter, Item};

use crate::place::Place;

pub(crate) fn what_is_committed_is_there_for_others(place: &dyn Place) {
    let store = place.open(2);
    let mut writer = store.writer().unwrap();
    writer.upsert(&Item::text("a"), &[1.0, 0.0]).unwrap();
    assert_eq!(writer.store().count().unwrap(), 1, "a writer sees what it has done");
    assert_eq!(writer.store().search(&[1.0, 0.0], 1, &Filter::default()).unwrap().len(), 1);
    writer.commit().unwrap();
    let other = place.open(2);
    assert_eq!(other.count().unwrap(), 1);
    assert_eq!(other.get("text:a").unwrap().unwrap().1, [1.0, 0.0]);
    writer.remove("text:a").unwrap();
    writer.upsert(&Item::text("b"), &[0.0, 1.0]).unwrap();
    writer.commit().unwrap();
    let other = place.open(2);
    assert_eq!(other.get("text:a").unwrap(), None);
    assert_eq!(other.items(&Filter::default()).unwrap(), [Item::text("b")]);
}

pub(crate) fn two_may_write_at_once(place: &dyn Place) {
    // Made once, so that both find it.
    drop(place.open(2));
    thread::scope(|scope| {
        for name in ["a", "b"] {
            scope.spawn(move || {
                let store = place.open(2);
                for commit in 0..5 {
                    let mut writer = store.writer().unwrap();
                    for i in 0..50 {
                        let own = Item::text(format!("{name} {commit} {i}"));
                        writer.upsert(&own, &[1.0, 0.0]).unwrap();
                    }
                    writer.upsert(&Item::text("of both"), &[0.0, 1.0]).unwrap();
                    writer.commit().unwrap();
                }
            });
        }
    });
    let store = place.open(2);
    assert_eq!(store.count().unwrap(), 2 * 5 * 50 + 1);
    assert_eq!(store.items(&Filter::default()).unwrap().len(), 2 * 5 * 50 + 1);
}

pub(crate) fn another_model_is_refused_by_name(place: &dyn Place) {
    drop(place.open(2));
    match place.open_for(["2", "large"], 2).err().unwrap() {
        Error::OtherModel { found_name, wanted_name, .. } => {
            assert_eq!([found_name.as_str(), wanted_name.as_str()], ["tiny", "large"]);
        }
        other => panic!("{other}"),
    }
    assert_eq!(place.open_for(["1", "another name of it"], 2).unwrap().model_name(), "tiny");
}
