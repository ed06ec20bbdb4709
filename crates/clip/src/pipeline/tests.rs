use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Barrier, mpsc};

use super::*;
use crate::Error;

const THREADS: usize = 4;
const BATCH: usize = 3;

fn pipeline() -> Pipeline {
    Pipeline { batch: BATCH, threads: THREADS, bytes: 100 }
}

/// Odd numbers cannot be prepared.
fn even(number: &u32, _: &Room<'_>) -> Result<u32, String> {
    if number.is_multiple_of(2) { Ok(*number) } else { Err(format!("{number} is odd")) }
}

fn double(numbers: Vec<u32>) -> crate::Result<Vec<u32>> {
    Ok(numbers.into_iter().map(|number| 2 * number).collect())
}

type Results = Vec<(u32, Result<u32, String>)>;

/// The results of all numbers, and the sizes of the batches.
fn all(numbers: impl IntoIterator<Item = u32, IntoIter: Send>) -> (Results, Vec<usize>) {
    let mut batches = Vec::new();
    let forward = |numbers: Vec<u32>| {
        batches.push(numbers.len());
        double(numbers)
    };
    let results = pipeline().run(numbers.into_iter(), even, forward, |results| {
        results.collect::<crate::Result<Results>>()
    });
    (results.unwrap(), batches)
}

#[test]
fn failures_stay_in_place_and_batches_fill() {
    let (results, batches) = all(0..14);
    let expected = (0..14).map(|number| {
        let odd = || Err(format!("{number} is odd"));
        (number, if number % 2 == 0 { Ok(2 * number) } else { odd() })
    });
    assert_eq!(results, expected.collect::<Vec<_>>());
    assert_eq!(batches, [3, 3, 1]);
}

#[test]
fn nothing_and_failures_alone() {
    assert_eq!(all([]), (vec![], vec![]));
    let (results, batches) = all([1; 5]);
    assert!(results.len() == 5 && results.iter().all(|(_, result)| result.is_err()));
    assert!(batches.is_empty());
}

/// A batch does not wait for ever while file after file fails.
#[test]
fn many_failures_do_not_pile_up() {
    let odd = std::iter::repeat_n(1, 2 * FAILURES);
    let (results, batches) = all([0].into_iter().chain(odd).chain([2]));
    assert_eq!(results.len(), 2 * FAILURES + 2);
    assert_eq!(batches, [1, 1]);
}

/// Each item but the last of a round finishes only after the one behind it.
#[test]
fn order_is_kept_when_later_items_are_ready_first() {
    let numbers = 0..3 * THREADS;
    let signals: Vec<_> = numbers.clone().map(|_| mpsc::sync_channel::<()>(1)).collect();
    let (senders, receivers): (Vec<_>, Vec<_>) = signals.into_iter().unzip();
    let receivers: Vec<_> = receivers.into_iter().map(Mutex::new).collect();
    let finished = Mutex::new(Vec::new());
    let prepare = |number: &usize, _: &Room<'_>| -> Result<usize, String> {
        if number % THREADS < THREADS - 1 {
            receivers[number + 1].lock().unwrap().recv().unwrap();
        }
        finished.lock().unwrap().push(*number);
        senders[*number].send(()).unwrap();
        Ok(*number)
    };
    let pipeline = Pipeline { batch: 2 * THREADS, ..pipeline() };
    let order: Vec<usize> = pipeline.run(numbers.clone(), prepare, Ok, |results| {
        results.map(|result| result.unwrap().1.unwrap()).collect()
    });
    assert_eq!(order, numbers.collect::<Vec<_>>());
    assert!(!finished.into_inner().unwrap().is_sorted());
}

/// The tower begins only after an item of the next batch has been prepared.
#[test]
fn the_next_batch_is_prepared_while_the_tower_runs() {
    let together = Barrier::new(2);
    let prepare = |number: &usize, _: &Room<'_>| -> Result<usize, String> {
        if *number == BATCH {
            together.wait();
        }
        Ok(*number)
    };
    let mut first = true;
    let forward = |numbers: Vec<usize>| {
        if std::mem::take(&mut first) {
            together.wait();
        }
        Ok(numbers)
    };
    assert_eq!(pipeline().run(0..10, prepare, forward, |results| results.count()), 10);
}

/// Nobody asks for results after the first: two batches are made, and no more.
#[test]
fn what_is_prepared_ahead_is_bounded() {
    let prepared = AtomicUsize::new(0);
    let prepare = |number: &usize, _: &Room<'_>| -> Result<usize, String> {
        prepared.fetch_add(1, SeqCst);
        Ok(*number)
    };
    let stopped = pipeline().run(0.., prepare, Ok, |results| {
        assert!(results.next().unwrap().is_ok());
        results.next().unwrap().unwrap().0
    });
    assert_eq!(stopped, 1);
    // A batch in the tower, and ahead of it a batch and an item for each thread.
    assert!(prepared.into_inner() <= BATCH + BATCH + THREADS);
}

/// However many threads there are, no more is decoded at once than there is room for; an item that
/// is larger than all of it comes through alone.
#[test]
fn room_bounds_what_is_decoded_at_once() {
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let prepare = |bytes: &u64, room: &Room<'_>| -> Result<u64, String> {
        room.wait(*bytes);
        let held = (*bytes).min(100) as usize;
        most.fetch_max(held + now.fetch_add(held, SeqCst), SeqCst);
        std::thread::yield_now();
        now.fetch_sub(held, SeqCst);
        Ok(*bytes)
    };
    let sizes = [60, 30, 50, 1000, 1, 100, 40, 40, 40, 0].into_iter().cycle().take(500);
    let pipeline = Pipeline { batch: 32, threads: 16, bytes: 100 };
    assert_eq!(pipeline.run(sizes, prepare, Ok, |results| results.count()), 500);
    assert!(most.into_inner() <= 100);
}

/// Room that is asked for again replaces what was asked for before.
#[test]
fn room_can_be_asked_for_twice() {
    let prepare = |number: &u64, room: &Room<'_>| -> Result<u64, String> {
        room.wait(80);
        room.wait(90);
        Ok(*number)
    };
    assert_eq!(pipeline().run(0..50, prepare, Ok, |results| results.count()), 50);
}

#[test]
fn an_error_of_the_tower_is_the_last_result() {
    let mut runs = 0;
    let forward = |numbers: Vec<u32>| match numbers.contains(&8) {
        true => Err(Error::EmptyText),
        false => {
            runs += 1;
            Ok(numbers)
        }
    };
    let steps: Vec<_> =
        pipeline().run((0..).step_by(2), even, forward, |results| results.collect());
    assert_eq!(steps.len(), 4);
    assert!(steps[..3].iter().all(Result::is_ok));
    assert!(matches!(steps[3], Err(Error::EmptyText)));
    assert_eq!(runs, 1);
}

#[test]
fn a_panic_of_a_reader_reaches_the_caller() {
    let prepare = |number: &u32, _: &Room<'_>| -> Result<u32, String> {
        assert!(*number != 5, "five");
        Ok(*number)
    };
    let run = || pipeline().run(0.., prepare, Ok, |results| results.count());
    let panic = catch_unwind(run).unwrap_err();
    assert!(panic.downcast_ref::<&str>().is_some_and(|message| message.contains("five")));
}

#[test]
fn it_works_without_threads() {
    let alone = Pipeline { threads: 0, ..pipeline() };
    let results: crate::Result<Vec<_>> = alone.run(0..8, even, double, |results| results.collect());
    assert_eq!(results.unwrap().len(), 8);
}
