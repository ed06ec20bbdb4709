//! Tags, duplicates, maps, models, and keeping a collection in order.

use std::fs;

use clip::Device;
use clip_retrieval::exchange::Format;
use clip_retrieval::{Filter, Flat, Modality, Store};
use clip_search::explain::explain;
use clip_search::{
    BUILT_IN, DuplicateKind, Duplicates, Error, Model, Models, Query, Silent, TagChange, compact,
    encode_files, export, import, map, prune, prune_plan, rank_texts, read_labels, registry,
    remove, remove_plan, thumbnail,
};

use crate::fixture::{Fixture, Recorder, engine};

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
fn a_collection_says_how_large_it_is() {
    let fixture = Fixture::new(&["fx-car.png", "fx-cat.png"]);
    fs::write(fixture.path("broken.png"), "no image").unwrap();
    fixture.update(&mut Silent).unwrap();
    let stats = fixture.engine.collection().stats().unwrap();
    assert_eq!((stats.items, stats.failures, &*stats.model), (2, 1, BUILT_IN));
    let folder = stats.folder.as_ref().unwrap();
    assert_eq!((folder.precision, folder.dead, folder.graph), ("f32", 0, None));
    assert!(folder.catalog_bytes > 0);
    // One object, whatever kind of collection it is.
    let json = serde_json::to_value(&stats).unwrap();
    assert_eq!((&json["items"], &json["precision"]), (&2.into(), &"f32".into()));
}

#[test]
fn vectors_go_into_a_file_and_come_back() {
    let fixture = Fixture::new(&["fx-car.png", "fx-cat.png"]);
    fixture.update(&mut Silent).unwrap();
    let snapshot = fixture.engine.collection().store().snapshot().unwrap();
    let items = snapshot.items(&Filter::default()).unwrap();
    let file = fixture.folder.path().join("v.jsonl");
    let mut recorder = Recorder::default();
    export(&*snapshot, &items, &file, Format::JsonLines, &mut recorder).unwrap();
    assert_eq!(recorder.progress.last().map(|progress| progress.done), Some(2));

    let other = engine(&fixture.folder.path().join("other"));
    let missing = fixture.folder.path().join("none.jsonl");
    let files = [file.clone(), missing.clone()];
    let failed = import(other.collection().store(), &files, &mut recorder).unwrap_err();
    assert!(matches!(failed, Error::Import { path, imported: 2, .. } if path == missing));
    assert_eq!(other.count().unwrap(), 2, "what was read before is kept");
    fs::write(&file, "{\"path\": \"/a.png\", \"embedding\": [1]}\n").unwrap();
    assert_eq!(import(other.collection().store(), &[file], &mut recorder).unwrap(), 0);
    assert!(recorder.skipped[0].contains("v.jsonl: record 1: "), "{recorder:?}");
    assert!(recorder.warnings[0].contains("does not say which model"), "{recorder:?}");
}

#[test]
fn files_are_encoded_ranked_and_explained_without_a_collection() {
    let fixture = Fixture::new(&["fx-car.png"]);
    let embedder = fixture.engine.embedder();
    let mut recorder = Recorder::default();
    let paths = [fixture.path("none.png"), fixture.path("fx-car.png")];
    let found = encode_files(embedder, &paths, &embedder.reading(), &mut recorder).unwrap();
    assert_eq!((found[0].is_none(), recorder.skipped.len()), (true, 1));
    assert_eq!(found[1].as_ref(), Some(&embedder.file(&paths[1]).unwrap()));

    let lines = fixture.folder.path().join("lines.txt");
    fs::write(&lines, "a picture of a cat\n\n a picture of a car \n").unwrap();
    let ranked = rank_texts(embedder, Query::path(&paths[1]), &lines).unwrap();
    let texts: Vec<_> = ranked.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["a picture of a car", "a picture of a cat"]);
    let labels = ["dog, cat".to_owned(), format!("@{},dog", lines.display())];
    let labels = read_labels(&labels).unwrap();
    assert_eq!(labels, ["dog", "cat", "a picture of a cat", "a picture of a car"]);

    let image = clip::read_picture(&paths[1], &clip::ReadOptions::default()).unwrap();
    let explained = explain(embedder, &Device::flex(), &image, &["a car"]).unwrap();
    let [heatmap] = &explained.heatmaps[..] else { panic!("one text") };
    assert_eq!(heatmap.image.dimensions(), explained.view.dimensions());
    assert!(explained.png("car").unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn a_page_shows_evenly_taken_images() {
    let fixture = Fixture::new(&["fx-car.png", "fx-cat.png", "fx-dog.png"]);
    let snapshot = || fixture.engine.collection().store().snapshot().unwrap();
    assert!(map::page(&*snapshot(), 9, &mut Silent).unwrap().is_none());
    fixture.update(&mut Silent).unwrap();
    fs::write(fixture.path("fx-car.png"), "no image").unwrap();
    let page = map::page(&*snapshot(), 2, &mut Silent).unwrap().unwrap();
    assert_eq!((page.shown, page.total, page.placeholders.len()), (2, 3, 1));
    assert!(page.html.contains("fx-cat.png") && !page.html.contains("fx-dog.png"));
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
