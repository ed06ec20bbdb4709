//! One thread owns the model: it makes batches of what many requests wait for.
//!
//! It takes what waits as soon as it is free, and never waits for more: alone, a request has the model at
//! once, and the more requests there are the larger the batches become. Of texts it takes the first and
//! those most like it in length, since a batch is padded to its longest; of texts and images it takes the
//! kind whose turn comes first. The inputs of one request have their turns one after the other, as if they
//! had come so: a small request does not wait for all of a large one. What nobody waits for any more is dropped before it is encoded.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use clip::{Embedder, Embedding, PreparedImage, TokenizedText};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::errors::{ApiError, ApiResult};
use crate::metrics::{BatchKind, Metrics};

/// Batches of texts among which those of like length are looked for.
const WINDOW: usize = 8;

/// From the turn of an input to that of the next of the same request: some of the time that a tower takes for one.
const STEP: Duration = Duration::from_millis(5);

/// Who waits for a vector.
pub(crate) type Reply = oneshot::Receiver<ApiResult<Embedding>>;

/// A place in the queue, which a request has until nobody works for it.
pub(crate) type Place = Arc<OwnedSemaphorePermit>;

/// The queue of the thread that owns the model.
#[derive(Debug)]
pub(crate) struct Batcher {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    texts: Turns<TokenizedText>,
    images: Turns<PreparedImage>,
    pushed: u64,
    is_stopped: bool,
}

/// What waits, in the order of its turns; of one turn, what came first.
type Turns<T> = BTreeMap<(Instant, u64), Job<T>>;

#[derive(Debug)]
struct Job<T> {
    input: T,
    since: Instant,
    reply: oneshot::Sender<ApiResult<Embedding>>,
    _place: Place,
}

/// What runs through a tower at once.
enum Batch {
    Texts(Vec<Job<TokenizedText>>),
    Images(Vec<Job<PreparedImage>>),
}

impl Batcher {
    /// Starts the thread. It first runs a text and an image through the towers, so that their weights are
    /// read, and calls `ready`.
    pub(crate) fn start(
        embedder: Arc<Embedder>,
        metrics: Arc<Metrics>,
        ready: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let own = Arc::clone(&queue);
        let thread = thread::Builder::new().name("model".to_owned()).spawn(move || {
            warm_up(&embedder);
            ready();
            while let Some(batch) = own.next(embedder.batch_size()) {
                run(batch, &embedder, &metrics);
            }
        })?;
        Ok(Self { queue, thread: Mutex::new(Some(thread)) })
    }

    /// The text that is the `at`th input of its request.
    pub(crate) fn text(&self, input: TokenizedText, at: usize, place: Place) -> Reply {
        self.queue.push(input, at, place, |waiting| &mut waiting.texts)
    }

    /// The image that is the `at`th input of its request.
    pub(crate) fn image(&self, input: PreparedImage, at: usize, place: Place) -> Reply {
        self.queue.push(input, at, place, |waiting| &mut waiting.images)
    }

    /// Encodes what waits, and ends the thread.
    pub(crate) fn stop(&self) {
        self.queue.lock().is_stopped = true;
        self.queue.arrived.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Batcher {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push<T>(
        &self,
        input: T,
        at: usize,
        place: Place,
        list: impl FnOnce(&mut Waiting) -> &mut Turns<T>,
    ) -> Reply {
        let (reply, receiver) = oneshot::channel();
        let mut waiting = self.lock();
        // Once stopped nobody answers: the reply is dropped, and its receiver hears of it.
        if !waiting.is_stopped {
            let since = Instant::now();
            let turn = (since + STEP * at as u32, waiting.pushed);
            waiting.pushed += 1;
            list(&mut waiting).insert(turn, Job { input, since, reply, _place: place });
            drop(waiting);
            self.arrived.notify_one();
        }
        receiver
    }

    /// Waits for something to do; nothing comes after a stop.
    fn next(&self, size: usize) -> Option<Batch> {
        let mut waiting = self.lock();
        loop {
            if let Some(batch) = waiting.take(size) {
                return Some(batch);
            }
            if waiting.is_stopped {
                return None;
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Waiting {
    fn take(&mut self, size: usize) -> Option<Batch> {
        self.texts.retain(|_, job| !job.reply.is_closed());
        self.images.retain(|_, job| !job.reply.is_closed());
        let texts = match (self.texts.first_key_value(), self.images.first_key_value()) {
            (None, None) => return None,
            (Some((text, _)), Some((image, _))) => text <= image,
            (text, _) => text.is_some(),
        };
        Some(match texts {
            true => Batch::Texts(alike(&mut self.texts, size)),
            false => {
                let first = (0..size).map_while(|_| self.images.pop_first());
                Batch::Images(first.map(|(_, job)| job).collect())
            }
        })
    }
}

/// The text whose turn is first, and those most like it in length.
fn alike(texts: &mut Turns<TokenizedText>, size: usize) -> Vec<Job<TokenizedText>> {
    let Some((_, first)) = texts.first_key_value() else { return Vec::new() };
    let length = first.input.len();
    let mut order: Vec<_> = texts.iter().take(WINDOW * size).collect();
    // Stable: of the same length the earlier come first.
    order.sort_by_key(|(_, job)| job.input.len().abs_diff(length));
    let turns: Vec<_> = order.into_iter().take(size).map(|(turn, _)| *turn).collect();
    turns.into_iter().filter_map(|turn| texts.remove(&turn)).collect()
}

/// Reads the weights, for which the first request would wait.
fn warm_up(embedder: &Embedder) {
    let image = clip::RgbImage::new(64, 64);
    let _ = embedder.picture(&image);
    let _ = embedder.text("a photo");
}

fn run(batch: Batch, embedder: &Embedder, metrics: &Metrics) {
    match batch {
        Batch::Texts(jobs) => {
            answer(jobs, BatchKind::Text, metrics, |texts| embedder.encode_tokens(texts));
        }
        Batch::Images(jobs) => {
            answer(jobs, BatchKind::Image, metrics, |images| embedder.encode_prepared(images));
        }
    }
}

fn answer<T>(
    jobs: Vec<Job<T>>,
    kind: BatchKind,
    metrics: &Metrics,
    encode: impl FnOnce(&[T]) -> clip::Result<Vec<Embedding>>,
) {
    let start = Instant::now();
    let (mut inputs, mut replies) =
        (Vec::with_capacity(jobs.len()), Vec::with_capacity(jobs.len()));
    for Job { input, since, reply, _place } in jobs {
        metrics.waited(start - since);
        inputs.push(input);
        replies.push((reply, _place));
    }
    // Whatever happens to one batch, the thread is there for the next.
    let encoded = catch_unwind(AssertUnwindSafe(|| encode(&inputs)));
    metrics.batch(kind, inputs.len(), start.elapsed());
    let failed = match encoded {
        Ok(Ok(embeddings)) => {
            for ((reply, _), embedding) in replies.into_iter().zip(embeddings) {
                let _ = reply.send(Ok(embedding));
            }
            return;
        }
        Ok(Err(error)) => ApiError::from(error),
        Err(_) => ApiError::internal("the model failed: the server's operator can say why"),
    };
    for (reply, _) in replies {
        let _ = reply.send(Err(failed.clone()));
    }
}
