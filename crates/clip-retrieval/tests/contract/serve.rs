//! Many who search, and one who writes, at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use clip_retrieval::{Filter, Hit, Item, Reader, Snapshot, Store, StoreWriter};

use crate::place::Place;

/// Items that each commit replaces, all of them.
const ITEMS: usize = 20;

const COMMITS: usize = 100;

/// The vector that all items have after a commit.
fn vector(commit: usize) -> [f32; 2] {
    let (sin, cos) = (commit as f32 / COMMITS as f32).sin_cos();
    [cos, sin]
}

/// Replaces every item by one that says of which commit it is.
fn commit(writer: &mut dyn StoreWriter, commit: usize) {
    for item in 0..ITEMS {
        let item = Item::text(commit.to_string()).with_id(item.to_string());
        writer.upsert(&item, &vector(commit)).unwrap();
    }
    writer.commit().unwrap();
}

/// The commit of a hit: what it is and how it scores have to be of the same one.
fn commit_of(hit: &Hit) -> usize {
    let text = hit.item.content.to_string();
    let commit = text.trim_matches('"').parse().unwrap();
    assert!((hit.score - vector(commit)[0]).abs() < 1e-6, "{hit:?}");
    commit
}

/// The commit of all answers of a search; of a cluster, which has no snapshots, each is of some commit.
fn search(snapshot: &dyn Snapshot) -> Option<usize> {
    let hits = snapshot.search(&[1.0, 0.0], 2 * ITEMS, &Filter::default()).unwrap();
    let commits: Vec<usize> = hits.iter().map(commit_of).collect();
    snapshot.version()?;
    assert_eq!(commits, [commits[0]; ITEMS], "{hits:?}");
    Some(commits[0])
}

/// The commit that is seen by who looks now.
fn newest(store: &dyn Store) -> Option<usize> {
    search(&*store.snapshot().unwrap())
}

pub(crate) fn many_search_while_one_writes(place: &dyn Place) {
    let store = place.open(2);
    commit(&mut *store.writer().unwrap(), 0);
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut before = 0;
                loop {
                    let was_done = is_done.load(Ordering::SeqCst);
                    let snapshot = store.snapshot().unwrap();
                    if let Some(found) = search(&*snapshot) {
                        assert!(found >= before, "{found} after {before}");
                        assert_eq!(search(&*snapshot), Some(found), "it stays as it is");
                        assert_eq!(snapshot.count().unwrap(), ITEMS);
                        let (item, own) = snapshot.get("7").unwrap().unwrap();
                        assert_eq!(item.content.to_string(), format!("\"{found}\""));
                        assert_eq!(own, vector(found));
                        assert!(!was_done || found == COMMITS, "the last commit is seen");
                        before = found;
                    }
                    if was_done {
                        break;
                    }
                }
            });
        }
        let mut writer = store.writer().unwrap();
        for number in 1..=COMMITS {
            commit(&mut *writer, number);
        }
        is_done.store(true, Ordering::SeqCst);
    });
}

/// A writer in the midst of its work: were it waited for, this would never end.
pub(crate) fn who_writes_keeps_nobody_from_searching(place: &dyn Place) {
    let store = place.open(2);
    let mut writer = store.writer().unwrap();
    commit(&mut *writer, 1);
    writer.remove("7").unwrap();
    if let Some(found) = newest(&*store) {
        assert_eq!((found, store.count().unwrap()), (1, ITEMS));
    }
    assert_eq!(writer.store().count().unwrap(), ITEMS - 1);
    assert_eq!(writer.store().version(), None, "nobody else knows that state");
    // Nor does one who searches keep the writer from its work.
    commit(&mut *writer, 2);
    assert!(newest(&*store).is_none_or(|found| found == 2));
    drop(writer);
    let moved = thread::spawn({
        let mut writer = store.writer().unwrap();
        move || commit(&mut *writer, 3)
    });
    moved.join().unwrap();
    assert!(newest(&*store).is_none_or(|found| found == 3));
}

pub(crate) fn a_snapshot_answers_as_before(place: &dyn Place) {
    let store = place.open(2);
    commit(&mut *store.writer().unwrap(), 1);
    let before = store.snapshot().unwrap();
    let Some(version) = before.version() else { return };
    assert_eq!(store.snapshot().unwrap().version(), Some(version), "nothing was committed");
    // By this program, and by another.
    commit(&mut *store.writer().unwrap(), 2);
    commit(&mut *place.open(2).writer().unwrap(), 3);
    assert_eq!(search(&*before), Some(1));
    assert_eq!(before.items(&Filter::default()).unwrap()[0].content.to_string(), "\"1\"");
    store.reload().unwrap();
    let after = store.snapshot().unwrap();
    assert_eq!(search(&*after), Some(3));
    assert!(after.version() > before.version());
    assert_eq!(place.open(2).snapshot().unwrap().version(), after.version());
    // Work that is taken back changes nothing.
    let mut writer = store.writer().unwrap();
    writer.remove("7").unwrap();
    drop(writer);
    assert_eq!(store.snapshot().unwrap().version(), after.version());
    assert_eq!((search(&*before), search(&*after)), (Some(1), Some(3)));
}

pub(crate) fn readers_are_for_every_thread(place: &dyn Place) {
    fn check<T: Clone + Send + Sync + 'static>(value: T) -> T {
        value
    }
    let store: Arc<dyn Store> = Arc::from(place.open(2));
    commit(&mut *store.writer().unwrap(), 1);
    let reader = check(Reader::new(Arc::clone(&store)));
    drop(store);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let reader = reader.clone();
            thread::spawn(move || search(&*reader.snapshot().unwrap()))
        })
        .collect();
    assert!(
        threads.into_iter().all(|thread| thread.join().unwrap().is_none_or(|found| found == 1))
    );
    reader.reload().unwrap();
}
