//! What the server counts, for Prometheus.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Seconds: from a cached answer to a deadline.
const SECONDS: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// Inputs of a batch.
const SIZES: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// What the server counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabels, Histogram>,
    batch_inputs: Family<BatchLabels, Histogram>,
    batch_seconds: Family<BatchLabels, Histogram>,
    queue_seconds: Histogram,
    cached_texts: Family<CacheLabels, Counter>,
    connections: Gauge,
    waiting: Gauge,
    skipped_files: Counter<u64, AtomicU64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BatchLabels {
    kind: BatchKind,
}

/// What a batch is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum BatchKind {
    Text,
    Image,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CacheLabels {
    result: CacheResult,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
enum CacheResult {
    Hit,
    Miss,
}

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

fn sizes() -> Histogram {
    Histogram::new(SIZES)
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            batch_inputs: Family::new_with_constructor(sizes),
            batch_seconds: Family::new_with_constructor(seconds),
            queue_seconds: seconds(),
            cached_texts: Family::default(),
            connections: Gauge::default(),
            waiting: Gauge::default(),
            skipped_files: Counter::default(),
        };
        let mut registry = Registry::with_prefix("clip");
        registry.register("requests", "Requests answered", metrics.requests.clone());
        registry.register_with_unit(
            "request_duration",
            "From the head of a request to its answer",
            Unit::Seconds,
            metrics.request_seconds.clone(),
        );
        registry.register(
            "batch_inputs",
            "Texts or images that ran through the model at once",
            metrics.batch_inputs.clone(),
        );
        registry.register_with_unit(
            "batch_duration",
            "Time of a batch in the model",
            Unit::Seconds,
            metrics.batch_seconds.clone(),
        );
        registry.register_with_unit(
            "queue_duration",
            "Wait for the model",
            Unit::Seconds,
            metrics.queue_seconds.clone(),
        );
        registry.register(
            "cached_texts",
            "Texts of searches whose vector was kept, or not",
            metrics.cached_texts.clone(),
        );
        registry.register("connections", "Open connections", metrics.connections.clone());
        registry.register(
            "waiting",
            "Texts that are worked for; an image counts as 16",
            metrics.waiting.clone(),
        );
        registry.register(
            "skipped_files",
            "Files that indexing could not read",
            metrics.skipped_files.clone(),
        );
        Self { registry, ..metrics }
    }
}

impl Metrics {
    pub(crate) fn request(&self, method: &str, route: &str, status: u16, time: Duration) {
        let (method, route) = (method.to_owned(), route.to_owned());
        let seconds = self.request_seconds.get_or_create(&RouteLabels { route: route.clone() });
        seconds.observe(time.as_secs_f64());
        drop(seconds);
        self.requests.get_or_create(&RequestLabels { method, route, status }).inc();
    }

    pub(crate) fn batch(&self, kind: BatchKind, inputs: usize, time: Duration) {
        let labels = BatchLabels { kind };
        self.batch_inputs.get_or_create(&labels).observe(inputs as f64);
        self.batch_seconds.get_or_create(&labels).observe(time.as_secs_f64());
    }

    pub(crate) fn waited(&self, time: Duration) {
        self.queue_seconds.observe(time.as_secs_f64());
    }

    pub(crate) fn cached_texts(&self, hits: usize, misses: usize) {
        for (result, count) in [(CacheResult::Hit, hits), (CacheResult::Miss, misses)] {
            self.cached_texts.get_or_create(&CacheLabels { result }).inc_by(count as u64);
        }
    }

    pub(crate) fn connections(&self, change: i64) {
        self.connections.inc_by(change);
    }

    /// All of it, in the text format that Prometheus reads; of the queue so many places are taken.
    pub(crate) fn text(&self, taken: usize) -> Result<String, fmt::Error> {
        self.waiting.set(taken as i64);
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    pub(crate) fn skipped_file(&self) {
        self.skipped_files.inc();
    }
}
