//! Keeping a collection in step with folders.

use std::fs;
use std::path::PathBuf;

use clip::{Device, Embedder};
use clip_retrieval::{Filter, Modality};
use clip_search::{
    Collection, DecodeOptions, Engine, Error, LeftOut, Observer, Progress, Query, ReindexOptions,
    Scan, SearchRequest, Silent, Task, Watcher, reindex,
};

use crate::fixture::{Fixture, Recorder, other_model};

#[test]
fn a_stopped_update_keeps_what_is_done_and_goes_on() {
    let fixture = Fixture::new(&["fx-car.png", "fx-cat.png", "fx-dog.png"]);
    let mut stops = Recorder { stop_after: Some(1), ..Recorder::default() };
    let error = fixture.update(&mut stops).unwrap_err();
    assert!(
        matches!(error, Error::Cancelled { task: Task::Images, done: 1, total: 3 }),
        "{error:?}"
    );
    assert_eq!(fixture.engine.count().unwrap(), 1);
    let changes = fixture.update(&mut Silent).unwrap();
    assert_eq!((changes.added, changes.unchanged), (2, 1));
}

#[test]
fn one_bad_file_stops_nothing() {
    let fixture = Fixture::new(&["fx-car.png"]);
    fs::write(fixture.path("bad.png"), b"no image").unwrap();
    let mut recorder = Recorder::default();
    let changes = fixture.update(&mut recorder).unwrap();
    assert_eq!((changes.added, recorder.skipped.len()), (1, 1), "{recorder:?}");
    assert!(recorder.skipped[0].contains("bad.png"), "{recorder:?}");
    // It is not tried again as long as it does not change.
    let changes = fixture.update(&mut Recorder::default()).unwrap();
    assert_eq!(changes.left_out.unreadable, [fixture.path("bad.png")]);
    assert_eq!(changes.to_string(), "1 picture: 0 new, 0 changed, 1 unchanged, 0 gone");
}

/// One is one, and what helps stands beside what is missing.
#[test]
fn what_was_left_out_is_said() {
    let [bad, usb] = ["/p/bad.png", "/p/usb/a.png"].map(PathBuf::from);
    let mut left_out =
        LeftOut { unreadable: vec![bad; 4], unplugged: vec![usb], ..LeftOut::default() };
    (left_out.ignored, left_out.excluded) = (1, 2);
    let scan = Scan { ignored: 1, ..Scan::default() };
    let notes = left_out.notes(&scan, |path| path.display().to_string());
    let says: Vec<String> = notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        says,
        [
            "4 files could not be read before and did not change: /p/bad.png, /p/bad.png, /p/bad.png, 1 more",
            "1 picture stays in the library, below a folder that is empty: its drive may not be plugged in, such as /p/usb",
            "1 picture leaves the library, left out by a .clipignore (tags that you gave are kept)",
            "1 listed file left out by a .clipignore",
            "2 pictures stay in the library that this run did not look at: hidden, or in folders that are left out",
        ]
    );
    let empty = LeftOut::default().notes(&Scan::default(), |_| String::new());
    assert!(empty.is_empty(), "{empty:?}");
}

/// Searches whenever it hears how far an update is.
struct Searcher<'a> {
    engine: &'a Engine,
    found: Vec<usize>,
}

impl Observer for Searcher<'_> {
    fn progress(&mut self, _: Progress) {
        let request = SearchRequest::new(Query::text("a picture of a car"));
        self.found.push(self.engine.search(&request).unwrap().hits.len());
    }
}

#[test]
fn a_search_waits_for_no_update() {
    let fixture = Fixture::new(&["fx-car.png"]);
    fixture.update(&mut Silent).unwrap();
    fixture.copy("fx-cat.png", "fx-cat.png");
    let mut searcher = Searcher { engine: &fixture.engine, found: Vec::new() };
    fixture.update(&mut searcher).unwrap();
    // What was committed is found, and no more.
    assert_eq!(searcher.found, [1, 1]);
    assert_eq!(fixture.engine.count().unwrap(), 2);
}

/// Gives up a while after nothing happened.
struct Patience(u32);

impl Observer for Patience {
    fn is_cancelled(&self) -> bool {
        self.0 == 0
    }
}

#[test]
fn a_watcher_says_when_to_look_again() {
    let fixture = Fixture::new(&["fx-car.png"]);
    fixture.update(&mut Silent).unwrap();
    let watcher = Watcher::new(&[fixture.images()]).unwrap();
    fixture.copy("fx-cat.png", "new.png");
    assert!(watcher.wait(&mut Silent));
    assert_eq!(fixture.update(&mut Silent).unwrap().added, 1);
    // One that is to end waits for nothing.
    assert!(!watcher.wait(&mut Patience(0)));
    let none = Watcher::new(&[fixture.path("none")]).unwrap_err();
    assert!(matches!(none, Error::NotFound { .. }), "{none}");
}

/// The system says which files were opened.
#[cfg(target_os = "linux")]
#[test]
fn each_image_is_opened_once() {
    use notify::event::{AccessKind, EventKind};
    use notify::{Event, RecursiveMode, Watcher as _};

    let fixture = Fixture::new(&["dog.webp", "fx-car.png", "rocket.jpg"]);
    let (sender, events) = std::sync::mpsc::channel();
    let mut watcher = notify::recommended_watcher(sender).unwrap();
    watcher.watch(&fixture.images(), RecursiveMode::Recursive).unwrap();
    assert_eq!(fixture.update(&mut Silent).unwrap().added, 3);
    let last = fixture.path("last");
    fs::write(&last, "").unwrap();
    let mut opened = Vec::new();
    for event in events {
        let Event { kind, paths, .. } = event.unwrap();
        if paths.contains(&last) {
            break;
        }
        if matches!(kind, EventKind::Access(AccessKind::Open(_))) {
            opened.extend(paths.into_iter().filter(|path| path.is_file()));
        }
    }
    opened.sort();
    assert_eq!(opened, ["dog.webp", "fx-car.png", "rocket.jpg"].map(|name| fixture.path(name)));
}

#[test]
fn a_collection_is_made_anew_with_another_model() {
    let fixture = Fixture::new(&["fx-car.png", "fx-cat.png"]);
    fixture.update(&mut Silent).unwrap();
    fixture.engine.add_tags(&[fixture.path("fx-car.png")], &["mine".to_owned()]).unwrap();
    let Fixture { folder, engine } = fixture;
    let from = engine.collection().location().clone();
    let embedder = other_model(folder.path());
    drop(engine);
    let options = ReindexOptions {
        from: from.clone(),
        to: None,
        drop_missing: false,
        decode: DecodeOptions::default(),
    };
    let mut stops = Recorder { stop_after: Some(1), ..Recorder::default() };
    let stopped = reindex(&embedder, &options, &mut stops).unwrap_err();
    assert!(matches!(stopped, Error::Cancelled { done: 1, total: 2, .. }), "{stopped}");
    // The old one answers until the new one is complete.
    assert_eq!(Collection::open(&from).unwrap().store().model_name(), "clip-photo");

    let reindexed = reindex(&embedder, &options, &mut Silent).unwrap();
    assert_eq!((reindexed.items, reindexed.missing), (2, 0));
    assert_eq!(Some(&*reindexed.location), from.folder());
    let new = Collection::open_for(&from, embedder.checkpoint()).unwrap();
    let tagged = Filter { tags: vec!["mine".to_owned()], ..Filter::of(Modality::Image) };
    assert_eq!(new.store().items(&tagged).unwrap().len(), 1);
    drop(new);
    let again = reindex(&embedder, &options, &mut Silent).unwrap_err();
    assert!(matches!(again, Error::SameModel { .. }), "{again}");
    let built_in = Embedder::embedded(&Device::flex()).unwrap();
    let other = Engine::new(built_in, Collection::open(&from).unwrap()).err().unwrap();
    assert!(matches!(other, Error::Retrieval(clip_retrieval::Error::OtherModel { .. })), "{other}");
}
