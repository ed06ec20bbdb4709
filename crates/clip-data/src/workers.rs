//! The threads behind a loader.
//!
//! Work is handed out in order, a few rows at a time, and only for the next few batches; so
//! memory is bounded by the window, and a slow row holds up no more than that.

use std::any::Any;
use std::collections::HashMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use clip_preprocess::{ReadOptions, RgbImage};

use crate::cache::Cache;
use crate::seed::{Purpose, generator};
use crate::{Caption, CaptionConfig, Dataset, Draw, EpochPlan, Problem, Result, Transform};

/// Rows handed out at a time.
const ROWS: usize = 8;

/// What all epochs of a loader share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) dataset: Arc<Dataset>,
    pub(crate) transform: Transform,
    pub(crate) captions: CaptionConfig,
    pub(crate) cache: Cache,
    pub(crate) seed: u64,
}

/// One finished row.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) index: usize,
    pub(crate) pixels: Vec<f32>,
    pub(crate) caption: String,
    /// What the caption is about: see [`crate::concepts`].
    pub(crate) word: u32,
}

type Outcome = std::result::Result<Row, Problem>;

/// A few rows of a batch: where they begin in it, and what became of them.
struct Piece {
    step: usize,
    start: usize,
    rows: Vec<Outcome>,
}

/// The threads of one epoch.
#[derive(Debug)]
pub(crate) struct Pool {
    job: Arc<Job>,
    pieces: Receiver<Piece>,
    /// Rows of batches that are not complete yet, by step.
    waiting: HashMap<usize, Vec<Option<Outcome>>>,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads of one epoch share.
#[derive(Debug)]
struct Job {
    shared: Arc<Shared>,
    plan: EpochPlan,
    epoch: u64,
    prefetch: usize,
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Debug)]
struct Progress {
    /// The next rows to hand out.
    step: usize,
    row: usize,
    /// The step that is asked for, or will be next.
    wanted: usize,
    closed: bool,
}

impl Shared {
    /// Makes one row, or says why not.
    fn row(&self, epoch: u64, draw: Draw) -> Outcome {
        guarded(|| self.try_row(epoch, draw))
            .map_err(|reason| Problem::new(self.dataset.origin(draw.index), reason))
    }

    fn try_row(&self, epoch: u64, Draw { index, number }: Draw) -> Result<Row> {
        let words = [self.seed, epoch, index as u64, u64::from(number)];
        let mut rng = generator(Purpose::Row, &words);
        let sample = self.dataset.sample(index);
        let Caption { text: caption, word } = self.captions.caption(sample, &mut rng);
        let word = word.and_then(|word| self.dataset.concepts().number(&word));
        let word = word.unwrap_or_else(|| self.dataset.group(index));
        let picture = self.picture(index)?;
        let pixels = self.transform.pixels(&picture, sample.kind, &mut rng);
        Ok(Row { index, pixels, caption, word })
    }

    fn picture(&self, index: usize) -> Result<Arc<RgbImage>> {
        if let Some(picture) = self.cache.get(index) {
            return Ok(picture);
        }
        let picture = self.dataset.picture(index, &ReadOptions::default())?;
        let picture = Arc::new(self.transform.prepare(picture));
        self.cache.keep(index, &picture);
        Ok(picture)
    }
}

/// A panic in a decoder costs a row, not the run.
fn guarded<T>(make: impl FnOnce() -> Result<T>) -> std::result::Result<T, String> {
    match catch_unwind(AssertUnwindSafe(make)) {
        Ok(made) => made.map_err(|error| error.to_string()),
        Err(panic) => Err(format!("reading it panicked: {}", message(panic.as_ref()))),
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

impl Job {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next rows, once they are within the window; nothing when all is handed out or closed.
    fn next(&self) -> Option<(usize, Range<usize>)> {
        let mut progress = self.progress();
        loop {
            if progress.closed || progress.step >= self.plan.len() {
                return None;
            }
            if progress.step < progress.wanted + self.prefetch {
                break;
            }
            progress = self.changed.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
        let (step, start) = (progress.step, progress.row);
        let rows = self.plan.batches()[step].len();
        let end = (start + ROWS).min(rows);
        (progress.step, progress.row) = if end == rows { (step + 1, 0) } else { (step, end) };
        Some((step, start..end))
    }

    fn work(&self, finished: &Sender<Piece>) {
        while let Some((step, range)) = self.next() {
            let start = range.start;
            let mut rows = Vec::with_capacity(range.len());
            for draw in &self.plan.batches()[step][range] {
                if self.progress().closed {
                    return;
                }
                rows.push(self.shared.row(self.epoch, *draw));
            }
            if finished.send(Piece { step, start, rows }).is_err() {
                return;
            }
        }
    }
}

impl Pool {
    pub(crate) fn start(
        shared: Arc<Shared>,
        plan: EpochPlan,
        epoch: u64,
        first_step: usize,
        workers: usize,
        prefetch: usize,
    ) -> Self {
        let progress = Progress { step: first_step, row: 0, wanted: first_step, closed: false };
        let (progress, changed) = (Mutex::new(progress), Condvar::new());
        let job = Arc::new(Job { shared, plan, epoch, prefetch, progress, changed });
        let (sender, pieces) = channel();
        let spawn = |number: usize| {
            let (job, sender) = (Arc::clone(&job), sender.clone());
            let thread = std::thread::Builder::new().name(format!("clip-data-{number}"));
            thread.spawn(move || job.work(&sender)).ok()
        };
        // A system that refuses threads is worked around by `rows`, which then works itself.
        let threads = (0..workers).filter_map(spawn).collect();
        Self { job, pieces, waiting: HashMap::new(), threads }
    }

    pub(crate) fn dataset(&self) -> &Dataset {
        &self.job.shared.dataset
    }

    /// All rows of a batch, in order; waits until they are done. Steps are asked for in order.
    pub(crate) fn rows(&mut self, step: usize) -> Vec<Outcome> {
        let planned = &self.job.plan.batches()[step];
        self.job.progress().wanted = step;
        self.job.changed.notify_all();
        let mut missing = planned.len();
        if let Some(rows) = self.waiting.get(&step) {
            missing = rows.iter().filter(|row| row.is_none()).count();
        }
        while missing > 0 {
            // No sender is left only if no thread could be started.
            let Ok(piece) = self.pieces.recv() else { break };
            let size = self.job.plan.batches()[piece.step].len();
            let gaps = || std::iter::repeat_with(|| None).take(size).collect();
            let batch = self.waiting.entry(piece.step).or_insert_with(gaps);
            if piece.step == step {
                missing -= piece.rows.len();
            }
            for (place, row) in batch[piece.start..].iter_mut().zip(piece.rows) {
                *place = Some(row);
            }
        }
        let made = self.waiting.remove(&step).unwrap_or_default();
        let mut made = made.into_iter().chain(std::iter::repeat_with(|| None));
        let row = |draw: &Draw| {
            made.next().flatten().unwrap_or_else(|| self.job.shared.row(self.job.epoch, *draw))
        };
        planned.iter().map(row).collect()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.job.progress().closed = true;
        self.job.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A thread cannot panic outside of a row, and if it did, nobody would be left to tell.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_reason() {
        assert_eq!(guarded(|| Ok(3)), Ok(3));
        let number = 7;
        let reason = |made: std::result::Result<(), String>| made.unwrap_err();
        assert!(reason(guarded(|| panic!("at {number}"))).ends_with("panicked: at 7"));
        assert!(reason(guarded(|| panic!("plain"))).ends_with("panicked: plain"));
        assert!(reason(guarded(|| Err(crate::Error::NoPaths))).contains("no data"));
    }
}
