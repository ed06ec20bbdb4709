//! The machine-learning interface of immich, for its search by CLIP.
//!
//! Shapes are those of immich's own service (`machine-learning/immich_ml/main.py`) and of the client in its
//! server (`machine-learning.repository.ts`). That client goes on to its next address after any answer that is
//! not a success, so whatever is not done here has to fail: faces and text recognition are found elsewhere then.

mod entries;
mod environment;
mod models;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::json;

use crate::embeddings::multipart::{text, unread};
use crate::encode::Input;
use crate::errors::{ApiError, ApiResult};
use crate::json::Json;
use crate::state::Server;
use entries::{Kind, Task};

pub use environment::{Environment, EnvironmentError};
pub use models::names;

pub(crate) fn routes() -> Router<Server> {
    Router::new().route("/ping", get(async || "pong")).route("/predict", post(predict))
}

/// `/` for programs: browsers, which take HTML, get the page there, and so does who says nothing.
pub(crate) async fn greet(request: Request, next: Next) -> Response {
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let is_program = accept.is_some_and(|accept| !accept.contains("text/html"));
    match request.method() == Method::GET && request.uri().path() == "/" && is_program {
        true => Json(json!({"message": "Immich ML"})).into_response(),
        false => next.run(request).await,
    }
}

/// What immich reads of an answer.
#[derive(Debug, Serialize)]
struct Prediction {
    /// The vector, in JSON: immich hands the text on to its database.
    clip: String,
    #[serde(rename = "imageHeight", skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(rename = "imageWidth", skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
}

/// The fields of a form, as immich sends them.
#[derive(Debug, Default)]
struct Form {
    entries: Option<Bytes>,
    image: Option<Bytes>,
    text: Option<String>,
}

async fn predict(State(server): State<Server>, request: Request) -> ApiResult<Json<Prediction>> {
    let form = Form::read(request, &server).await?;
    let Task { model, kind } = entries::read(form.entries.as_deref().unwrap_or_default())?;
    server.check_immich_model(&model)?;
    let (input, image) = match (kind, form.image, form.text) {
        (Kind::Visual, Some(image), _) => (Input::Image(image.clone()), Some(image)),
        (Kind::Textual, None, Some(text)) => (Input::Text(text), None),
        (Kind::Visual, None, _) => {
            return Err(ApiError::invalid("a visual task needs the file `image`"));
        }
        (Kind::Textual, ..) => {
            return Err(ApiError::invalid("a textual task needs the field `text`, and no `image`"));
        }
    };
    let encoded = server.encode(vec![input]).await?;
    let vector: Vec<f32> =
        encoded.embeddings.into_iter().next().map(clip::Embedding::into_vec).unwrap_or_default();
    let clip =
        serde_json::to_string(&vector).map_err(|error| ApiError::internal(error.to_string()))?;
    let size = match image {
        None => None,
        Some(image) => {
            Server::blocking(move || {
                let size = clip::shown_size(&image, "the image").map_err(clip::Error::from)?;
                Ok(Some(size))
            })
            .await?
        }
    };
    let (width, height) = size.unzip();
    Ok(Json(Prediction { clip, height, width }))
}

impl Form {
    /// Fields of other names are passed over, as immich's own service does.
    async fn read(request: Request, server: &Server) -> ApiResult<Self> {
        let form = Multipart::from_request(request, server).await;
        let wrong = |_| {
            let message = "send a form (multipart/form-data) with `entries` and `image` or `text`";
            ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request", message)
        };
        let mut form = form.map_err(wrong)?;
        let mut read = Self::default();
        while let Some(field) = form.next_field().await.map_err(unread)? {
            match field.name().unwrap_or_default() {
                "entries" => read.entries = Some(field.bytes().await.map_err(unread)?),
                "image" => read.image = Some(field.bytes().await.map_err(unread)?),
                "text" => read.text = Some(text(field).await?),
                _ => {}
            }
        }
        Ok(read)
    }
}
