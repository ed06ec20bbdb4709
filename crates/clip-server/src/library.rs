//! `GET /v1/library`: what is in it.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use clip_retrieval::{Filter, Modality};
use clip_search::date;
use serde::Serialize;
use utoipa::ToSchema;

use crate::errors::{ApiError, ApiResult, ErrorBody};
use crate::state::Server;

/// What is in the library.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LibraryBody {
    /// Where it is.
    location: String,
    /// The model that made its vectors.
    model: String,
    /// Numbers of a vector.
    dimension: usize,
    /// Images.
    images: usize,
    /// Texts.
    texts: usize,
    /// Files that could not be read.
    failures: usize,
    /// Its tags with the number of images that have each, the most frequent first; 200 at most.
    tags: Vec<TagCount>,
    /// The folders that hold images, with how many are in each itself, in order; 1,000 at most.
    folders: Vec<FolderCount>,
    /// When the oldest image that says so was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_taken: Option<String>,
    /// When the newest was.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_taken: Option<String>,
    /// Folders that clients may have indexed.
    indexable: Vec<String>,
    /// Which commit this is of: whatever was computed from the library holds until it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
}

#[derive(Debug, Serialize, ToSchema)]
struct TagCount {
    tag: String,
    images: usize,
}

#[derive(Debug, Serialize, ToSchema)]
struct FolderCount {
    path: String,
    images: usize,
}

/// What is in the library.
#[utoipa::path(
    get,
    path = "/v1/library",
    tag = "library",
    responses(
        (status = 200, description = "What is in it", body = LibraryBody),
        (status = 404, description = "There is no library", body = ErrorBody),
    )
)]
pub(crate) async fn library(State(server): State<Server>) -> ApiResult<Response> {
    let json = describe(&server).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}

/// What is in the library, as JSON.
pub(crate) async fn describe(server: &Server) -> ApiResult<Bytes> {
    let (engine, indexable) = (server.engine()?.clone(), server.settings().folders.clone());
    let server = server.clone();
    Server::blocking(move || {
        let store = engine.collection().store();
        let snapshot = store.snapshot()?;
        // Every item is read for it.
        if let Some(json) = server.summary(snapshot.version()) {
            return Ok(json);
        }
        let items = snapshot.items(&Filter::of(Modality::Image))?;
        let (mut tags, mut folders) = (BTreeMap::new(), BTreeMap::new());
        for item in &items {
            for tag in item.tags() {
                *tags.entry(tag).or_insert(0) += 1;
            }
            if let Some(folder) = item.path().and_then(std::path::Path::parent) {
                *folders.entry(folder).or_insert(0) += 1;
            }
        }
        let mut tags: Vec<TagCount> = tags
            .into_iter()
            .map(|(tag, images)| TagCount { tag: tag.to_owned(), images })
            .collect();
        tags.sort_by_key(|tag| std::cmp::Reverse(tag.images));
        tags.truncate(200);
        let folders = folders.into_iter().take(1000).map(|(path, images)| FolderCount {
            path: path.to_string_lossy().into_owned(),
            images,
        });
        let taken = || items.iter().filter_map(|item| item.facts.taken);
        let body = LibraryBody {
            location: store.place(),
            model: store.model_name().to_owned(),
            dimension: store.dimension(),
            images: items.len(),
            texts: snapshot.count()?.saturating_sub(items.len()),
            failures: snapshot.failures()?.len(),
            tags,
            folders: folders.collect(),
            first_taken: taken().min().map(date::format),
            last_taken: taken().max().map(date::format),
            indexable: indexable.iter().map(|path| path.to_string_lossy().into_owned()).collect(),
            version: snapshot.version(),
        };
        let json = serde_json::to_vec(&body);
        let json = json.map_err(|error| ApiError::internal(error.to_string()))?.into();
        server.keep_summary(snapshot.version(), &json);
        Ok(json)
    })
    .await
}
