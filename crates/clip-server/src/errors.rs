//! What a client hears when something is wrong: one shape, that of OpenAI's API.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// Shorthand for results of handlers.
pub type ApiResult<T> = Result<T, ApiError>;

/// Seconds after which a client may try again what was refused for want of room.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Why a request is not answered: an HTTP status and a sentence.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    param: Option<String>,
}

/// The body of every answer that is an error.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    error: ErrorDetail,
}

/// What was wrong.
#[derive(Debug, Serialize, ToSchema)]
struct ErrorDetail {
    /// One sentence: what was wrong and what to do.
    message: String,
    /// `invalid_request_error`, `authentication_error`, `rate_limit_error` or `server_error`.
    r#type: &'static str,
    /// The field of the request that is wrong, where it is one.
    param: Option<String>,
    /// A word for programs.
    code: &'static str,
}

impl ApiError {
    /// An error of any kind.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), param: None }
    }

    /// The request means nothing, or something that is not done.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// More than a request may hold.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    /// There is no room for the request now.
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", message)
    }

    /// The request was accepted and could not be answered in time.
    pub fn too_late(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "too_late", message)
    }

    /// The server failed. What it failed at is for its operator.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// Names the field that is wrong.
    #[must_use]
    pub fn with_param(self, param: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..self }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    fn kind(&self) -> &'static str {
        match self.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "authentication_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, r#type) = (self.status, self.kind());
        let Self { code, message, param, .. } = self;
        let body = ErrorBody { error: ErrorDetail { message, r#type, param, code } };
        let kind = [(header::CONTENT_TYPE, "application/json")];
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (status, kind, body).into_response();
        if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

impl From<clip_search::Error> for ApiError {
    fn from(error: clip_search::Error) -> Self {
        use clip_search::Error;
        match error {
            Error::Clip(error) => error.into(),
            Error::NoItem { .. } => Self::not_found(error.to_string()),
            Error::Retrieval(clip_retrieval::Error::Glob { .. })
            | Error::EmptyQuery
            | Error::NoCut
            | Error::NotFound { .. } => Self::invalid(error.to_string()),
            error => Self::internal(error.to_string()),
        }
    }
}

impl From<clip::Error> for ApiError {
    fn from(error: clip::Error) -> Self {
        use clip::Error;
        match error {
            Error::Picture(_)
            | Error::Text(_)
            | Error::EmptyText
            | Error::NoLabels
            | Error::BadTemplate { .. }
            | Error::NothingLeft => Self::invalid(error.to_string()),
            error => Self::internal(error.to_string()),
        }
    }
}

impl From<clip_retrieval::Error> for ApiError {
    fn from(error: clip_retrieval::Error) -> Self {
        clip_search::Error::from(error).into()
    }
}
