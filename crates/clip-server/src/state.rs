//! What all requests share.

use std::io;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use clip::{Embedder, Embedding};
use clip_search::{Collection, Engine};
use lru::LruCache;
use tokio::sync::Semaphore;

use crate::activity::Activity;
use crate::auth::Auth;
use crate::batch::Batcher;
use crate::buffers::Buffers;
use crate::errors::{ApiError, ApiResult};
use crate::job::Jobs;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::observer::Observer;
use crate::settings::Settings;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The collection cannot be used with the model.
    #[error(transparent)]
    Search(#[from] clip_search::Error),
    /// No address can be listened on, or no thread started.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// What the system said.
        source: io::Error,
    },
    /// A certificate or its key cannot be used.
    #[error("cannot use {} for TLS: {reason}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Others could reach it, and nobody said that they may.
    #[error("{address} can be reached from other machines: set a key, or say that anybody may ask")]
    NoKey {
        /// Where it would listen.
        address: std::net::SocketAddr,
    },
}

/// A model and a collection, and what serving them needs. Clones are the same server.
#[derive(Clone)]
pub struct Server(Arc<Shared>);

struct Shared {
    embedder: Arc<Embedder>,
    engine: Option<Engine>,
    batcher: Batcher,
    is_ready: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
    auth: Auth,
    settings: Settings,
    observer: Arc<dyn Observer>,
    started: u64,
    /// Places in the queue.
    places: Arc<Semaphore>,
    /// Images that are decoded at once.
    decoders: Arc<Semaphore>,
    /// Memory for them, in MiB.
    decoding: Arc<Semaphore>,
    buffers: Arc<Buffers>,
    /// One search for duplicates.
    comparing: Arc<Semaphore>,
    /// One explanation.
    explaining: Arc<Semaphore>,
    cache: Mutex<LruCache<String, Embedding>>,
    jobs: Jobs,
    activity: Arc<Activity>,
    summary: Mutex<Option<(u64, Bytes)>>,
}

const _: fn() = || {
    fn check<T: Send + Sync + Clone>() {}
    check::<Server>();
};

impl Server {
    /// Starts the thread of the model. Without a collection there is nothing to search, and all else works.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub fn new(
        embedder: Embedder,
        collection: Option<Collection>,
        settings: Settings,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, StartError> {
        let embedder = Arc::new(embedder);
        let engine = collection.map(|collection| Engine::new(Arc::clone(&embedder), collection));
        let engine = engine.transpose()?;
        let metrics = Arc::new(Metrics::default());
        let is_ready = Arc::new(AtomicBool::new(false));
        let ready = Arc::clone(&is_ready);
        let batcher = Batcher::start(Arc::clone(&embedder), Arc::clone(&metrics), move || {
            ready.store(true, Ordering::Release);
        })
        .map_err(|source| StartError::Io { action: "start a thread".to_owned(), source })?;
        let auth = Auth::new(settings.access.clone(), settings.tls.is_some()).map_err(|error| {
            StartError::Io {
                action: "get random bytes".to_owned(),
                source: io::Error::other(error.to_string()),
            }
        })?;
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let limits = &settings.limits;
        let cached = NonZero::new(limits.cached_texts).unwrap_or(NonZero::<usize>::MIN);
        Ok(Self(Arc::new(Shared {
            embedder,
            engine,
            batcher,
            is_ready,
            metrics,
            auth,
            started: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()),
            places: Arc::new(Semaphore::new(limits.waiting)),
            decoders: Arc::new(Semaphore::new(cores)),
            decoding: Arc::new(Semaphore::new((limits.decoding_bytes >> 20).max(1) as usize)),
            buffers: Buffers::new(limits.buffered_bytes),
            comparing: Arc::new(Semaphore::new(1)),
            explaining: Arc::new(Semaphore::new(1)),
            cache: Mutex::new(LruCache::new(cached)),
            jobs: Jobs::default(),
            activity: Arc::default(),
            summary: Mutex::default(),
            settings,
            observer,
        })))
    }

    /// What encodes.
    pub fn embedder(&self) -> &Arc<Embedder> {
        &self.0.embedder
    }

    /// The engine over the collection.
    ///
    /// # Errors
    ///
    /// An error for the client where there is no collection.
    pub fn engine(&self) -> ApiResult<&Engine> {
        self.0.engine.as_ref().ok_or_else(|| {
            ApiError::not_found(
                "this server has a model and no library: there is nothing to search",
            )
        })
    }

    /// Whether the model was read and answers at once.
    pub fn is_ready(&self) -> bool {
        self.0.is_ready.load(Ordering::Acquire)
    }

    /// How it was set up.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// How much of everything is taken.
    pub fn limits(&self) -> &Limits {
        &self.0.settings.limits
    }

    /// The name by which clients know the model.
    pub fn model(&self) -> &str {
        &self.0.embedder.card().name
    }

    /// Whether a client means this model.
    ///
    /// # Errors
    ///
    /// An error for the client where it names another.
    pub fn check_model(&self, name: Option<&str>) -> ApiResult<()> {
        let is_known = |name: &str| {
            name == self.model() || self.settings().aliases.iter().any(|own| own == name)
        };
        match name {
            Some(name) if !is_known(name) => Err(ApiError::new(
                axum::http::StatusCode::NOT_FOUND,
                "model_not_found",
                format!("this server has the model {}, and not {name}", self.model()),
            )
            .with_param("model")),
            _ => Ok(()),
        }
    }

    /// Encodes what was accepted, and nothing after.
    pub(crate) fn stop(&self) {
        self.0.jobs.cancel_all();
        self.0.batcher.stop();
    }

    pub(crate) fn observer(&self) -> &dyn Observer {
        &*self.0.observer
    }

    pub(crate) fn batcher(&self) -> &Batcher {
        &self.0.batcher
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    pub(crate) fn auth(&self) -> &Auth {
        &self.0.auth
    }

    pub(crate) fn buffers(&self) -> &Arc<Buffers> {
        &self.0.buffers
    }

    pub(crate) fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    pub(crate) fn activity(&self) -> &Arc<Activity> {
        &self.0.activity
    }

    /// What was said of the library at this version of it.
    pub(crate) fn summary(&self, version: Option<u64>) -> Option<Bytes> {
        let summary = self.0.summary.lock().unwrap_or_else(PoisonError::into_inner);
        summary.as_ref().filter(|(of, _)| Some(*of) == version).map(|(_, bytes)| bytes.clone())
    }

    pub(crate) fn keep_summary(&self, version: Option<u64>, bytes: &Bytes) {
        let mut summary = self.0.summary.lock().unwrap_or_else(PoisonError::into_inner);
        *summary = version.map(|version| (version, bytes.clone()));
    }

    /// When the server was started, in seconds since 1970.
    pub(crate) fn started(&self) -> u64 {
        self.0.started
    }

    pub(crate) fn places(&self) -> &Arc<Semaphore> {
        &self.0.places
    }

    pub(crate) fn decoders(&self) -> &Arc<Semaphore> {
        &self.0.decoders
    }

    pub(crate) fn decoding(&self) -> &Arc<Semaphore> {
        &self.0.decoding
    }

    pub(crate) fn comparing(&self) -> &Arc<Semaphore> {
        &self.0.comparing
    }

    pub(crate) fn explaining(&self) -> &Arc<Semaphore> {
        &self.0.explaining
    }

    pub(crate) fn cached(&self, text: &str) -> Option<Embedding> {
        self.cache().get(text).cloned()
    }

    pub(crate) fn keep(&self, text: &str, embedding: &Embedding) {
        self.cache().put(text.to_owned(), embedding.clone());
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, LruCache<String, Embedding>> {
        self.0.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs what computes or reads files on a thread that may wait.
    pub(crate) async fn blocking<T: Send + 'static>(
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let failed = |_| ApiError::internal("the server failed at this request");
        tokio::task::spawn_blocking(work).await.map_err(failed)?
    }
}
