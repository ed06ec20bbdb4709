//! Decoding on all cores while the tower runs.
//!
//! Threads of their own take the items in order, prepare each and hand it to the thread that asks
//! for results, which puts them back in order, fills batches and runs the tower. They are not
//! rayon's: the tower divides each product among those, and where one of them had begun to decode,
//! the product would wait for a whole picture. While both are busy the system shares the cores
//! between them; once enough is prepared, the tower has all.
//!
//! Memory is bounded twice. A thread takes an item only while fewer than two batches are in work
//! or wait for the tower, and decodes it only when a [`Budget`] has room for the pixels.

use std::collections::{HashMap, VecDeque};
use std::iter::{Enumerate, Fuse};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::room::{Budget, Room};

/// How many items that failed may wait for a batch to fill; then it runs as it is.
const FAILURES: usize = 1024;

/// How much is done at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pipeline {
    /// Inputs that run together.
    pub(crate) batch: usize,
    /// Threads that prepare.
    pub(crate) threads: usize,
    /// Bytes for what is being prepared; see [`Room`].
    pub(crate) bytes: u64,
}

/// A result in its place, or why there are no more.
pub(crate) type Step<I, V, E> = crate::Result<(I, Result<V, E>)>;

impl Pipeline {
    /// Prepares each item on the threads, runs `forward` on batches of what came of them, and gives
    /// `consume` the results in the order of the items. Nothing goes on after `consume` returns.
    ///
    /// # Panics
    ///
    /// Panics where `items` or `prepare` panicked.
    pub(crate) fn run<I: Send, T: Send, V, E: Send, R>(
        self,
        items: impl Iterator<Item = I> + Send,
        prepare: impl Fn(&I, &Room<'_>) -> Result<T, E> + Sync,
        forward: impl FnMut(Vec<T>) -> crate::Result<Vec<V>>,
        consume: impl FnOnce(&mut dyn Iterator<Item = Step<I, V, E>>) -> R,
    ) -> R {
        let ahead = self.batch + self.batch.max(self.threads);
        let threads = items.size_hint().1.map_or(self.threads, |most| most.min(self.threads));
        let stage = Stage {
            source: Mutex::new(items.fuse().enumerate()),
            prepare,
            gate: Gate::new(ahead),
            budget: Budget::new(self.bytes),
        };
        thread::scope(|scope| {
            let (sender, receiver) = sync_channel(ahead);
            for number in 0..threads {
                let (stage, sender) = (&stage, sender.clone());
                let work =
                    move || while stage.step().is_some_and(|made| sender.send(made).is_ok()) {};
                let thread = thread::Builder::new().name(format!("clip-decode-{number}"));
                // A system that refuses threads is worked around by `Results`, which then works itself.
                let _ = thread.spawn_scoped(scope, work);
            }
            drop(sender);
            consume(&mut Results {
                stage: &stage,
                receiver,
                batch: self.batch,
                forward,
                early: HashMap::new(),
                next: 0,
                ready: VecDeque::new(),
                ended: false,
            })
        })
    }
}

/// What the threads share.
struct Stage<S: Iterator, F> {
    source: Mutex<Enumerate<Fuse<S>>>,
    prepare: F,
    gate: Gate,
    budget: Budget,
}

/// An item's place, the item, and what came of it; or what a thread panicked with.
type Made<I, T, E> = thread::Result<(usize, I, Result<T, E>)>;

impl<S, I, T, E, F> Stage<S, F>
where
    S: Iterator<Item = I>,
    F: Fn(&I, &Room<'_>) -> Result<T, E>,
{
    /// Prepares the next item; nothing when there is none or nobody wants it.
    fn step(&self) -> Option<Made<I, T, E>> {
        self.gate.enter()?;
        let made = catch_unwind(AssertUnwindSafe(|| {
            let (place, item) =
                self.source.lock().unwrap_or_else(PoisonError::into_inner).next()?;
            let outcome = (self.prepare)(&item, &self.budget.room());
            Some((place, item, outcome))
        }));
        let made = made.transpose();
        if made.is_none() {
            self.gate.leave(1);
        }
        made
    }
}

/// Results in the order of the items.
struct Results<'a, S: Iterator, F, G, T, V, E> {
    stage: &'a Stage<S, F>,
    receiver: Receiver<Made<S::Item, T, E>>,
    batch: usize,
    forward: G,
    /// What was made before its turn.
    early: HashMap<usize, (S::Item, Result<T, E>)>,
    /// The place whose turn it is.
    next: usize,
    ready: VecDeque<(S::Item, Result<V, E>)>,
    ended: bool,
}

impl<S, I, F, G, T, V, E> Results<'_, S, F, G, T, V, E>
where
    S: Iterator<Item = I>,
    F: Fn(&I, &Room<'_>) -> Result<T, E>,
    G: FnMut(Vec<T>) -> crate::Result<Vec<V>>,
{
    /// What came of the next item.
    fn prepared(&mut self) -> Option<(I, Result<T, E>)> {
        loop {
            if let Some(made) = self.early.remove(&self.next) {
                self.next += 1;
                return Some(made);
            }
            let made = self.receiver.recv().ok().or_else(|| self.stage.step())?;
            let (place, item, outcome) = made.unwrap_or_else(|panic| resume_unwind(panic));
            if outcome.is_err() {
                self.stage.gate.leave(1);
            }
            self.early.insert(place, (item, outcome));
        }
    }

    /// Runs one batch; what failed in between takes no place in it.
    fn fill(&mut self) -> crate::Result<()> {
        let (mut inputs, mut outcomes) = (Vec::with_capacity(self.batch), Vec::new());
        while inputs.len() < self.batch && outcomes.len() < self.batch + FAILURES {
            let Some((item, outcome)) = self.prepared() else { break };
            outcomes.push((item, outcome.map(|input| inputs.push(input))));
        }
        self.stage.gate.leave(inputs.len());
        let vectors = if inputs.is_empty() { Vec::new() } else { (self.forward)(inputs)? };
        let mut vectors = vectors.into_iter();
        for (item, outcome) in outcomes {
            match outcome {
                Ok(()) => self.ready.extend(vectors.next().map(|vector| (item, Ok(vector)))),
                Err(error) => self.ready.push_back((item, Err(error))),
            }
        }
        Ok(())
    }
}

impl<S, I, F, G, T, V, E> Iterator for Results<'_, S, F, G, T, V, E>
where
    S: Iterator<Item = I>,
    F: Fn(&I, &Room<'_>) -> Result<T, E>,
    G: FnMut(Vec<T>) -> crate::Result<Vec<V>>,
{
    type Item = Step<I, V, E>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() && !self.ended {
            let filled = self.fill();
            self.ended = self.ready.is_empty();
            if let Err(error) = filled {
                self.stage.gate.close();
                return Some(Err(error));
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

impl<S: Iterator, F, G, T, V, E> Drop for Results<'_, S, F, G, T, V, E> {
    fn drop(&mut self) {
        self.stage.gate.close();
    }
}

/// Lets so many in at once.
#[derive(Debug)]
struct Gate {
    /// How many more may enter; nothing once it is closed.
    free: Mutex<Option<usize>>,
    changed: Condvar,
}

impl Gate {
    fn new(places: usize) -> Self {
        Self { free: Mutex::new(Some(places)), changed: Condvar::new() }
    }

    fn free(&self) -> MutexGuard<'_, Option<usize>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place; nothing once the gate is closed.
    fn enter(&self) -> Option<()> {
        let free = self.changed.wait_while(self.free(), |free| *free == Some(0));
        let mut free = free.unwrap_or_else(PoisonError::into_inner);
        *free = Some((*free)? - 1);
        Some(())
    }

    fn leave(&self, places: usize) {
        let mut free = self.free();
        *free = free.map(|free| free + places);
        self.changed.notify_all();
    }

    fn close(&self) {
        *self.free() = None;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests;
