//! Searches by graphs find what scans find, nearly; and nothing is lost with a graph.
#![cfg(feature = "hnsw")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use clip_retrieval::{Filter, Hit, Item, Library, SearchOptions, Store};
use clip_testkit::Random;
use common::{open, unit};

const WIDTH: usize = 24;
const ROWS: usize = 6000;

/// A library with a graph over all but its last pictures.
fn connected(folder: &Path) -> Library {
    let library = open(folder, WIDTH);
    let mut random = Random::new(3);
    let mut writer = library.write().unwrap();
    for i in 0..ROWS {
        writer.upsert(&picture(i), &unit(&mut random, WIDTH)).unwrap();
    }
    writer.commit().unwrap();
    assert!(writer.connect(ROWS, &|_, _| true).unwrap());
    for i in ROWS..ROWS + 50 {
        writer.upsert(&picture(i), &unit(&mut random, WIDTH)).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    library
}

fn picture(i: usize) -> Item {
    Item::picture(format!("/{}/{i}.jpg", i % 2), None)
}

fn graphs(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder.join("segments")).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "graph"));
    files
}

/// Share of what scans find that searches find, with the same scores, in order.
fn recall(library: &Library, filter: &Filter) -> f32 {
    recall_with(library, filter, &SearchOptions::default())
}

fn recall_with(library: &Library, filter: &Filter, options: &SearchOptions) -> f32 {
    let mut random = Random::new(9);
    let queries: Vec<Vec<f32>> = (0..50).map(|_| unit(&mut random, WIDTH)).collect();
    let queries: Vec<&[f32]> = queries.iter().map(Vec::as_slice).collect();
    let expected = library.search_all(&queries, 10, filter, &SearchOptions::exact()).unwrap();
    let found = library.search_all(&queries, 10, filter, options).unwrap();
    let one = library.search_all(&queries[..1], 10, filter, options).unwrap();
    assert_eq!(one, found[..1]);
    let hits = expected.iter().zip(&found).map(|(expected, found)| {
        assert!(found.is_sorted_by(|a, b| a.score >= b.score));
        assert_eq!(found.len(), 10);
        expected.iter().filter(|hit| found.contains(hit)).count()
    });
    hits.sum::<usize>() as f32 / 500.0
}

#[test]
fn most_of_the_nearest_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let library = connected(folder.path());
    let found = recall(&library, &Filter::default());
    assert!((0.9..1.0).contains(&found), "{found}");
    assert_eq!(recall(&Library::open(folder.path()).unwrap(), &Filter::default()), found);
    assert_eq!(recall_with(&library, &Filter::default(), &SearchOptions::exact()), 1.0);
    // It says so itself.
    let own = library.recall(100).unwrap().unwrap();
    assert!((own.at_10 - found).abs() < 0.08, "{own:?} {found}");
    assert_eq!(own.connected, ROWS);
    // All of them are, where the walk is broad enough; nearly none, where it is narrow.
    let with = |ef_search| {
        recall_with(&library, &Filter::default(), &SearchOptions::with_ef_search(ef_search))
    };
    assert!(with(60) > 0.9);
    assert!(with(1) < found - 0.2);
    // One search does not change another.
    assert_eq!(recall(&library, &Filter::default()), found);
}

/// Who has the library open learns of a graph, which changes nothing of what it holds.
#[test]
fn a_graph_is_seen_by_those_who_search() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path(), WIDTH);
    let reader = Library::open(folder.path()).unwrap();
    let before = library.snapshot().unwrap().version();
    connected(folder.path());
    for library in [&library, &reader] {
        library.reload().unwrap();
        assert_eq!(library.recall(10).unwrap().unwrap().connected, ROWS);
    }
    assert!(library.snapshot().unwrap().version() > before);
}

#[test]
fn what_does_not_count_is_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let library = connected(folder.path());
    let half = Filter { under: vec!["/0".into()], ..Filter::default() };
    assert!(recall(&library, &half) > 0.85);
    let query = unit(&mut Random::new(11), WIDTH);
    let hits = |library: &Library, filter: &Filter| library.search(&query, 10, filter).unwrap();
    assert!(hits(&library, &half).iter().all(|hit| hit.item.is_under("/0")));
    // So few that all of them are compared.
    let only = Some((0..100).map(|i| PathBuf::from(format!("/1/{}.jpg", 2 * i + 1))).collect());
    let few = Filter { only, ..Filter::default() };
    assert_eq!(recall(&library, &few), 1.0);

    let gone: Vec<Hit> = hits(&library, &Filter::default());
    let mut writer = library.write().unwrap();
    gone.iter().for_each(|hit| assert!(writer.remove(&hit.item.id).unwrap()));
    writer.commit().unwrap();
    drop(writer);
    let left = hits(&library, &Filter::default());
    assert_eq!(left.len(), 10);
    assert!(left.iter().all(|hit| !gone.contains(hit)));
    assert!(recall(&library, &Filter::default()) > 0.9);
}

/// A graph is one file more, without which everything is scanned, and which is made anew.
#[test]
fn a_graph_that_is_damaged_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    drop(connected(folder.path()));
    let [graph] = graphs(folder.path()).try_into().unwrap();
    let whole = fs::read(&graph).unwrap();
    let flip = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let longer = [whole.as_slice(), &[0; 4]].concat();
    let broken = [
        Vec::new(),
        whole[..40].to_vec(),
        whole[..whole.len() / 2].to_vec(),
        longer,
        flip(3),
        flip(8),
        flip(30),
        flip(62),
        flip(70),
        flip(whole.len() - 1),
    ];
    for (case, bytes) in broken.iter().enumerate() {
        fs::write(&graph, bytes).unwrap();
        let library = Library::open(folder.path()).unwrap();
        assert_eq!(recall(&library, &Filter::default()), 1.0, "case {case}");
        assert_eq!(library.recall(10).unwrap(), None, "case {case}");
        assert!(library.lost().is_none() && library.verify().unwrap().is_empty());
    }
    let library = Library::open(folder.path()).unwrap();
    assert!(library.write().unwrap().connect(ROWS, &|_, _| true).unwrap());
    assert!(library.recall(10).unwrap().is_some());
}

#[test]
fn a_graph_goes_with_its_segment() {
    let folder = tempfile::tempdir().unwrap();
    let library = connected(folder.path());
    let before = graphs(folder.path());
    library.write().unwrap().compact().unwrap();
    assert_eq!((before.len(), graphs(folder.path()).len()), (1, 0));
    assert_eq!(recall(&library, &Filter::default()), 1.0);
    // Left behind by a program that was killed.
    fs::write(&before[0], "a graph").unwrap();
    drop(library.write().unwrap());
    assert_eq!(graphs(folder.path()).len(), 0);
}

#[test]
fn few_vectors_get_no_graph_and_unwanted_ones_are_left() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path(), WIDTH);
    let mut random = Random::new(3);
    let mut writer = library.write().unwrap();
    assert!(!writer.connect(1, &|_, _| true).unwrap());
    for i in 0..ROWS {
        writer.upsert(&picture(i), &unit(&mut random, WIDTH)).unwrap();
    }
    assert!(!writer.connect(ROWS + 1, &|_, _| true).unwrap());
    let heard = AtomicUsize::new(0);
    let go_on = |done: usize, of: usize| {
        assert_eq!(of, ROWS);
        heard.fetch_add(1, Ordering::Relaxed);
        done < 100
    };
    assert!(!writer.connect(1, &go_on).unwrap());
    assert!((100..200).contains(&heard.into_inner()));
    drop(writer);
    assert_eq!((graphs(folder.path()).len(), library.len()), (0, ROWS));
    assert_eq!(recall(&library, &Filter::default()), 1.0);
}
