//! Answers as records: the same JSON from every front end.

use std::path::PathBuf;

use clip_retrieval::{Content, Item};
use serde::Serialize;

use crate::SearchResponse;
use crate::models::lossy;

/// One ranked answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// Its place, from 1.
    pub rank: usize,
    /// Cosine similarity.
    pub score: f32,
    /// How far the score stands out of the collection, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relevance: Option<f32>,
    /// What was found.
    #[serde(flatten)]
    pub found: Found,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "modality", rename_all = "lowercase")]
pub enum Found {
    /// An image.
    Image {
        /// Its file.
        #[serde(serialize_with = "lossy")]
        path: PathBuf,
    },
    /// A text.
    Text {
        /// Its words.
        text: String,
        /// Its id, where that is not made of its words.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
}

impl From<&Item> for Found {
    fn from(item: &Item) -> Self {
        match &item.content {
            Content::Path(path) => Self::Image { path: path.clone() },
            Content::Text(text) => {
                let id = (item.id != Item::text_id(text)).then(|| item.id.clone());
                Self::Text { text: text.clone(), id }
            }
        }
    }
}

impl SearchResponse {
    /// The answers as records, the best first.
    pub fn answers(&self) -> Vec<Answer> {
        let answer = |(hit, rank): (&clip_retrieval::Hit, usize)| Answer {
            rank,
            score: hit.score,
            relevance: self.relevance(hit),
            found: Found::from(&hit.item),
        };
        self.hits.iter().zip(1..).map(answer).collect()
    }
}
