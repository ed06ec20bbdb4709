//! What clients know of an item of the library.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clip_retrieval::{Content, Filter, Item, Modality, Orientation, PathGlob};
use clip_search::date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::errors::{ApiError, ApiResult};

/// An image or a text of the library.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ItemBody {
    /// Its id, for paths of this API: letters, digits, `-` and `_`.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// The file, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The text, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Width in pixels, as it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels, as it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// When it was taken, by the camera's own clock: `2019-07-31T18:05:00`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken: Option<String>,
    /// Where it was taken: degrees north and east.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<[f64; 2]>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Size of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Where its thumbnail is, where it is an image; the address changes with the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<String>,
    /// Where the file is, where it is an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An image.
    Image,
    /// A text.
    Text,
}

impl From<Modality> for Kind {
    fn from(modality: Modality) -> Self {
        if modality == Modality::Text { Self::Text } else { Self::Image }
    }
}

impl From<&Item> for ItemBody {
    fn from(item: &Item) -> Self {
        let (path, text) = match &item.content {
            Content::Path(path) => (Some(path.to_string_lossy().into_owned()), None),
            Content::Text(text) => (None, Some(text.clone())),
        };
        let id = id_of(&item.id);
        let version = version(item);
        let is_image = path.is_some() && item.modality == Modality::Image;
        Self {
            kind: item.modality.into(),
            path,
            text,
            width: item.facts.size.map(|[width, _]| width),
            height: item.facts.size.map(|[_, height]| height),
            taken: item.facts.taken.map(date::format),
            place: item.facts.place,
            tags: item.tags().into_iter().map(str::to_owned).collect(),
            bytes: item.stamp.map(|stamp| stamp.size),
            thumbnail: is_image.then(|| format!("/v1/items/{id}/thumbnail?v={version}")),
            file: is_image.then(|| format!("/v1/items/{id}/file")),
            id,
        }
    }
}

/// What changes with the file of an item.
pub(crate) fn version(item: &Item) -> String {
    let mut hash = blake3::Hasher::new();
    hash.update(item.id.as_bytes());
    if let Some(stamp) = item.stamp {
        hash.update(&stamp.size.to_le_bytes());
        hash.update(&stamp.modified.to_le_bytes());
    }
    hash.finalize().to_hex()[..16].to_owned()
}

/// An id of the library as one of this API: ids hold paths, with slashes that proxies would change.
pub(crate) fn id_of(id: &str) -> String {
    URL_SAFE_NO_PAD.encode(id)
}

/// The id of the library.
pub(crate) fn library_id(id: &str) -> ApiResult<String> {
    let bytes = URL_SAFE_NO_PAD.decode(id).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| {
        ApiError::not_found(format!("there is no item {id}: ids come from answers of this server"))
    })
}

/// Which items are meant; every condition that is given has to hold.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilterBody {
    /// Images or texts; images where it is left out.
    kind: Option<KindFilter>,
    /// Below one of these folders, or one of these files.
    #[serde(default)]
    under: Vec<String>,
    /// Files like `*.png` or `2019/**/*.jpg`, in upper or lower case; one of them.
    #[serde(default)]
    glob: Vec<String>,
    /// With each of these tags.
    #[serde(default)]
    tags: Vec<String>,
    /// Taken at this date or later: `2019`, `2019-07` or `2019-07-31`.
    after: Option<String>,
    /// Taken before this date.
    before: Option<String>,
    /// With at least so many pixels on the longer side.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 4_294_967_295_u64)]
    min_side: Option<u32>,
    /// Of this shape.
    orientation: Option<OrientationName>,
}

/// What items are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum KindFilter {
    Image,
    Text,
    Any,
}

/// Wider than high, higher than wide, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum OrientationName {
    Landscape,
    Portrait,
    Square,
}

impl FilterBody {
    pub(crate) fn filter(&self) -> ApiResult<Filter> {
        let date = |text: &Option<String>, name: &str| {
            let read = text.as_deref().map(date::parse).transpose();
            read.map_err(|message| ApiError::invalid(message).with_param(format!("filter.{name}")))
        };
        let glob = |pattern: &String| {
            let glob = PathGlob::new(pattern);
            glob.map_err(|error| ApiError::from(error).with_param("filter.glob"))
        };
        Ok(Filter {
            modality: match self.kind {
                None | Some(KindFilter::Image) => Some(Modality::Image),
                Some(KindFilter::Text) => Some(Modality::Text),
                Some(KindFilter::Any) => None,
            },
            under: self.under.iter().map(Into::into).collect(),
            globs: self.glob.iter().map(glob).collect::<ApiResult<_>>()?,
            tags: self.tags.clone(),
            taken_from: date(&self.after, "after")?,
            taken_before: date(&self.before, "before")?,
            min_side: self.min_side,
            orientation: self.orientation.map(|orientation| match orientation {
                OrientationName::Landscape => Orientation::Landscape,
                OrientationName::Portrait => Orientation::Portrait,
                OrientationName::Square => Orientation::Square,
            }),
            ..Filter::default()
        })
    }
}
