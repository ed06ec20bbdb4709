//! What the tools take. The comments are what a language model reads of them.

use rmcp::schemars::{self, JsonSchema};
use serde::{Deserialize, Serialize};

/// What `search` takes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchArguments {
    /// What the images show, in words, such as `a dog on a beach`. Leave it out to list all images that pass
    /// the filters, the newest first.
    pub(super) query: Option<String>,
    /// What the images should not show, in words. Only beside `query`.
    pub(super) without: Option<String>,
    /// Results at most: 1 to 50, 10 where it is left out.
    #[schemars(range(min = 1, max = 50))]
    pub(super) limit: Option<usize>,
    /// Results to leave out before the first: for the next page.
    pub(super) offset: Option<usize>,
    /// Only images that stand out of the library by so many standard deviations: 4 keeps good matches, 3 is
    /// generous. The answer then has the total. Only beside `query`.
    pub(super) relevance: Option<f32>,
    /// `score`, the best first, or `date`, the newest first; `date` needs a `relevance`. Only beside `query`.
    pub(super) sort: Option<Sort>,
    /// Only images taken at this date or later: `2019`, `2019-07` or `2019-07-31`.
    pub(super) after: Option<String>,
    /// Only images taken before this date.
    pub(super) before: Option<String>,
    /// Only images below one of these folders, by absolute paths.
    pub(super) folders: Option<Vec<String>>,
    /// Only images with each of these tags; `describe_library` lists them.
    pub(super) tags: Option<Vec<String>>,
    /// Only images of this shape.
    pub(super) orientation: Option<Shape>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Sort {
    Score,
    Date,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Shape {
    Landscape,
    Portrait,
    Square,
}

/// What `similar` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SimilarArguments {
    /// An image of the library: its `path` or `id` from an earlier answer.
    pub(super) item: String,
    /// Results at most: 1 to 50, 10 where it is left out.
    #[schemars(range(min = 1, max = 50))]
    pub(super) limit: Option<usize>,
    /// Results to leave out before the first: for the next page.
    pub(super) offset: Option<usize>,
}

/// What `show` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ShowArguments {
    /// Images of the library, 8 at most: the `path` or `id` of each from an earlier answer.
    #[schemars(length(min = 1, max = 8))]
    pub(super) items: Vec<String>,
}

/// What `describe_library` takes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DescribeArguments {}
