//! Jobs: how far each is, for those who follow it.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::http::StatusCode;
use clip_retrieval::Content;
use clip_search::{Changes, Error, Observer, Progress, Task, Warning};
use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::activity::Activity;
use crate::errors::{ApiError, ApiResult};
use crate::metrics::Metrics;

/// Jobs that are remembered.
const KEPT: usize = 32;

/// Files and warnings that a job lists.
const LISTED: usize = 100;

/// How far a job is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct JobBody {
    /// Its id.
    pub(crate) id: String,
    /// How it is.
    pub(crate) state: JobState,
    /// What is being done.
    task: JobTask,
    /// How much of it.
    done: usize,
    /// Of how much; 0 while folders are listed.
    total: usize,
    /// Files that could not be read.
    skipped: usize,
    /// The first of them.
    skipped_files: Vec<SkippedFile>,
    /// What its user should know.
    warnings: Vec<String>,
    /// What was done, once it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<ChangesBody>,
    /// Why it failed, where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// How a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum JobState {
    /// It goes on.
    Running,
    /// All was done.
    Done,
    /// It was stopped; what was done is kept.
    Cancelled,
    /// It failed; what was done is kept.
    Failed,
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum JobTask {
    /// Folders are listed.
    Scan,
    /// Images are encoded.
    Images,
    /// A graph is built over vectors.
    Graph,
    /// Anything else.
    Other,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct SkippedFile {
    path: String,
    reason: String,
}

/// What an update did.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
struct ChangesBody {
    added: usize,
    changed: usize,
    moved: usize,
    unchanged: usize,
    removed: usize,
}

impl From<&Changes> for ChangesBody {
    fn from(changes: &Changes) -> Self {
        let Changes { added, changed, moved, unchanged, removed, .. } = *changes;
        Self { added, changed, moved, unchanged, removed }
    }
}

/// The jobs of this run.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    list: Mutex<VecDeque<Arc<Job>>>,
}

/// One job: what is known of it changes, and those who follow it hear of that.
#[derive(Debug)]
pub(crate) struct Job {
    body: watch::Sender<JobBody>,
    is_cancelled: AtomicBool,
}

impl Jobs {
    /// All that are remembered, the last first.
    pub(crate) fn bodies(&self) -> Vec<JobBody> {
        self.list().iter().rev().map(|job| job.body()).collect()
    }

    fn list(&self) -> MutexGuard<'_, VecDeque<Arc<Job>>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new job, unless one is running: the library has one writer.
    pub(crate) fn begin(&self) -> ApiResult<Arc<Job>> {
        let mut list = self.list();
        if let Some(running) = list.iter().find(|job| job.is_running()) {
            let id = &running.body.borrow().id;
            let message = format!("job {id} is running: follow it at /v1/index/{id}, or cancel it");
            return Err(ApiError::new(StatusCode::CONFLICT, "job_running", message));
        }
        let last = list.back().and_then(|job| job.body.borrow().id.parse::<u64>().ok());
        let job = Arc::new(Job::new((last.unwrap_or(0) + 1).to_string()));
        list.push_back(Arc::clone(&job));
        if list.len() > KEPT {
            list.pop_front();
        }
        Ok(job)
    }

    pub(crate) fn find(&self, id: &str) -> ApiResult<Arc<Job>> {
        let found = self.list().iter().find(|job| job.body.borrow().id == id).cloned();
        found.ok_or_else(|| ApiError::not_found(format!("there is no job {id}")))
    }

    /// Stops all as soon as they can.
    pub(crate) fn cancel_all(&self) {
        self.list().iter().for_each(|job| job.cancel());
    }
}

impl Job {
    fn new(id: String) -> Self {
        let body = JobBody {
            id,
            state: JobState::Running,
            task: JobTask::Scan,
            done: 0,
            total: 0,
            skipped: 0,
            skipped_files: Vec::new(),
            warnings: Vec::new(),
            changes: None,
            error: None,
        };
        Self { body: watch::Sender::new(body), is_cancelled: AtomicBool::new(false) }
    }

    pub(crate) fn body(&self) -> JobBody {
        self.body.borrow().clone()
    }

    /// Hears of every change, and of how it is first.
    pub(crate) fn follow(&self) -> watch::Receiver<JobBody> {
        let mut receiver = self.body.subscribe();
        receiver.mark_changed();
        receiver
    }

    pub(crate) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    fn is_running(&self) -> bool {
        self.body.borrow().state == JobState::Running
    }

    pub(crate) fn finish(&self, outcome: Result<Changes, Error>) {
        self.body.send_modify(|body| match outcome {
            Ok(changes) => {
                body.state = JobState::Done;
                body.changes = Some((&changes).into());
            }
            Err(Error::Cancelled { .. }) => body.state = JobState::Cancelled,
            Err(error) => {
                body.state = JobState::Failed;
                body.error = Some(error.to_string());
            }
        });
    }
}

/// Tells those who follow a job what happens.
pub(crate) struct Follower {
    job: Arc<Job>,
    metrics: Arc<Metrics>,
    activity: Arc<Activity>,
    /// When it went on last.
    last: Instant,
}

impl Follower {
    pub(crate) fn new(job: &Arc<Job>, metrics: &Arc<Metrics>, activity: &Arc<Activity>) -> Self {
        let (job, metrics, activity) = (Arc::clone(job), Arc::clone(metrics), Arc::clone(activity));
        Self { job, metrics, activity, last: Instant::now() }
    }
}

impl Observer for Follower {
    fn progress(&mut self, progress: Progress) {
        self.job.body.send_modify(|body| {
            (body.done, body.total) = (progress.done, progress.total);
            body.task = match progress.task {
                Task::Images => JobTask::Images,
                Task::Graph => JobTask::Graph,
                _ => JobTask::Other,
            };
        });
        let is_cancelled = || self.job.is_cancelled.load(Ordering::Relaxed);
        self.activity.give_way(&mut self.last, is_cancelled);
    }

    fn skipped(&mut self, what: &Content, error: &(dyn StdError + 'static)) {
        self.metrics.skipped_file();
        let path = match what {
            Content::Path(path) => path.to_string_lossy().into_owned(),
            Content::Text(text) => text.clone(),
        };
        self.job.body.send_modify(|body| {
            body.skipped += 1;
            if body.skipped_files.len() < LISTED {
                body.skipped_files.push(SkippedFile { path, reason: error.to_string() });
            }
        });
    }

    fn warning(&mut self, warning: Warning) {
        self.job.body.send_modify(|body| {
            if body.warnings.len() < LISTED {
                body.warnings.push(warning.to_string());
            }
        });
    }

    fn is_cancelled(&self) -> bool {
        self.job.is_cancelled.load(Ordering::Relaxed)
    }
}
