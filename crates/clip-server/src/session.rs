//! `POST /v1/session`, and the check of every request.

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::errors::{ApiResult, ErrorBody};
use crate::json::Json;
use crate::state::Server;

/// Answers what may be answered to whoever asks.
pub(crate) async fn authorize(
    State(server): State<Server>,
    request: Request,
    next: Next,
) -> Response {
    match server.auth().check(request.uri().path(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// A key, to have a session for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionRequest {
    /// The key of this server.
    key: String,
}

/// Whether a key is needed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    /// Whether the server needs a key.
    needs_key: bool,
}

/// Gives a browser a session, as a cookie, in exchange for the key: a page cannot send headers for its images.
#[utoipa::path(
    post,
    path = "/v1/session",
    tag = "service",
    request_body = SessionRequest,
    responses(
        (status = 200, description = "The cookie is set", body = Session),
        (status = 400, description = "The body is not what is expected", body = ErrorBody),
        (status = 401, description = "The key is another", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "The body is not JSON", body = ErrorBody),
    )
)]
pub(crate) async fn session(
    State(server): State<Server>,
    Json(request): Json<SessionRequest>,
) -> ApiResult<Response> {
    Ok(match server.auth().cookie(&request.key)? {
        None => Json(Session { needs_key: false }).into_response(),
        Some(cookie) => {
            ([(header::SET_COOKIE, cookie)], Json(Session { needs_key: true })).into_response()
        }
    })
}
