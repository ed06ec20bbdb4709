//! `POST /v1/index`: bringing the library in step with its folders, as a job to follow.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use clip_retrieval::Content;
use clip_search::{
    Changes, DecodeOptions, Engine, Error, GRAPH_ABOVE, MissingFiles, Observer, Progress,
    ScanOptions, Task, UpdateOptions, Warning, absolute, scan,
};
use futures_core::Stream;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::errors::{ApiError, ApiResult, ErrorBody};
use crate::json::Json;
use crate::metrics::Metrics;
use crate::state::Server;

/// Jobs that are remembered.
const KEPT: usize = 32;

/// Files and warnings that a job lists.
const LISTED: usize = 100;

/// Which folders are read.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IndexBody {
    /// Folders and images among those that the server was started with; all of those where there are none.
    #[serde(default)]
    paths: Vec<String>,
    /// What happens to images that are gone.
    #[serde(default)]
    missing: Missing,
}

/// What happens to images that are gone.
#[derive(Debug, Default, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Missing {
    /// They leave the library, but for those that may lie on a drive that is not plugged in.
    #[default]
    Prune,
    /// They stay.
    Keep,
    /// They leave the library, all of them.
    Drop,
}

/// How far a job is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct JobBody {
    id: String,
    state: JobState,
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
struct Job {
    body: watch::Sender<JobBody>,
    is_cancelled: AtomicBool,
}

impl Jobs {
    fn list(&self) -> MutexGuard<'_, VecDeque<Arc<Job>>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new job, unless one is running: the library has one writer.
    fn begin(&self) -> ApiResult<Arc<Job>> {
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

    fn find(&self, id: &str) -> ApiResult<Arc<Job>> {
        let found = self.list().iter().find(|job| job.body.borrow().id == id).cloned();
        found.ok_or_else(|| ApiError::not_found(format!("there is no job {id}")))
    }

    /// Stops all as soon as they can.
    pub(crate) fn cancel_all(&self) {
        self.list().iter().for_each(|job| job.is_cancelled.store(true, Ordering::Relaxed));
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

    fn is_running(&self) -> bool {
        self.body.borrow().state == JobState::Running
    }

    fn finish(&self, outcome: Result<Changes, Error>) {
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
struct Follower {
    job: Arc<Job>,
    metrics: Arc<Metrics>,
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

impl Server {
    /// Begins to bring the library in step with folders.
    fn begin_index(&self, paths: Vec<PathBuf>, missing: MissingFiles) -> ApiResult<JobBody> {
        let engine = self.engine()?.clone();
        let job = self.jobs().begin()?;
        let decode = DecodeOptions { max_megapixels: self.limits().max_megapixels, exact: false };
        let options = UpdateOptions { missing, decode };
        let follower = Follower { job: Arc::clone(&job), metrics: Arc::clone(self.metrics()) };
        let own = Arc::clone(&job);
        let started = thread::Builder::new().name("index".to_owned()).spawn(move || {
            own.finish(index(&engine, &paths, &options, follower));
        });
        if let Err(error) = started {
            job.finish(Err(Error::Io { action: "index", path: PathBuf::new(), source: error }));
            return Err(ApiError::internal("no thread could be started for the job"));
        }
        let body = job.body.borrow().clone();
        Ok(body)
    }

    /// Brings the library in step with the folders of the settings, where there are any.
    pub(crate) fn index_at_start(&self) {
        let folders = self.settings().folders.clone();
        if !folders.is_empty() && self.engine().is_ok() {
            let _ = self.begin_index(folders, MissingFiles::default());
        }
    }

    /// The paths that a client names, where they may be indexed.
    fn indexable(&self, paths: &[String]) -> ApiResult<Vec<PathBuf>> {
        let folders = &self.settings().folders;
        if folders.is_empty() {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "no_folders",
                "this server was started without folders that may be indexed",
            ));
        }
        if paths.is_empty() {
            return Ok(folders.clone());
        }
        let allowed: Vec<PathBuf> =
            folders.iter().filter_map(|folder| absolute(folder).ok()).collect();
        let check = |path: &String| {
            let wrong = || {
                let message =
                    format!("{path} is in none of the folders that this server may index");
                ApiError::new(StatusCode::FORBIDDEN, "other_folder", message).with_param("paths")
            };
            // The same answer whether there is such a file or not.
            let path = absolute(path.as_ref()).map_err(|_| wrong())?;
            if allowed.iter().any(|folder| path.starts_with(folder)) {
                Ok(path)
            } else {
                Err(wrong())
            }
        };
        paths.iter().map(check).collect()
    }
}

fn index(
    engine: &Engine,
    paths: &[PathBuf],
    options: &UpdateOptions,
    mut follower: Follower,
) -> Result<Changes, Error> {
    let scan = scan(paths, &ScanOptions::default())?;
    let changes = engine.update(&scan, options, &mut follower)?;
    engine.build_graph(GRAPH_ABOVE, &mut follower)?;
    Ok(changes)
}

/// Begins to bring the library in step with folders: new and changed images are encoded, and those that are gone
/// leave it.
#[utoipa::path(
    post,
    path = "/v1/index",
    tag = "library",
    request_body = IndexBody,
    responses(
        (status = 202, description = "The job has begun", body = JobBody),
        (status = 400, description = "The body is not what is expected", body = ErrorBody),
        (status = 403, description = "The folder is not one that may be indexed", body = ErrorBody),
        (status = 404, description = "There is no library", body = ErrorBody),
        (status = 409, description = "A job is running", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "The body is not JSON", body = ErrorBody),
    )
)]
pub(crate) async fn begin(
    State(server): State<Server>,
    Json(body): Json<IndexBody>,
) -> ApiResult<Response> {
    let missing = match body.missing {
        Missing::Prune => MissingFiles::Prune,
        Missing::Keep => MissingFiles::Keep,
        Missing::Drop => MissingFiles::Drop,
    };
    let job = Server::blocking(move || {
        let paths = server.indexable(&body.paths)?;
        server.begin_index(paths, missing)
    });
    let job = job.await?;
    let location = [(header::LOCATION, format!("/v1/index/{}", job.id))];
    Ok((StatusCode::ACCEPTED, location, Json(job)).into_response())
}

/// The jobs of this run, the last first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobList {
    jobs: Vec<JobBody>,
}

/// The jobs of this run.
#[utoipa::path(
    get,
    path = "/v1/index",
    tag = "library",
    responses((status = 200, description = "The last first", body = JobList))
)]
pub(crate) async fn list(State(server): State<Server>) -> Json<JobList> {
    let jobs = server.jobs().list().iter().rev().map(|job| job.body.borrow().clone()).collect();
    Json(JobList { jobs })
}

/// How far a job is.
#[utoipa::path(
    get,
    path = "/v1/index/{id}",
    tag = "library",
    params(("id" = String, Path, description = "The id of a job")),
    responses(
        (status = 200, description = "How far it is", body = JobBody),
        (status = 404, description = "There is no such job", body = ErrorBody),
    )
)]
pub(crate) async fn get(
    State(server): State<Server>,
    Path(id): Path<String>,
) -> ApiResult<Json<JobBody>> {
    let job = server.jobs().find(&id)?;
    let body = job.body.borrow().clone();
    Ok(Json(body))
}

/// Stops a job. What was done is kept.
#[utoipa::path(
    delete,
    path = "/v1/index/{id}",
    tag = "library",
    params(("id" = String, Path, description = "The id of a job")),
    responses(
        (status = 202, description = "It ends as soon as it can", body = JobBody),
        (status = 404, description = "There is no such job", body = ErrorBody),
    )
)]
pub(crate) async fn cancel(
    State(server): State<Server>,
    Path(id): Path<String>,
) -> ApiResult<Response> {
    let job = server.jobs().find(&id)?;
    job.is_cancelled.store(true, Ordering::Relaxed);
    let body = job.body.borrow().clone();
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}

/// How far a job is, as server-sent events: one `job` for each step, as of `GET /v1/index/{id}`, until it has
/// ended.
#[utoipa::path(
    get,
    path = "/v1/index/{id}/events",
    tag = "library",
    params(("id" = String, Path, description = "The id of a job")),
    responses(
        (status = 200, description = "Events named `job`", body = String, content_type = "text/event-stream"),
        (status = 404, description = "There is no such job", body = ErrorBody),
    )
)]
pub(crate) async fn events(
    State(server): State<Server>,
    Path(id): Path<String>,
) -> ApiResult<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let mut receiver = server.jobs().find(&id)?.body.subscribe();
    receiver.mark_changed();
    // Slow clients miss steps, and never the last.
    let events = stream::unfold(Some(receiver), |receiver| async {
        let mut receiver = receiver?;
        receiver.changed().await.ok()?;
        let body = receiver.borrow_and_update().clone();
        let data = serde_json::to_string(&body).unwrap_or_default();
        let next = (body.state == JobState::Running).then_some(receiver);
        Some((Ok(Event::default().event("job").data(data)), next))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}
