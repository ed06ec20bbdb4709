//! How long does an answer take, from one thread, and for eight while somebody writes?
//!
//! `cargo bench -p clip-retrieval --features sqlite --profile dev`; a number as argument is the number of
//! vectors. Prints milliseconds.
#![expect(clippy::print_stdout, reason = "a bench says what it measured")]

use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clip_retrieval::{Filter, Item, Library, Modality, Precision, Store};
use clip_testkit::Random;

const WIDTH: usize = 512;

/// Threads that search.
const THREADS: usize = 8;

/// Vectors of a commit.
const BATCH: usize = 64;

const COMMITS: usize = 100;

fn main() {
    let rows = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(100_000);
    let folder = tempfile::tempdir().expect("a folder");
    fill(folder.path(), rows);
    let query = unit(&mut Random::new(1));
    let text = Filter::of(Modality::Text);

    let mut times = Vec::new();
    for _ in 0..30 {
        let start = Instant::now();
        let library = Library::open(folder.path()).expect("a library");
        black_box(library.search(&query, 10, &Filter::default()).expect("an answer"));
        times.push(start.elapsed());
    }
    say("open and search once", times);

    let library = Library::open(folder.path()).expect("a library");
    for (what, filter) in [("search", &Filter::default()), ("search among few", &text)] {
        let mut times = Vec::new();
        for _ in 0..200 {
            let start = Instant::now();
            black_box(library.search(&query, 10, filter).expect("an answer"));
            times.push(start.elapsed());
        }
        say(what, times);
    }
    say("8 threads", serve(&library, &query, || thread::sleep(Duration::from_secs(3))));
    say("8 threads and a writer", serve(&library, &query, || write(&library)));
}

/// Searches by some threads until `meanwhile` is done, and how long each took.
fn serve(library: &Library, query: &[f32], meanwhile: impl FnOnce()) -> Vec<Duration> {
    let is_done = AtomicBool::new(false);
    let search = || {
        let mut times = Vec::new();
        while !is_done.load(Ordering::Relaxed) {
            let start = Instant::now();
            black_box(library.search(query, 10, &Filter::default()).expect("an answer"));
            times.push(start.elapsed());
        }
        times
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(search)).collect();
        meanwhile();
        is_done.store(true, Ordering::Relaxed);
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    })
}

fn write(library: &Library) {
    let mut random = Random::new(2);
    let mut writer = library.write().expect("a lock");
    let start = Instant::now();
    for commit in 0..COMMITS {
        for i in 0..BATCH {
            let item = Item::picture(format!("/new/{commit}/{i}.jpg"), None);
            writer.upsert(&item, &unit(&mut random)).expect("a unit vector");
        }
        writer.commit().expect("room on the disk");
    }
    println!("{COMMITS} commits: {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
}

fn fill(folder: &Path, rows: usize) {
    let made = Library::open_or_create(folder, "bench", "bench", WIDTH, Precision::F32);
    let library = made.expect("a new library");
    let mut random = Random::new(3);
    let mut writer = library.write().expect("a lock");
    for i in 0..rows {
        let item = match i % 1000 {
            0 => Item::text(i.to_string()),
            _ => Item::picture(format!("/{i}.jpg"), None),
        };
        writer.upsert(&item, &unit(&mut random)).expect("a unit vector");
        if i % 4096 == 4095 {
            writer.commit().expect("room on the disk");
        }
    }
    writer.commit().and_then(|()| writer.compact()).expect("room on the disk");
}

fn unit(random: &mut Random) -> Vec<f32> {
    let vector = random.values(WIDTH);
    let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter().map(|value| value / norm).collect()
}

fn say(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    let (count, half, last) = (times.len(), at(0.5), at(0.99));
    println!("{what}: median {half:.3}, p99 {last:.3}, of {count}");
}
