//! `POST /v1/classify`: which of several labels fits an image.

use axum::extract::State;
use clip::{Probability, prompts};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::embeddings::image_of_text;
use crate::encode::Input;
use crate::errors::{ApiError, ApiResult, ErrorBody};
use crate::json::Json;
use crate::state::Server;

/// Images, and what they may be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClassifyBody {
    /// The name of the model.
    model: Option<String>,
    /// Images, as data URIs or Base64.
    #[schema(min_items = 1)]
    images: Vec<String>,
    /// What they may be.
    #[schema(min_items = 1)]
    labels: Vec<String>,
    /// Texts with `{}` where the label belongs, averaged; `a photo of a {}` where there are none.
    #[serde(default)]
    templates: Vec<String>,
    /// So many labels of each image; all where it is left out.
    #[schema(minimum = 1)]
    top: Option<usize>,
}

/// The labels of each image.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClassifyResults {
    results: Vec<Classified>,
    /// Whether the probabilities of all labels add up to 1, as they do with CLIP and not with SigLIP.
    is_distribution: bool,
    model: String,
}

/// The labels of one image, the likeliest first.
#[derive(Debug, Serialize, ToSchema)]
struct Classified {
    index: usize,
    labels: Vec<LabelScore>,
}

#[derive(Debug, Serialize, ToSchema)]
struct LabelScore {
    label: String,
    probability: f32,
}

/// Which of several labels fits each image (zero-shot classification).
#[utoipa::path(
    post,
    path = "/v1/classify",
    tag = "embeddings",
    request_body(
        content = ClassifyBody,
        example = json!({"images": ["data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGM8ISfHwMDAxMDAwMDAAAANBAEIfXHKZgAAAABJRU5ErkJggg=="], "labels": ["a dog", "a cat"]}),
    ),
    responses(
        (status = 200, description = "The labels of each image, the likeliest first", body = ClassifyResults),
        (status = 400, description = "An input cannot be encoded", body = ErrorBody),
        (status = 404, description = "Another model is asked for", body = ErrorBody),
        (status = 413, description = "Too much at once", body = ErrorBody),
        (status = 415, description = "The body is not JSON", body = ErrorBody),
        (status = 429, description = "Too much waits already", body = ErrorBody),
        (status = 503, description = "The model was not free in time", body = ErrorBody),
    )
)]
pub(crate) async fn classify(
    State(server): State<Server>,
    Json(body): Json<ClassifyBody>,
) -> ApiResult<Json<ClassifyResults>> {
    server.check_model(body.model.as_deref())?;
    if body.top == Some(0) {
        return Err(ApiError::invalid("`top` is 1 or more").with_param("top"));
    }
    let image = |(at, text): (usize, &String)| {
        Ok(Input::Image(image_of_text(text, &format!("images[{at}]"))?))
    };
    let images = body.images.iter().enumerate().map(image).collect::<ApiResult<Vec<_>>>()?;
    let templates = body.templates.len().max(1);
    if body.labels.len().saturating_mul(templates) > server.limits().texts {
        let most = server.limits().texts;
        return Err(ApiError::too_large(format!("labels times templates may be {most} at most")));
    }
    let prompts = prompts(&body.labels, &body.templates)?;
    let texts = server.encode_queries(&prompts).await?;
    let images = server.encode(images).await?.embeddings;
    let classifier = server.embedder().classifier_from(&body.labels, &texts)?;
    let top = body.top.unwrap_or(usize::MAX);
    let score =
        |(label, probability): (&str, f32)| LabelScore { label: label.to_owned(), probability };
    let results = images.iter().enumerate().map(|(index, image)| Classified {
        index,
        labels: classifier.ranked(image, top).into_iter().map(score).collect(),
    });
    Ok(Json(ClassifyResults {
        results: results.collect(),
        is_distribution: classifier.probability() == Probability::Softmax,
        model: server.model().to_owned(),
    }))
}
