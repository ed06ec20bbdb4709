//! `POST /v1/rank`: which of several texts and images fits a query.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::embeddings::{Usage, image_of_text};
use crate::encode::Input;
use crate::errors::{ApiError, ApiResult, ErrorBody};
use crate::json::Json;
use crate::state::Server;

/// A query, and what is ranked by it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RankBody {
    /// The name of the model.
    model: Option<String>,
    /// What is looked for.
    query: RankInput,
    /// What is ranked.
    #[schema(min_items = 1)]
    documents: Vec<RankInput>,
    /// So many of them; all where it is left out.
    #[schema(minimum = 1)]
    top_n: Option<usize>,
}

/// A text, or an object with a text or an image.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
enum RankInput {
    Plain(String),
    Object(RankObject),
}

/// One of them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RankObject {
    /// A text.
    text: Option<String>,
    /// An image, as a data URI or Base64.
    image: Option<String>,
}

/// The documents, the best first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RankResults {
    results: Vec<Ranked>,
    model: String,
    usage: Usage,
}

#[derive(Debug, Serialize, ToSchema)]
struct Ranked {
    /// Which document it is.
    index: usize,
    /// Cosine similarity with the query.
    relevance_score: f32,
}

/// Texts and images in the order in which they fit a query.
#[utoipa::path(
    post,
    path = "/v1/rank",
    tag = "embeddings",
    request_body(
        content = RankBody,
        example = json!({"query": "a dog", "documents": ["a puppy", {"text": "a car"}], "top_n": 1}),
    ),
    responses(
        (status = 200, description = "The documents, the best first", body = RankResults),
        (status = 400, description = "An input cannot be encoded", body = ErrorBody),
        (status = 404, description = "Another model is asked for", body = ErrorBody),
        (status = 413, description = "Too much at once", body = ErrorBody),
        (status = 415, description = "The body is not JSON", body = ErrorBody),
        (status = 429, description = "Too much waits already", body = ErrorBody),
        (status = 503, description = "The model was not free in time", body = ErrorBody),
    )
)]
pub(crate) async fn rank(
    State(server): State<Server>,
    Json(body): Json<RankBody>,
) -> ApiResult<Json<RankResults>> {
    server.check_model(body.model.as_deref())?;
    if body.top_n == Some(0) {
        return Err(ApiError::invalid("`top_n` is 1 or more").with_param("top_n"));
    }
    if body.documents.is_empty() {
        let message = "there are no documents: give at least one";
        return Err(ApiError::invalid(message).with_param("documents"));
    }
    let mut inputs = vec![body.query.read("query")?];
    for (at, document) in body.documents.into_iter().enumerate() {
        inputs.push(document.read(&format!("documents[{at}]"))?);
    }
    let encoded = server.encode(inputs).await?;
    let usage = Usage::from(&encoded);
    let (query, documents) = encoded
        .embeddings
        .split_first()
        .ok_or_else(|| ApiError::internal("the query has no vector"))?;
    let rank = |(index, document)| Ranked { index, relevance_score: query.similarity(document) };
    let mut results: Vec<Ranked> = documents.iter().enumerate().map(rank).collect();
    results.sort_by(|a, b| b.relevance_score.total_cmp(&a.relevance_score));
    results.truncate(body.top_n.unwrap_or(usize::MAX));
    Ok(Json(RankResults { results, model: server.model().to_owned(), usage }))
}

impl RankInput {
    fn read(self, param: &str) -> ApiResult<Input> {
        match self {
            Self::Plain(text) | Self::Object(RankObject { text: Some(text), image: None }) => {
                Ok(Input::Text(text))
            }
            Self::Object(RankObject { text: None, image: Some(image) }) => {
                Ok(Input::Image(image_of_text(&image, &format!("{param}.image"))?))
            }
            Self::Object(_) => {
                Err(ApiError::invalid("give one of `text` and `image`").with_param(param))
            }
        }
    }
}
