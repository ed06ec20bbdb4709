//! `POST /v1/index`: bringing the library in step with its folders, as a job to follow.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use clip_search::{
    Changes, DecodeOptions, Engine, Error, GRAPH_ABOVE, MissingFiles, ScanOptions, UpdateOptions,
    absolute, scan,
};
use futures_core::Stream;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::errors::{ApiError, ApiResult, ErrorBody};
use crate::job::{Follower, JobBody, JobState};
use crate::json::Json;
use crate::state::Server;

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

impl Server {
    /// Begins to bring the library in step with folders.
    fn begin_index(&self, paths: Vec<PathBuf>, missing: MissingFiles) -> ApiResult<JobBody> {
        let engine = self.engine()?.clone();
        let job = self.jobs().begin()?;
        let decode = DecodeOptions { max_megapixels: self.limits().max_megapixels, exact: false };
        let options = UpdateOptions { missing, decode };
        let follower = Follower::new(&job, self.metrics(), self.activity());
        let own = Arc::clone(&job);
        let started = thread::Builder::new().name("index".to_owned()).spawn(move || {
            own.finish(index(&engine, &paths, &options, follower));
        });
        if let Err(error) = started {
            job.finish(Err(Error::Io { action: "index", path: PathBuf::new(), source: error }));
            return Err(ApiError::internal("no thread could be started for the job"));
        }
        Ok(job.body())
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
    Json(JobList { jobs: server.jobs().bodies() })
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
    Ok(Json(server.jobs().find(&id)?.body()))
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
    job.cancel();
    Ok((StatusCode::ACCEPTED, Json(job.body())).into_response())
}

/// One of the events.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a schema")]
pub(crate) struct JobEvent {
    /// `job`.
    event: String,
    /// How far the job is, in JSON: as of `GET /v1/index/{id}`.
    data: String,
}

/// How far a job is, as server-sent events: one `job` for each step, as of `GET /v1/index/{id}`, until it has
/// ended.
#[utoipa::path(
    get,
    path = "/v1/index/{id}/events",
    tag = "library",
    params(("id" = String, Path, description = "The id of a job")),
    responses(
        (status = 200, description = "Events named `job`", body = JobEvent, content_type = "text/event-stream"),
        (status = 404, description = "There is no such job", body = ErrorBody),
    )
)]
pub(crate) async fn events(
    State(server): State<Server>,
    Path(id): Path<String>,
) -> ApiResult<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let receiver = server.jobs().find(&id)?.follow();
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
