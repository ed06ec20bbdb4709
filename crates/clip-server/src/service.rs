//! What the server says of itself.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::errors::{ApiError, ApiResult, ErrorBody};
use crate::json::Json;
use crate::state::Server;

/// The models that are served: one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelList {
    /// `list`.
    object: &'static str,
    data: Vec<ModelBody>,
}

/// A model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelBody {
    /// Its name.
    id: String,
    /// `model`.
    object: &'static str,
    /// When the server was started, in seconds since 1970.
    created: u64,
    /// `clip-server`.
    owned_by: &'static str,
    /// Numbers of a vector.
    dimensions: usize,
    /// Tokens of a text at most, start and end counted.
    context_length: usize,
    /// Pixels of a side, as the model sees an image.
    image_size: usize,
    /// What tells its weights from all others.
    fingerprint: String,
    /// Other names that requests may use.
    aliases: Vec<String>,
}

impl Server {
    fn model_body(&self) -> ModelBody {
        let config = &self.embedder().card().config;
        ModelBody {
            id: self.model().to_owned(),
            object: "model",
            created: self.started(),
            owned_by: "clip-server",
            dimensions: config.embed_dim,
            context_length: config.text.context_length,
            image_size: config.vision.image_size,
            fingerprint: self.embedder().checkpoint().fingerprint(),
            aliases: self.settings().aliases.clone(),
        }
    }
}

/// The models that are served: one.
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = "service",
    responses((status = 200, description = "The model", body = ModelList))
)]
pub(crate) async fn models(State(server): State<Server>) -> Json<ModelList> {
    Json(ModelList { object: "list", data: vec![server.model_body()] })
}

/// A model by its name.
#[utoipa::path(
    get,
    path = "/v1/models/{id}",
    tag = "service",
    params(("id" = String, Path, description = "The name of a model")),
    responses(
        (status = 200, description = "The model", body = ModelBody),
        (status = 404, description = "There is no such model", body = ErrorBody),
    )
)]
pub(crate) async fn model(
    State(server): State<Server>,
    Path(id): Path<String>,
) -> ApiResult<Json<ModelBody>> {
    server.check_model(Some(&id))?;
    Ok(Json(server.model_body()))
}

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    status: &'static str,
}

/// Whether the server is there.
#[utoipa::path(
    get,
    path = "/health",
    tag = "service",
    responses((status = 200, description = "It is", body = Health))
)]
pub(crate) async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether the model was read, and answers at once.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "service",
    responses(
        (status = 200, description = "It was", body = Health),
        (status = 503, description = "It is being read", body = ErrorBody),
    )
)]
pub(crate) async fn ready(State(server): State<Server>) -> Response {
    match server.is_ready() {
        true => Json(Health { status: "ok" }).into_response(),
        false => {
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "loading", "the model is being read")
                .into_response()
        }
    }
}

/// Counts and times in the text format that Prometheus reads.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "service",
    responses((status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text"))
)]
pub(crate) async fn metrics(State(server): State<Server>) -> ApiResult<Response> {
    let taken = server.limits().waiting.saturating_sub(server.places().available_permits());
    let text = server.metrics().text(taken);
    let text = text.map_err(|error| ApiError::internal(error.to_string()))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// For a path that there is not.
pub(crate) async fn unknown(uri: axum::http::Uri) -> ApiError {
    ApiError::not_found(format!("there is no {}: /docs lists what there is", uri.path()))
}

/// For a method that a path does not have.
pub(crate) async fn other_method(method: axum::http::Method, uri: axum::http::Uri) -> ApiError {
    let message = format!("{} does not take {method}: /docs lists what it takes", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}
