//! Whatever happens to the program that writes, what it committed is there.
#![cfg(all(feature = "sqlite", unix))]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "processes that tell each other")]

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clip_retrieval::{Error, Filter, Item, Library, Modality, Store, Writer};
use clip_testkit::Random;
use common::{open, unit};

/// Names the folder to the process that writes.
const FOLDER: &str = "CLIP_TEST_WRITER";

/// How often the writer is killed; a number in this variable, such as 200, takes the time it takes.
const ROUNDS: &str = "CLIP_TEST_KILLS";

const DIMENSION: usize = 8;

/// Different items that come and go.
const ITEMS: usize = 20_000;

/// What a batch does: it removes some items, then adds some or gives them other vectors.
struct Batch {
    removed: Vec<usize>,
    added: Vec<usize>,
}

fn batch(number: usize) -> Batch {
    let some = |start: usize, count: usize| (start..start + count).map(|i| i % ITEMS).collect();
    Batch { removed: some(number * 911, 50), added: some(number * 500, 1 + number * 7919 % 1500) }
}

fn vector(item: usize, batch: usize) -> Vec<f32> {
    unit(&mut Random::new((item * 1_000_003 + batch) as u64), DIMENSION)
}

fn picture(item: usize) -> Item {
    Item::picture(format!("{item}.jpg"), None)
}

/// Writes a batch, and how many there are now.
fn carry_out(number: usize, writer: &mut Writer) -> Result<(), Error> {
    let Batch { removed, added } = batch(number);
    for item in removed {
        writer.remove(&picture(item).id)?;
    }
    for item in added {
        writer.upsert(&picture(item), &vector(item, number))?;
    }
    let count = Item::text((number + 1).to_string()).with_id("batches");
    writer.upsert(&count, &vector(0, 0))?;
    writer.commit()
}

/// The batches that a library holds, after comparing it with what they make.
fn batches(folder: &Path) -> usize {
    let library = Library::open(folder).unwrap();
    assert!(library.lost().is_none(), "{:?}", library.lost());
    assert_eq!(library.verify().unwrap().len(), 0);
    let Some((count, _)) = library.get("batches").unwrap() else {
        assert!(library.is_empty());
        return 0;
    };
    let count: usize = count.content.to_string().trim_matches('"').parse().unwrap();
    let mut expected = BTreeMap::new();
    for number in 0..count {
        let Batch { removed, added } = batch(number);
        expected.retain(|item, _| !removed.contains(item));
        expected.extend(added.into_iter().map(|item| (item, number)));
    }
    assert_eq!(library.len(), expected.len() + 1);
    assert_eq!(library.items(&Filter::of(Modality::Image)).unwrap().len(), expected.len());
    for (item, number) in expected.iter().step_by(61) {
        let (_, found) = library.get(&picture(*item).id).unwrap().unwrap();
        assert_eq!(found, vector(*item, *number));
        let hits = library.search(&found, 1, &Filter::default()).unwrap();
        assert!((hits[0].score - 1.0).abs() < 1e-6);
    }
    count
}

/// Runs as the process that writes, where it is asked to; no test of its own.
#[test]
fn writer() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let library = open(folder.as_ref(), DIMENSION);
    loop {
        let count = library.get("batches").unwrap();
        let count = count
            .map_or(0, |(count, _)| count.content.to_string().trim_matches('"').parse().unwrap());
        let mut writer = library.write().unwrap();
        match carry_out(count, &mut writer) {
            Ok(()) => println!("committed {}", count + 1),
            Err(error) => {
                println!("failed: {error}");
                return;
            }
        }
    }
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["writer", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The number at the end of a line about a batch.
fn committed(line: &str) -> Option<usize> {
    line.split_once("committed ")?.1.trim().parse().ok()
}

#[test]
fn a_killed_writer_loses_nothing_that_it_committed() {
    let rounds = std::env::var(ROUNDS).map_or(25, |rounds| rounds.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (mut random, mut before) = (Random::new(11), 0);
    for round in 0..rounds {
        let mut child = start(folder.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut said = before;
        let wanted = before + round % 4;
        while said < wanted {
            said = lines.find_map(|line| committed(&line)).expect("a writer that goes on");
        }
        // Anywhere in what it does next.
        let moment = (random.values(1)[0] + 1.0) * 20_000.0;
        std::thread::sleep(Duration::from_micros(moment as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        said = lines.filter_map(|line| committed(&line)).last().unwrap_or(said);
        let found = match Library::open(folder.path()) {
            // Killed before it had made the library.
            Err(Error::NoLibrary { .. }) if said == 0 => continue,
            _ => batches(folder.path()),
        };
        assert!(found == said || found == said + 1, "round {round}: {found}, said {said}");
        before = found;
    }
    // The next writer puts in order what was left behind.
    let library = open(folder.path(), DIMENSION);
    library.write().unwrap().compact().unwrap();
    drop(library);
    assert_eq!(std::fs::read_dir(folder.path().join("segments")).unwrap().count(), 1);
    assert_eq!(batches(folder.path()), before);
}

/// Two programs that write into one library take turns.
#[test]
fn two_writers_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let work = |first: usize| {
        let library = open(folder.path(), DIMENSION);
        for item in first..first + 60 {
            let mut writer = library.write().unwrap();
            writer.upsert(&picture(item), &vector(item, 0)).unwrap();
            writer.commit().unwrap();
            if item % 20 == 0 {
                writer.compact().unwrap();
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| work(0));
        scope.spawn(|| work(1000));
    });
    let library = Library::open(folder.path()).unwrap();
    assert_eq!(library.len(), 120);
    assert!(library.lost().is_none());
    for item in [0, 59, 1000, 1059] {
        assert_eq!(library.get(&picture(item).id).unwrap().unwrap().1, vector(item, 0));
    }
}

/// A disk of its own; nothing where this user may not mount one.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mounted = mount(&["-t", "tmpfs", "-o", &options, "tmpfs"], folder.path());
        mounted.then(|| Self(folder))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

fn mount(options: &[&str], folder: &Path) -> bool {
    let status = Command::new("mount").args(options).arg(folder).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

#[test]
fn a_full_disk_costs_what_was_not_committed() {
    let Some(disk) = Disk::new("3m") else {
        eprintln!("skipped: this user may not mount a small disk");
        return;
    };
    let folder = disk.0.path().join("library");
    let library = open(&folder, DIMENSION);
    let mut done = 0;
    let error = loop {
        let mut writer = library.write().unwrap();
        match carry_out(done, &mut writer) {
            Ok(()) => done += 1,
            Err(error) => break error.to_string(),
        }
    };
    assert!(done > 3, "{done}: {error}");
    assert!(error.contains("full") || error.contains("No space"), "{error}");
    // The one who noticed goes on answering, and so does whoever opens it now. Where a segment was
    // what did not fit, the batch before it was committed.
    let found = batches(&folder);
    assert!(found == done || found == done + 1, "{found}, said {done}");
    assert_eq!(library.len(), Library::open(&folder).unwrap().len());

    // With room again it goes on.
    assert!(mount(&["-o", "remount,size=30m"], disk.0.path()));
    for number in found..found + 5 {
        carry_out(number, &mut library.write().unwrap()).unwrap();
    }
    assert_eq!(batches(&folder), found + 5);
}

/// Where nobody may write, everybody may read: also what a killed writer left in the catalog's log.
#[test]
fn a_library_that_nobody_may_write_to_can_be_read() {
    let Some(disk) = Disk::new("30m") else {
        eprintln!("skipped: this user may not mount a small disk");
        return;
    };
    let (alive, folder) = (tempfile::tempdir().unwrap(), disk.0.path().join("library"));
    let library = open(alive.path(), DIMENSION);
    for number in 0..6 {
        carry_out(number, &mut library.write().unwrap()).unwrap();
    }
    // As it is while it is open, as if its writer were gone now.
    assert!(std::fs::metadata(alive.path().join("catalog.sqlite-wal")).unwrap().len() > 0);
    let copied = Command::new("cp").arg("-r").arg(alive.path()).arg(&folder).status().unwrap();
    assert!(copied.success() && mount(&["-o", "remount,ro"], disk.0.path()));
    assert_eq!(batches(&folder), 6);
    // And without a log, as when it was closed.
    assert!(mount(&["-o", "remount,rw"], disk.0.path()));
    drop(open(&folder, DIMENSION));
    assert!(!folder.join("catalog.sqlite-wal").exists());
    assert!(mount(&["-o", "remount,ro"], disk.0.path()));
    assert_eq!(batches(&folder), 6);
    let error = Library::open(&folder).unwrap().write().unwrap_err().to_string();
    assert!(error.starts_with("cannot lock"), "{error}");
}
