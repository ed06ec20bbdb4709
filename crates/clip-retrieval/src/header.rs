//! The JSON part of the file: the model and the items.

use serde::{Deserialize, Serialize};

use crate::path::{decode_path, encode_path};
use crate::{Content, Error, FileStamp, Item, Library, Modality, Result};

/// The whole header.
#[derive(Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) model: String,
    pub(crate) fingerprint: String,
    items: Vec<StoredItem>,
}

/// An item as it is stored; the id is left out where it follows from the content.
#[derive(Serialize, Deserialize)]
struct StoredItem {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(flatten)]
    content: StoredContent,
    modality: Modality,
    #[serde(skip_serializing_if = "Option::is_none")]
    stamp: Option<FileStamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StoredContent {
    Path(String),
    Text(String),
}

impl Header {
    pub(crate) fn new(library: &Library) -> Result<Self> {
        let items = library.items().map(StoredItem::new).collect::<Result<_>>()?;
        let fingerprint = library.fingerprint().to_owned();
        Ok(Self { model: library.model_name().to_owned(), fingerprint, items })
    }

    /// The items; none where a path is not one.
    pub(crate) fn into_items(self) -> Option<Vec<Item>> {
        self.items.into_iter().map(StoredItem::into_item).collect()
    }
}

impl StoredItem {
    fn new(item: &Item) -> Result<Self> {
        let content = match &item.content {
            Content::Path(path) => StoredContent::Path(
                encode_path(path).ok_or_else(|| Error::PathNotUnicode { path: path.clone() })?,
            ),
            Content::Text(text) => StoredContent::Text(text.clone()),
        };
        let id = (item.id != item.content.default_id()).then(|| item.id.clone());
        Ok(Self { id, content, modality: item.modality, stamp: item.stamp })
    }

    fn into_item(self) -> Option<Item> {
        let content = match self.content {
            StoredContent::Path(text) => Content::Path(decode_path(&text)?),
            StoredContent::Text(text) => Content::Text(text),
        };
        let item = Item { stamp: self.stamp, ..Item::new(content, self.modality) };
        Some(match self.id {
            Some(id) => item.with_id(id),
            None => item,
        })
    }
}
