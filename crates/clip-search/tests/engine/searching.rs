//! Queries of every kind.

use std::fs;

use clip_retrieval::{Content, Filter, Item, Modality};
use clip_search::{
    Error, Order, Progress, Query, SearchRequest, Silent, Task, Term, TermContent, read_texts,
    search,
};

use crate::fixture::{Fixture, Recorder, names, other_model};

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
    let id = Item::path_id(&car);
    let by_id = fixture.search(Query::item(&id));
    assert_eq!(by_id, by_path);
    // The vector of an item is its vector.
    let (_, vector) = fixture.engine.collection().store().get(&id).unwrap().unwrap();
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
fn relevance_is_measured_by_what_the_collection_holds_now() {
    let fixture = Fixture::new(&["fx-car.png", "fx-cat.png", "fx-dog.png"]);
    fixture.update(&mut Silent).unwrap();
    let query = Query::path(clip_testkit::samples_dir().join("fx-car.png"));
    let request = SearchRequest { relevance: Some(-9.0), ..SearchRequest::new(query) };
    let background = || {
        let engine = &fixture.engine;
        let kept = engine.search(&request).unwrap();
        let anew = search(engine.collection().store(), engine.embedder(), &request).unwrap();
        assert_eq!((kept.hits, kept.background), (anew.hits, anew.background));
        kept.background
    };
    let before = background();
    assert_eq!(background(), before);
    fixture.copy("fx-flower.png", "fx-flower.png");
    fixture.update(&mut Silent).unwrap();
    assert_ne!(background(), before);
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

#[test]
fn vectors_of_two_models_do_not_meet_in_a_query() {
    let fixture = Fixture::new(&["fx-car.png", "fx-cat.png", "fx-dog.png"]);
    fixture.update(&mut Silent).unwrap();
    let fresh = Query::path(clip_testkit::samples_dir().join("fx-car.png"));
    let mut used = fresh.clone();
    used.encode(&other_model(fixture.folder.path()), None).unwrap();
    assert_eq!(fixture.search(used), fixture.search(fresh));
    // Without a collection there are no items.
    let error = Query::item("a").embedding(fixture.engine.embedder()).unwrap_err();
    assert!(matches!(error, Error::NoItem { .. }), "{error}");
}

/// Pages go on where the one before ended; by date come those alone that are good enough.
#[test]
fn answers_come_in_pages() {
    let fixture = Fixture::new(&["fx-dog.png", "fx-car.png", "fx-cat.png", "rocket.jpg"]);
    fixture.update(&mut Silent).unwrap();
    let engine = &fixture.engine;
    let all = fixture.search(Query::text("a dog"));
    let request = SearchRequest { top: 2, ..SearchRequest::new(Query::text("a dog")) };
    let page = engine.page(&request, 1, Order::Score).unwrap();
    assert_eq!((names(&page.hits), page.total), (names(&all[1..3]), None));
    let error = engine.page(&request, 0, Order::Date).unwrap_err().to_string();
    assert!(error.contains("good enough"), "{error}");

    let request = SearchRequest { min_score: Some(all[2].score), ..request };
    let page = engine.page(&request, 2, Order::Score).unwrap();
    assert_eq!((names(&page.hits), page.total), (names(&all[2..3]), Some(3)));
    let request = SearchRequest { min_score: Some(-1.0), top: 10, ..request };
    let page = engine.page(&request, 0, Order::Date).unwrap();
    let taken: Vec<_> = page.hits.iter().map(|hit| hit.item.facts.taken).collect();
    assert!(taken.is_sorted_by(|a, b| a >= b), "{taken:?}");
    assert_eq!(page.total, Some(4));

    let (items, total) = engine.browse(&Filter::of(Modality::Image), 3, 10).unwrap();
    assert_eq!((items.len(), total), (1, 4));
}
