//! What the tools do: the same as the routes of the API, in answers that a model reads with few words.

use std::path::Path;

use axum::http::StatusCode;
use clip_retrieval::Item;
use serde_json::{Value, json};

use super::arguments::{SearchArguments, SimilarArguments};
use crate::errors::{ApiError, ApiResult};
use crate::item::id_of;
use crate::library::describe;
use crate::search::answer;
use crate::state::Server;

/// Results where no number is given, and at most.
const LIMIT: [usize; 2] = [10, 50];

/// Folders and tags of a description.
const NAMES: usize = 50;

impl Server {
    pub(super) async fn search_tool(&self, arguments: SearchArguments) -> ApiResult<Value> {
        let SearchArguments { query, without, limit, offset, relevance, sort, .. } = arguments;
        let needy = [
            ("without", without.is_some()),
            ("relevance", relevance.is_some()),
            ("sort", sort.is_some()),
        ];
        if let (None, Some((name, _))) = (&query, needy.iter().find(|(_, is_given)| *is_given)) {
            return Err(ApiError::invalid(format!(
                "`{name}` means nothing without `query`: say what the images show, or leave it out"
            )));
        }
        let mut terms = Vec::new();
        terms.extend(query.map(|text| json!({"text": text})));
        terms.extend(without.map(|text| json!({"text": text, "weight": -1})));
        let filter = json!({
            "under": arguments.folders.unwrap_or_default(),
            "tags": arguments.tags.unwrap_or_default(),
            "after": arguments.after,
            "before": arguments.before,
            "orientation": arguments.orientation,
        });
        let body = json!({
            "terms": terms,
            "filter": filter,
            "limit": checked(limit)?,
            "offset": offset.unwrap_or(0),
            "relevance": relevance,
            "sort": sort,
        });
        self.found(body).await
    }

    pub(super) async fn similar_tool(&self, arguments: SimilarArguments) -> ApiResult<Value> {
        let SimilarArguments { item, limit, offset } = arguments;
        // Its absence is told as what it was asked by.
        let item = id_of(&self.named(&item).await?.id);
        let offset = offset.unwrap_or(0);
        let body = json!({"terms": [{"item": item}], "limit": checked(limit)?, "offset": offset});
        self.found(body).await
    }

    pub(super) async fn describe_tool(&self) -> ApiResult<Value> {
        let json = describe(self).await?;
        let mut library: Value =
            serde_json::from_slice(&json).map_err(|error| ApiError::internal(error.to_string()))?;
        for name in ["version", "indexable", "dimension"] {
            remove(&mut library, name);
        }
        if let Some(Value::Array(folders)) = library.get_mut("folders") {
            folders.sort_by_key(|folder| std::cmp::Reverse(folder["images"].as_u64()));
        }
        for list in ["folders", "tags"] {
            if let Some(Value::Array(names)) = library.get_mut(list) {
                names.truncate(NAMES);
            }
        }
        Ok(library)
    }

    /// The item of a path or an id.
    pub(super) async fn named(&self, name: &str) -> ApiResult<Item> {
        let path = Path::new(name);
        let id = if path.is_absolute() { id_of(&Item::path_id(path)) } else { name.to_owned() };
        let missing = |error: ApiError| match error.status() {
            StatusCode::NOT_FOUND => ApiError::not_found(format!(
                "the library has no image {name}: take a `path` or `id` from an answer of `search`"
            )),
            _ => error,
        };
        self.engine()?;
        self.item(&id).await.map_err(missing)
    }

    /// A page of results, without what only programs use.
    async fn found(&self, body: Value) -> ApiResult<Value> {
        let engine = self.engine()?.clone();
        let (count, place) = (engine.clone(), engine.collection().store().place());
        if Self::blocking(move || Ok(count.count()?)).await? == 0 {
            return Err(ApiError::not_found(format!(
                "the library at {place} is empty: have the user index images into it"
            )));
        }
        let body = serde_json::from_value(body);
        let body = body.map_err(|error| ApiError::internal(error.to_string()))?;
        let mut page = to_value(&answer(self, body).await?)?;
        for name in ["model", "background"] {
            remove(&mut page, name);
        }
        if let Some(Value::Array(results)) = page.get_mut("results") {
            for result in results {
                for name in ["kind", "bytes", "thumbnail", "file"] {
                    remove(result, name);
                }
                if result["tags"].as_array().is_some_and(Vec::is_empty) {
                    remove(result, "tags");
                }
            }
        }
        Ok(page)
    }
}

fn checked(limit: Option<usize>) -> ApiResult<usize> {
    let limit = limit.unwrap_or(LIMIT[0]);
    match (1..=LIMIT[1]).contains(&limit) {
        true => Ok(limit),
        false => Err(ApiError::invalid(format!("`limit` is from 1 to {}", LIMIT[1]))),
    }
}

fn to_value(body: &impl serde::Serialize) -> ApiResult<Value> {
    serde_json::to_value(body).map_err(|error| ApiError::internal(error.to_string()))
}

fn remove(value: &mut Value, name: &str) {
    if let Value::Object(fields) = value {
        fields.remove(name);
    }
}
