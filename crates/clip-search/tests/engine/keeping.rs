//! Tags, duplicates, maps, models, and keeping a collection in order.

use std::fs;

use clip_retrieval::{Filter, Flat, Modality, Store};
use clip_search::{
    BUILT_IN, DuplicateKind, Duplicates, Error, Model, Models, Silent, TagChange, compact, map,
    prune, prune_plan, registry, remove, remove_plan, thumbnail,
};

use crate::fixture::{Fixture, Recorder};

#[test]
fn what_is_gone_is_dropped_and_its_tags_come_back() {
    let fixture = Fixture::new(&["fx-car.png", "fx-cat.png"]);
    fixture.update(&mut Silent).unwrap();
    let car = fixture.path("fx-car.png");
    fixture.engine.add_tags(std::slice::from_ref(&car), &["mine".to_owned()]).unwrap();
    fs::remove_file(&car).unwrap();
    let planned = prune_plan(fixture.engine.collection().store()).unwrap();
    assert_eq!((planned.gone, planned.unplugged, planned.left), (1, 0, 1));
    assert_eq!(fixture.engine.count().unwrap(), 2, "nothing was done");
    assert_eq!(prune(fixture.engine.collection().store()).unwrap(), planned);
    assert_eq!(fixture.engine.count().unwrap(), 1);

    fixture.copy("fx-car.png", "fx-car.png");
    fixture.update(&mut Silent).unwrap();
    let tagged = Filter { tags: vec!["mine".to_owned()], ..Filter::of(Modality::Image) };
    assert_eq!(fixture.engine.collection().store().items(&tagged).unwrap().len(), 1);
    let off = [TagChange::Remove("mine")];
    let filter = Filter { under: vec![fixture.images()], ..Filter::of(Modality::Image) };
    let changed = fixture.engine.change_tags(&filter, &off).unwrap();
    assert_eq!((changed.items, changed.changed), (2, 1));
}

#[test]
fn items_are_removed_by_the_names_that_people_have_of_them() {
    let fixture = Fixture::new(&["fx-car.png", "fx-cat.png"]);
    fixture.update(&mut Silent).unwrap();
    let names = [fixture.path("fx-car.png").into_os_string(), "none".into()];
    let planned = remove_plan(fixture.engine.collection().store(), &names).unwrap();
    let removed = remove(fixture.engine.collection().store(), &names).unwrap();
    assert_eq!((planned.gone, &planned.unknown[..]), (1, &names[1..]));
    assert_eq!(removed, planned);
    let compacted = compact(fixture.engine.collection(), usize::MAX, &mut Silent).unwrap();
    assert!(compacted.before > 0 && compacted.after > 0, "{compacted:?}");
    assert_eq!(fixture.engine.count().unwrap(), 1);
}

#[test]
fn copies_are_found_and_the_best_comes_first() {
    let fixture = Fixture::new(&["fx-car.png", "fx-cat.png"]);
    fixture.copy("fx-car.png", "a-copy.png");
    fixture.update(&mut Silent).unwrap();
    let mut recorder = Recorder::default();
    let library = fixture.engine.collection().library().unwrap();
    let mut duplicates = Duplicates::new(library.items(&Filter::of(Modality::Image)).unwrap());
    let copies = duplicates.copies(&mut recorder);
    let near = duplicates.near(library, 0.99, &mut recorder).unwrap();
    assert_eq!((copies.len(), near.len()), (1, 0));
    assert_eq!((copies[0].kind, copies[0].score), (DuplicateKind::Copies, 1.0));
    let paths: Vec<_> = copies[0].images.iter().map(|image| image.path.clone()).collect();
    assert_eq!(paths, ["a-copy.png", "fx-car.png"].map(|name| fixture.path(name)));
    assert!(recorder.progress.iter().all(|progress| progress.done <= progress.total));
}

#[test]
fn a_map_has_a_point_and_a_thumbnail_for_each_image() {
    let fixture = Fixture::new(&["fx-car.png", "fx-cat.png", "fx-dog.png"]);
    fixture.update(&mut Silent).unwrap();
    let snapshot = fixture.engine.collection().store().snapshot().unwrap();
    let mut vectors = Flat::new(snapshot.dimension());
    for item in snapshot.items(&Filter::default()).unwrap() {
        let (item, vector) = snapshot.get(&item.id).unwrap().unwrap();
        vectors.push(&item.id, &vector).unwrap();
    }
    assert_eq!(map::layout(&vectors).unwrap().len(), 3);

    let paths = [fixture.path("fx-car.png"), fixture.path("none.png")];
    let paths: Vec<_> = paths.iter().map(|path| path.as_path()).collect();
    let mut recorder = Recorder::default();
    let thumbnails = thumbnail::jpegs(&paths, 32, &mut recorder);
    assert!(thumbnails[0].as_ref().is_ok_and(|jpeg| jpeg.starts_with(&[0xff, 0xd8])));
    assert!(matches!(thumbnails[1], Err(Error::Clip(_))));
    assert_eq!(recorder.progress.last().map(|progress| progress.done), Some(2));
}

#[test]
fn models_are_found_by_name() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.safetensors"), "").unwrap();
    let models = Models::of_user().preceded_by(folder.path());
    assert_eq!(models.find(None).unwrap(), Model::BuiltIn);
    assert_eq!(models.find(Some(BUILT_IN.as_ref())).unwrap(), Model::BuiltIn);
    let mine = Model::File(folder.path().join("mine.safetensors"));
    assert_eq!(models.find(Some("mine".as_ref())).unwrap(), mine);
    assert!(models.all().contains(&("mine".to_owned(), mine)));
    let none = models.find(Some("../mine".as_ref())).unwrap_err();
    assert!(matches!(none, Error::NoModel { .. }), "{none}");
    let folder = models.find(Some(folder.path())).unwrap_err();
    assert!(matches!(folder, Error::ModelIsFolder { .. }), "{folder}");
    let unknown = registry::find("none").unwrap_err();
    assert!(matches!(unknown, Error::NotPublished { .. }), "{unknown}");
}
