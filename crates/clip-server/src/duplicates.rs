//! `POST /v1/duplicates`: images of the library that are the same, or nearly.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use clip_search::{DuplicateGroup, DuplicateKind, Duplicates, Observer, usual_near};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::errors::{ApiError, ApiResult, ErrorBody};
use crate::item::{FilterBody, id_of};
use crate::json::Json;
use crate::state::Server;

/// Which images are compared, and how much alike they have to be.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DuplicatesBody {
    /// Among which images.
    #[serde(default)]
    filter: FilterBody,
    /// Cosine similarity with the best of a group, at least: 0.98 where it is left out, 0.9 with the built-in model. 1 finds files of one
    /// content alone.
    #[schema(minimum = 0.5, maximum = 1.0)]
    min_score: Option<f32>,
}

/// Groups of images that are alike.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DuplicatesResults {
    groups: Vec<Group>,
    /// Images that were compared.
    compared: usize,
}

/// Images that are alike, the best first: the one with the most pixels, then the most bytes.
#[derive(Debug, Serialize, ToSchema)]
struct Group {
    kind: GroupKind,
    /// The least similarity of one of them to the best.
    score: f32,
    images: Vec<GroupImage>,
}

/// Whether files have the same content, or images look alike.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum GroupKind {
    Copies,
    Near,
}

#[derive(Debug, Serialize, ToSchema)]
struct GroupImage {
    /// Its id, for paths of this API.
    id: String,
    path: String,
    /// Similarity to the best.
    score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    thumbnail: String,
}

/// Images of the library that are the same, or nearly. Their files are read, to see whether they are as they
/// were indexed.
#[utoipa::path(
    post,
    path = "/v1/duplicates",
    tag = "library",
    request_body = DuplicatesBody,
    responses(
        (status = 200, description = "Groups of images", body = DuplicatesResults),
        (status = 400, description = "The request means nothing", body = ErrorBody),
        (status = 404, description = "There is no library in a folder", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "The body is not JSON", body = ErrorBody),
        (status = 429, description = "Duplicates are being looked for already", body = ErrorBody),
    )
)]
pub(crate) async fn duplicates(
    State(server): State<Server>,
    Json(body): Json<DuplicatesBody>,
) -> ApiResult<Json<DuplicatesResults>> {
    let engine = server.engine()?.clone();
    let usual = || usual_near(engine.collection().store().model_name());
    let min_score = body.min_score.unwrap_or_else(usual);
    if !(0.5..=1.0).contains(&min_score) {
        return Err(ApiError::invalid("`min_score` is from 0.5 to 1").with_param("min_score"));
    }
    let filter = body.filter.filter()?;
    // It takes all cores, and long.
    let one = Arc::clone(server.comparing()).try_acquire_owned().map_err(|_| {
        ApiError::busy("duplicates are being looked for already: try again when that is done")
    })?;
    let waiter = Waiter::default();
    let is_gone = Arc::clone(&waiter.0);
    Server::blocking(move || {
        let _one = one;
        let library = engine.collection().library()?;
        let items = engine.collection().store().items(&filter)?;
        let compared = items.len();
        let mut found = Duplicates::new(items);
        let mut observer = Gone(is_gone);
        let mut groups = found.copies(&mut observer);
        if min_score < 1.0 && !observer.is_cancelled() {
            groups.extend(found.near(library, min_score, &mut observer)?);
        }
        Ok(Json(DuplicatesResults { groups: groups.iter().map(group).collect(), compared }))
    })
    .await
}

/// Says that nobody waits any more, once it is dropped.
#[derive(Debug, Default)]
struct Waiter(Arc<AtomicBool>);

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Gone(Arc<AtomicBool>);

impl Observer for Gone {
    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

fn group(group: &DuplicateGroup) -> Group {
    let image = |image: &clip_search::DuplicateImage| {
        let id = id_of(&image.id);
        GroupImage {
            path: image.path.to_string_lossy().into_owned(),
            score: image.score,
            width: image.width,
            height: image.height,
            bytes: image.bytes,
            thumbnail: format!("/v1/items/{id}/thumbnail"),
            id,
        }
    };
    Group {
        kind: match group.kind {
            DuplicateKind::Copies => GroupKind::Copies,
            DuplicateKind::Near => GroupKind::Near,
        },
        score: group.score,
        images: group.images.iter().map(image).collect(),
    }
}
