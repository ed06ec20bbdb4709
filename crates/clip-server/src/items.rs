//! `GET /v1/items/{id}`, its thumbnail and its file.

use std::path::{Path as FilePath, PathBuf};

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clip_retrieval::Item;
use clip_search::thumbnail;
use serde::Deserialize;
use tower::ServiceExt;
use tower_http::services::ServeFile;
use utoipa::IntoParams;

use crate::errors::{ApiError, ApiResult, ErrorBody};
use crate::item::{ItemBody, library_id, version};
use crate::json::{Json, Params};
use crate::state::Server;

/// Pixels on the longer side of a thumbnail where none are asked for.
const SIDE: u32 = 384;

/// The sides that thumbnails have; another one becomes the next larger.
const SIDES: [u32; 5] = [128, 256, 384, 768, 1536];

/// For what has the version of the file in its address.
const FOREVER: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

/// For what has not: it is asked for each time whether it is still the same.
const ASK: HeaderValue = HeaderValue::from_static("private, no-cache");

impl Server {
    /// An item by its id in this API.
    ///
    /// # Errors
    ///
    /// An error for the client where there is none.
    pub async fn item(&self, id: &str) -> ApiResult<Item> {
        let (engine, library_id) = (self.engine()?.clone(), library_id(id)?);
        let id = id.to_owned();
        Self::blocking(move || {
            let found = engine.collection().store().get(&library_id)?;
            let missing = || ApiError::not_found(format!("the library has no item {id}"));
            found.map(|(item, _)| item).ok_or_else(missing)
        })
        .await
    }

    /// A small copy of the image of an item, as a JPEG file.
    ///
    /// # Errors
    ///
    /// An error for the client where the item is no image or its file cannot be read.
    pub async fn thumbnail(&self, item: &Item, side: u32) -> ApiResult<Vec<u8>> {
        let path = file_of(item)?;
        let closed = |_| ApiError::too_late("the server is being stopped: try again later");
        let decoder =
            std::sync::Arc::clone(self.decoders()).acquire_owned().await.map_err(closed)?;
        Self::blocking(move || {
            let _decoder = decoder;
            thumbnail::jpeg(&path, side).map_err(|_| gone())
        })
        .await
    }
}

/// What is known of an item.
#[utoipa::path(
    get,
    path = "/v1/items/{id}",
    tag = "library",
    params(("id" = String, Path, description = "The id of an item")),
    responses(
        (status = 200, description = "What is known of it", body = ItemBody),
        (status = 404, description = "There is no such item, or no library", body = ErrorBody),
    )
)]
pub(crate) async fn item(
    State(server): State<Server>,
    Path(id): Path<String>,
) -> ApiResult<Json<ItemBody>> {
    Ok(Json(ItemBody::from(&server.item(&id).await?)))
}

/// What is asked of a thumbnail.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ThumbnailParams {
    /// Pixels on the longer side; the next larger of 128, 256, 384, 768 and 1536.
    #[param(minimum = 1, maximum = 1536)]
    side: Option<u32>,
    /// The version of the file, as answers have it: then it may be kept for good.
    v: Option<String>,
}

/// A small copy of an image: upright, in the colors of sRGB, as a JPEG file.
#[utoipa::path(
    get,
    path = "/v1/items/{id}/thumbnail",
    tag = "library",
    params(("id" = String, Path, description = "The id of an item"), ThumbnailParams),
    responses(
        (status = 200, description = "A JPEG file", body = Vec<u8>, content_type = "image/jpeg"),
        (status = 304, description = "It is as the client has it"),
        (status = 400, description = "The item is no image, or there is no such side", body = ErrorBody),
        (status = 404, description = "There is no such item, file or library", body = ErrorBody),
    )
)]
pub(crate) async fn thumbnail(
    State(server): State<Server>,
    Path(id): Path<String>,
    Params(params): Params<ThumbnailParams>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let item = server.item(&id).await?;
    let wanted = params.side.unwrap_or(SIDE);
    let side = SIDES.into_iter().find(|side| (1..=*side).contains(&wanted)).ok_or_else(|| {
        ApiError::invalid("a thumbnail has 1 to 1536 pixels on its longer side").with_param("side")
    })?;
    let version = version(&item);
    let tag = format!("\"{version}-{side}\"");
    let keep = if params.v.as_deref() == Some(&*version) { FOREVER } else { ASK };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    if known.is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag)) {
        let headers = [(header::CACHE_CONTROL, keep), (header::ETAG, value(&tag))];
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let jpeg = server.thumbnail(&item, side).await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
        (header::CACHE_CONTROL, keep),
        (header::ETAG, value(&tag)),
    ];
    Ok((headers, jpeg).into_response())
}

/// The file of an image, whole or in ranges.
#[utoipa::path(
    get,
    path = "/v1/items/{id}/file",
    tag = "library",
    params(("id" = String, Path, description = "The id of an item")),
    responses(
        (status = 200, description = "The file", body = Vec<u8>, content_type = "image/*"),
        (status = 206, description = "A range of it", body = Vec<u8>, content_type = "image/*"),
        (status = 304, description = "It is as the client has it"),
        (status = 400, description = "The item is no image", body = ErrorBody),
        (status = 404, description = "There is no such item, file or library", body = ErrorBody),
        (status = 416, description = "There is no such range"),
    )
)]
pub(crate) async fn file(
    State(server): State<Server>,
    Path(id): Path<String>,
    request: Request,
) -> ApiResult<Response> {
    let path = file_of(&server.item(&id).await?)?;
    // A pipe in its place would be read for ever.
    if !tokio::fs::metadata(&path).await.is_ok_and(|file| file.is_file()) {
        return Err(gone());
    }
    let Ok(response) = ServeFile::new(&path).oneshot(request).await;
    if response.status() == StatusCode::NOT_FOUND {
        return Err(gone());
    }
    let mut response = response.map(Body::new);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, ASK);
    // Whatever the bytes are, no browser runs anything of them.
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("sandbox; default-src 'none'"),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// The file of an item of the library: no other is ever read.
pub(crate) fn file_of(item: &Item) -> ApiResult<PathBuf> {
    let path = item.path().map(FilePath::to_owned);
    path.ok_or_else(|| ApiError::invalid("the item is a text, and has no file"))
}

pub(crate) fn gone() -> ApiError {
    ApiError::not_found("the file of the item is not there any more, or no longer an image")
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(ASK)
}
