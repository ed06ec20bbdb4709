//! One thread owns the model: it makes batches of what many requests wait for.
//!
//! It takes what waits as soon as it is free, and never waits for more: alone, a request has the model at
//! once, and the more requests there are the larger the batches become. Of texts it takes the oldest and
//! those most like it in length, since a batch is padded to its longest; of texts and images it takes the
//! kind that has waited longer. What nobody waits for any more is dropped before it is encoded.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use clip::{Embedder, Embedding, PreparedImage, TokenizedText};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::errors::{ApiError, ApiResult};
use crate::metrics::{BatchKind, Metrics};

/// Batches of texts among which those of like length are looked for.
const WINDOW: usize = 8;

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
    texts: VecDeque<Job<TokenizedText>>,
    images: VecDeque<Job<PreparedImage>>,
    is_stopped: bool,
}

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

    pub(crate) fn text(&self, input: TokenizedText, place: Place) -> Reply {
        self.queue.push(input, place, |waiting| &mut waiting.texts)
    }

    pub(crate) fn image(&self, input: PreparedImage, place: Place) -> Reply {
        self.queue.push(input, place, |waiting| &mut waiting.images)
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
        place: Place,
        list: impl FnOnce(&mut Waiting) -> &mut VecDeque<Job<T>>,
    ) -> Reply {
        let (reply, receiver) = oneshot::channel();
        let mut waiting = self.lock();
        // Once stopped nobody answers: the reply is dropped, and its receiver hears of it.
        if !waiting.is_stopped {
            let since = Instant::now();
            list(&mut waiting).push_back(Job { input, since, reply, _place: place });
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
        self.texts.retain(|job| !job.reply.is_closed());
        self.images.retain(|job| !job.reply.is_closed());
        let texts = match (self.texts.front(), self.images.front()) {
            (None, None) => return None,
            (Some(text), Some(image)) => text.since <= image.since,
            (text, _) => text.is_some(),
        };
        Some(match texts {
            true => Batch::Texts(alike(&mut self.texts, size)),
            false => {
                let size = size.min(self.images.len());
                Batch::Images(self.images.drain(..size).collect())
            }
        })
    }
}

/// The oldest text, and those most like it in length.
fn alike(texts: &mut VecDeque<Job<TokenizedText>>, size: usize) -> Vec<Job<TokenizedText>> {
    let Some(length) = texts.front().map(|job| job.input.len()) else { return Vec::new() };
    let mut order: Vec<usize> = (0..texts.len().min(WINDOW * size)).collect();
    // Stable: of the same length the older come first.
    order.sort_by_key(|&at| texts[at].input.len().abs_diff(length));
    order.truncate(size);
    order.sort_unstable_by(|a, b| b.cmp(a));
    order.into_iter().filter_map(|at| texts.remove(at)).collect()
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
