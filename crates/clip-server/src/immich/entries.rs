//! The field `entries`: which models immich wants to have run.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::errors::{ApiError, ApiResult};

/// What can be done: one tower of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    /// As immich calls it.
    pub(super) model: String,
    pub(super) kind: Kind,
}

/// Which tower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Visual,
    Textual,
}

#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(rename = "modelName")]
    model: String,
    /// The language of a text, for models that are told it: none of those here.
    #[serde(default, rename = "options")]
    _options: Option<BTreeMap<String, Value>>,
}

/// By the task, and by the part of its model.
type Entries = BTreeMap<String, BTreeMap<String, Entry>>;

/// What the entries ask for.
pub(super) fn read(entries: &[u8]) -> ApiResult<Task> {
    let wrong = |message: &str| {
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request", message)
            .with_param("entries")
    };
    let Ok(entries) = serde_json::from_slice::<Entries>(entries) else {
        return Err(wrong(
            "`entries` are JSON such as {\"clip\": {\"visual\": {\"modelName\": \"ViT-B-32__openai\"}}}",
        ));
    };
    if let Some(task) = entries.keys().find(|task| *task != "clip") {
        let message = format!(
            "this server has no models for {task}, only for search by CLIP: add the address of immich's own \
             machine learning after this one in its settings, or switch {task} off there"
        );
        return Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, "unknown_task", message)
            .with_param("entries"));
    }
    let mut towers = entries.into_values().flatten();
    match (towers.next(), towers.next()) {
        (Some((kind, Entry { model, .. })), None) if kind == "visual" => {
            Ok(Task { model, kind: Kind::Visual })
        }
        (Some((kind, Entry { model, .. })), None) if kind == "textual" => {
            Ok(Task { model, kind: Kind::Textual })
        }
        _ => Err(wrong("`entries` ask for one of `visual` and `textual` under `clip`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tower_is_asked_for() {
        let model = "ViT-B-32__openai".to_owned();
        for (entries, expected) in [
            (r#"{"clip":{"visual":{"modelName":"ViT-B-32__openai"}}}"#, Kind::Visual),
            (r#"{"clip":{"visual":{"modelName":"ViT-B-32__openai","options":{}}}}"#, Kind::Visual),
            (
                r#"{"clip":{"textual":{"modelName":"ViT-B-32__openai","options":{"language":"de"}}}}"#,
                Kind::Textual,
            ),
        ] {
            let expected = Task { model: model.clone(), kind: expected };
            assert_eq!(read(entries.as_bytes()).unwrap(), expected, "{entries}");
        }
        for (entries, status) in [
            ("", 422),
            ("{", 422),
            ("{}", 422),
            ("[]", 422),
            (r#"{"clip":{}}"#, 422),
            (r#"{"clip":{"visual":{}}}"#, 422),
            (r#"{"clip":{"pipeline":{"modelName":"a"}}}"#, 422),
            (r#"{"clip":{"visual":{"modelName":"a"},"textual":{"modelName":"a"}}}"#, 422),
            (r#"{"facial-recognition":{"detection":{"modelName":"buffalo_l"}}}"#, 501),
            (r#"{"ocr":{},"clip":{"visual":{"modelName":"a"}}}"#, 501),
        ] {
            assert_eq!(
                read(entries.as_bytes()).unwrap_err().status().as_u16(),
                status,
                "{entries}"
            );
        }
    }
}
