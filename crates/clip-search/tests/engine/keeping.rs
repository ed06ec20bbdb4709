//! Tags, duplicates, maps, models, and keeping a collection in order.

use std::fs;
use std::path::Path;

use clip::Device;
use clip_retrieval::exchange::Format;
use clip_retrieval::{Content, Filter, Flat, Modality};
use clip_search::explain::{explain, figure_file};
use clip_search::{
    BUILT_IN, DuplicateKind, Error, ExportFile, Found, Model, Models, NewFile, Query,
    SearchRequest, Silent, TagChange, classify_files, compact, encode_files, encode_inputs, export,
    find_duplicates, import, map, prune, prune_plan, rank_texts, read_labels, registry, remove,
    remove_plan, thumbnail,
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
    assert_eq!(removed.to_string(), "1 item: 1 gone");
    let compacted = compact(fixture.engine.collection(), usize::MAX, &mut Silent).unwrap();
    assert!(compacted.before > 0 && compacted.after > 0, "{compacted:?}");
    assert!(compacted.to_string().starts_with("1 item: "), "{compacted}");
    assert_eq!(fixture.engine.count().unwrap(), 1);
}

#[test]
fn copies_are_found_and_the_best_comes_first() {
    let fixture = Fixture::new(&["fx-car.png", "fx-cat.png"]);
    fixture.copy("fx-car.png", "a-copy.png");
    fixture.update(&mut Silent).unwrap();
    let mut recorder = Recorder::default();
    let library = fixture.engine.collection().library().unwrap();
    let found = find_duplicates(library, &[], Some(0.99), &mut recorder).unwrap();
    let [copies] = &found.groups[..] else { panic!("{found:?}") };
    assert_eq!((copies.kind, copies.score), (DuplicateKind::Copies, 1.0));
    let paths: Vec<_> = copies.images.iter().map(|image| image.path.clone()).collect();
    assert_eq!(paths, ["a-copy.png", "fx-car.png"].map(|name| fixture.path(name)));
    assert!(recorder.progress.iter().all(|progress| progress.done <= progress.total));
    let says = "1 file of the same content and 0 pictures much alike beside the best of each group";
    assert_eq!(found.to_string(), says);
    let size = fs::metadata(fixture.path("fx-car.png")).unwrap().len() as f64;
    assert!(copies.images[0].to_string().ends_with(&format!(", {:.0} kB", size / 1e3)));

    fs::remove_file(fixture.path("a-copy.png")).unwrap();
    let found = find_duplicates(library, &[fixture.images()], None, &mut recorder).unwrap();
    assert_eq!(found.groups, []);
    let name = |path: &Path| path.file_name().unwrap().display().to_string();
    let says = "1 picture left out (no longer there), a-copy.png: index its folder again, or plug in its drive";
    assert_eq!(found.left_out.notes(name), [says]);
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
    let lines = stats.to_string();
    assert!(lines.contains("\nitems     2 of 256 numbers, f32\nvectors   "), "{lines}");
    assert!(lines.ends_with(" MB\nunread    1 file"), "{lines}");
    let unreadable = fixture.engine.collection().unreadable_files().unwrap();
    assert_eq!(unreadable.len(), 1);
    assert_eq!(unreadable[0].path, fixture.path("broken.png"));
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
    let mut request = SearchRequest::new(Query::path(&paths[1]));
    let ranked = rank_texts(embedder, &request, &lines).unwrap();
    let text = |text: &str| Found::Text { text: text.to_owned(), id: None };
    let found: Vec<_> = ranked.iter().map(|answer| (answer.rank, answer.found.clone())).collect();
    assert_eq!(found, [(1, text("a picture of a car")), (2, text("a picture of a cat"))]);
    request.min_score = Some(ranked[0].score);
    assert_eq!(rank_texts(embedder, &request, &lines).unwrap(), ranked[..1]);
    let inputs = [Content::Path(paths[0].clone()), Content::Text("a car".to_owned())];
    let encoded = encode_inputs(embedder, &inputs, &embedder.reading(), &mut recorder).unwrap();
    let json = serde_json::to_value(&encoded).unwrap();
    assert_eq!((encoded.len(), &json[0]["modality"]), (1, &"text".into()));
    assert_eq!(json[0]["embedding"].as_array().unwrap().len(), 256);
    let classifier = embedder.classifier(&["car", "cat"], &["{}"]).unwrap();
    let options = embedder.reading();
    let classified =
        classify_files(embedder, &classifier, &paths, 1, &options, &mut recorder).unwrap();
    assert_eq!((classified.len(), &*classified[0].labels[0].label), (1, "car"));

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

/// What is written is checked before the work, and nothing is lost.
#[test]
fn files_to_be_written_are_checked_first() {
    let fixture = Fixture::new(&["fx-car.png"]);
    let path = |name: &str| fixture.folder.path().join(name);
    let new = |name: &str| NewFile::new(path(name), "html", false);
    assert!(matches!(new("images"), Err(Error::OutputIsFolder { .. })));
    assert!(matches!(new("a.txt"), Err(Error::OutputEnding { ending, .. }) if ending == "html"));
    assert!(matches!(new("no/a.html"), Err(Error::NoOutputFolder { .. })));
    let file = new("a.html").unwrap();
    fs::write(path("a.html"), "meanwhile").unwrap();
    assert!(matches!(file.write(b"page"), Err(Error::OutputExists { .. })));
    assert!(matches!(new("a.html"), Err(Error::OutputExists { .. })));
    NewFile::new(path("a.html"), "HTML", true).unwrap().write(b"page").unwrap();
    assert_eq!(fs::read(path("a.html")).unwrap(), b"page");

    // An array has a table beside it.
    fs::write(path("v.jsonl"), "").unwrap();
    let array = ExportFile::new(path("v.npy"), false);
    assert!(matches!(array, Err(Error::OutputExists { path: found }) if found == path("v.jsonl")));
    let image = fixture.path("fx-car.png");
    let figure = figure_file(&image, Some(image.clone()), true);
    assert!(matches!(figure, Err(Error::OutputIsInput { .. })));
}

#[test]
fn models_are_listed_with_those_that_can_be_had() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("broken.safetensors"), "no model").unwrap();
    let list = Models::of_user().preceded_by(folder.path()).list();
    assert_eq!(list.here[0].0, BUILT_IN);
    assert!(list.table().lines().nth(1).unwrap().starts_with(BUILT_IN), "{}", list.table());
    assert!(list.unreadable.iter().any(|(path, _)| path.ends_with("broken.safetensors")));
    let first = &registry::all()[0];
    assert!(list.published_table().contains(&first.id), "{}", list.published_table());
}
