//! `POST /v1/items/{id}/explain`: which parts of an image match a text or another image.

use std::sync::Arc;

use axum::extract::{Path, State};
use clip::{ColorManagement, Embedding, Explainer, ReadOptions};
use clip_search::TermContent;
use serde::Serialize;
use utoipa::ToSchema;

use crate::errors::{ApiError, ApiResult, ErrorBody};
use crate::items::{file_of, gone};
use crate::json::Json;
use crate::search::TermBody;
use crate::state::Server;

/// Where an image matches.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExplainResult {
    /// Cosine similarity of the image with the term.
    score: f32,
    /// Patches in a row, and in a column.
    grid: usize,
    /// How much each patch speaks for the term, row by row, at least 0. Compare within one image.
    relevance: Vec<f32>,
    /// The part of the upright image that the patches cover: left, top, width and height as fractions of its
    /// sides. Where the model pads images, it reaches beyond their edges.
    region: [f32; 4],
}

/// Which parts of an image match a term, by gradient-weighted attention. Its weight means nothing here.
#[utoipa::path(
    post,
    path = "/v1/items/{id}/explain",
    tag = "library",
    params(("id" = String, Path, description = "The id of an image")),
    request_body = TermBody,
    responses(
        (status = 200, description = "How much each patch matches", body = ExplainResult),
        (status = 400, description = "The request means nothing, or the item is no image", body = ErrorBody),
        (status = 404, description = "There is no such item, file or library", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "The body is not JSON", body = ErrorBody),
        (status = 429, description = "Too much waits already", body = ErrorBody),
        (status = 503, description = "The model was not free in time", body = ErrorBody),
    )
)]
pub(crate) async fn explain(
    State(server): State<Server>,
    Path(id): Path<String>,
    Json(term): Json<TermBody>,
) -> ApiResult<Json<ExplainResult>> {
    let path = file_of(&server.item(&id).await?)?;
    let term = server.terms(vec![term]).await?.pop();
    let content = term.map(|term| term.content);
    let engine = server.engine()?.clone();
    // One at a time: each takes all cores, and memory for its gradients.
    let stopped = |_| ApiError::too_late("the server is being stopped: try again later");
    let one = Arc::clone(server.explaining()).acquire_owned().await.map_err(stopped)?;
    Server::blocking(move || {
        let _one = one;
        let vector = match content {
            Some(TermContent::Vector(vector, _)) => Some(vector),
            Some(TermContent::Item(id)) => {
                engine.collection().store().get(&id)?.map(|(_, vector)| vector)
            }
            _ => None,
        };
        let no_vector = || ApiError::not_found("the library has no such item to compare with");
        let vector = vector.and_then(Embedding::from_unit).ok_or_else(no_vector)?;
        let options = ReadOptions { color: ColorManagement::ToSrgb, ..ReadOptions::default() };
        let image = clip::read_picture(&path, &options).map_err(|_| gone())?;
        let embedder = server.embedder();
        let explainer = Explainer::load(embedder.checkpoint(), embedder.device())?;
        let explanation = explainer.explain(&image, &vector);
        let [left, top, width, height] = explainer.region(image.width(), image.height());
        let covered = explanation.covered;
        Ok(Json(ExplainResult {
            score: explanation.cosine,
            grid: explanation.grid,
            relevance: explanation.relevance,
            region: [left, top, width * covered, height * covered],
        }))
    })
    .await
}
