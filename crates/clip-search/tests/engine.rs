//! The engine, without any program around it.

use std::error::Error as StdError;
use std::fs;
use std::path::{Path, PathBuf};

use clip::{Device, Embedder};
use clip_retrieval::{Content, Filter, Hit, Modality};
use clip_search::{
    Collection, DecodeOptions, Engine, Error, Location, Observer, Progress, Query, ReindexOptions,
    ScanOptions, SearchRequest, Silent, Task, Term, TermContent, UpdateOptions, Watcher,
    read_texts, reindex, scan,
};
use tempfile::TempDir;

/// A folder with images, and an engine whose collection is not beside them.
struct Fixture {
    folder: TempDir,
    engine: Engine,
}

impl Fixture {
    fn new(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("images")).unwrap();
        let engine = engine(&folder.path().join("library"));
        let fixture = Self { folder, engine };
        names.iter().for_each(|name| fixture.copy(name, name));
        fixture
    }

    fn copy(&self, sample: &str, name: &str) {
        fs::copy(clip_testkit::samples_dir().join(sample), self.path(name)).unwrap();
    }

    fn images(&self) -> PathBuf {
        self.folder.path().join("images").canonicalize().unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.images().join(name)
    }

    fn update(&self, observer: &mut dyn Observer) -> clip_search::Result<clip_search::Changes> {
        let scan = scan(&[self.images()], &ScanOptions::default()).unwrap();
        self.engine.update(&scan, &UpdateOptions::default(), observer)
    }

    fn search(&self, query: Query) -> Vec<Hit> {
        self.engine.search(&SearchRequest::new(query)).unwrap().hits
    }
}

fn engine(library: &Path) -> Engine {
    let embedder = Embedder::embedded(&Device::flex()).unwrap();
    let location = Location::Folder(library.to_owned());
    let collection = Collection::open_or_create(&location, embedder.checkpoint()).unwrap();
    Engine::new(embedder, collection).unwrap()
}

fn names(hits: &[Hit]) -> Vec<&str> {
    let paths = hits.iter().filter_map(|hit| hit.item.path());
    paths.filter_map(|path| path.file_name()?.to_str()).collect()
}

/// Hears everything, and stops after so many steps.
#[derive(Debug, Default)]
struct Recorder {
    progress: Vec<Progress>,
    skipped: Vec<String>,
    stop_after: Option<usize>,
}

impl Observer for Recorder {
    fn progress(&mut self, progress: Progress) {
        self.progress.push(progress);
    }

    fn skipped(&mut self, what: &Content, error: &(dyn StdError + 'static)) {
        self.skipped.push(format!("{what}: {error}"));
    }

    fn is_cancelled(&self) -> bool {
        self.stop_after.is_some_and(|steps| self.progress.iter().any(|p| p.done >= steps))
    }
}

#[test]
fn images_are_found_by_words() {
    let fixture = Fixture::new(&["fx-car.png", "fx-cat.png", "fx-dog.png"]);
    let mut recorder = Recorder::default();
    let changes = fixture.update(&mut recorder).unwrap();
    assert_eq!((changes.added, changes.total()), (3, 3));
    let task = Task::Images;
    let steps: Vec<Progress> = (0..=3).map(|done| Progress { task, done, total: 3 }).collect();
    assert_eq!(recorder.progress, steps);

    let hits = fixture.search(Query::text("a picture of a car"));
    assert_eq!(names(&hits)[0], "fx-car.png");
    let changes = fixture.update(&mut Silent).unwrap();
    assert_eq!((changes.added, changes.unchanged), (0, 3));
}

#[test]
fn a_file_scores_1_however_it_comes() {
    let fixture = Fixture::new(&["dog.webp", "fx-car.png", "rocket.jpg"]);
    fixture.update(&mut Silent).unwrap();
    for name in ["dog.webp", "fx-car.png", "rocket.jpg"] {
        let path = clip_testkit::samples_dir().join(name);
        let by_path = fixture.search(Query::path(&path));
        let by_bytes = fixture.search(Query::bytes(fs::read(&path).unwrap()));
        assert_eq!(by_path, by_bytes, "{name}");
        assert_eq!(names(&by_path)[0], name);
        assert!((by_path[0].score - 1.0).abs() < 1e-6, "{name}: {}", by_path[0].score);
    }
}

#[test]
fn what_is_asked_with_is_no_answer() {
    let fixture = Fixture::new(&["fx-car.png", "fx-cat.png", "fx-dog.png"]);
    fixture.update(&mut Silent).unwrap();
    let car = fixture.path("fx-car.png");
    let by_path = fixture.search(Query::path(&car));
    assert!(!names(&by_path).contains(&"fx-car.png"));
    let id = clip_retrieval::Item::path_id(&car);
    let by_id = fixture.search(Query::item(&id));
    assert_eq!(by_id, by_path);
    // The vector of an item is its vector.
    let (_, vector) = fixture.engine.read(|it| it.store().get(&id)).unwrap().unwrap();
    let by_vector = fixture.search(TermContent::Vector(vector, Modality::Image).into());
    assert_eq!(names(&by_vector)[0], "fx-car.png");
    assert_eq!(by_vector[1..], by_id);

    let request = |query| fixture.engine.search(&SearchRequest::new(query)).unwrap_err();
    assert!(matches!(request(Query::item("none")), Error::NoItem { id } if id == "none"));
    let short = TermContent::Vector(vec![1.0], Modality::Image).into();
    assert!(matches!(request(short), Error::NotAnEmbedding { found: 1, .. }));
    let no_image = request(Query::bytes(*b"no image"));
    assert!(matches!(no_image, Error::Clip(clip::Error::Picture(_))), "{no_image}");
}

#[test]
fn decoded_images_and_words_are_weighed_together() {
    let fixture = Fixture::new(&["fx-car.png", "fx-cat.png", "fx-dog.png", "fx-flower.png"]);
    fixture.update(&mut Silent).unwrap();
    let path = clip_testkit::samples_dir().join("fx-car.png");
    let image = clip::read_picture(&path, &fixture.engine.embedder().reading()).unwrap();
    let away = TermContent::Text("a picture of a car".to_owned());
    let terms = vec![TermContent::Image(image).into(), Term { weight: -0.5, content: away }];
    let request = SearchRequest { relevance: Some(-9.0), ..SearchRequest::new(Query::new(terms)) };
    let response = fixture.engine.search(&request).unwrap();
    assert_eq!(response.hits.len(), 4);
    let relevance: Vec<f32> =
        response.hits.iter().filter_map(|hit| response.relevance(hit)).collect();
    assert_eq!(relevance.len(), 4);
    assert!(relevance.is_sorted_by(|a, b| a >= b), "{relevance:?}");
    // What requests have in common is computed once, and is the same.
    let again = fixture.engine.search(&request).unwrap();
    assert_eq!((again.hits, again.background), (response.hits, response.background));
}

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
}

#[test]
fn texts_are_found_by_images() {
    let fixture = Fixture::new(&[]);
    let file = fixture.path("texts.txt");
    fs::write(&file, "a picture of a car\na picture of a flower\n").unwrap();
    let texts = read_texts(&file).unwrap();
    let added = fixture.engine.add_texts(texts.clone(), &mut Silent).unwrap();
    assert_eq!((added.added, added.skipped), (2, 0));
    assert_eq!(fixture.engine.add_texts(texts, &mut Silent).unwrap().added, 0);
    let query = Query::path(clip_testkit::samples_dir().join("fx-car.png"));
    let filter = Filter::of(Modality::Text);
    let request = SearchRequest { filter, ..SearchRequest::new(query) };
    let hits = fixture.engine.search(&request).unwrap().hits;
    assert_eq!(hits[0].item.content, Content::Text("a picture of a car".to_owned()));
}

#[test]
fn threads_share_an_engine() {
    let fixture = Fixture::new(&["fx-car.png", "fx-cat.png", "fx-dog.png"]);
    fixture.update(&mut Silent).unwrap();
    let expected = fixture.search(Query::text("a picture of a cat"));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let engine = fixture.engine.clone();
            let expected = &expected;
            scope.spawn(move || {
                let request = SearchRequest::new(Query::text("a picture of a cat"));
                assert_eq!(engine.search(&request).unwrap().hits, *expected);
            });
        }
    });
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

/// What a folder has seen since a watch began, in order: which files were opened.
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

/// A model that is not the built-in one.
fn other_model(folder: &Path) -> Embedder {
    let output = folder.join("deep.safetensors");
    let source = clip_weights::Source::Path(clip_testkit::goldens_dir().join("deep"));
    let options =
        clip_weights::Options { output: Some(output.clone()), ..clip_weights::Options::default() };
    clip_weights::convert(&source, &options, &mut ()).unwrap();
    Embedder::open(&output, &Device::flex()).unwrap()
}

#[test]
fn a_collection_is_made_anew_with_another_model() {
    let fixture = Fixture::new(&["fx-car.png", "fx-cat.png"]);
    fixture.update(&mut Silent).unwrap();
    fixture.engine.add_tags(&[fixture.path("fx-car.png")], &["mine".to_owned()]).unwrap();
    let Fixture { folder, engine } = fixture;
    let from = engine.read(|collection| collection.location().clone());
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
    assert_eq!(Collection::open(&from).unwrap().store().model_name(), "clip-tiny");

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
