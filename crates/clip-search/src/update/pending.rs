//! A picture that an update has to encode.

use std::path::PathBuf;
use std::sync::OnceLock;

use clip_retrieval::{Facts, Item, KeptTags, KnownFile, UserTags};

use super::attempts::State;
use crate::metadata;

/// A picture to encode.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) path: PathBuf,
    pub(super) state: State,
    /// What the library has there.
    pub(super) known: Option<KnownFile>,
    /// What a user said of its tags, here or where it was before.
    pub(super) user_tags: UserTags,
    /// Whether some of that comes from elsewhere, so that the library does not have it here yet.
    pub(super) inherits: bool,
    /// Whether kept tags of its path are among them, or will be.
    pub(super) is_kept: bool,
    pub(super) hash: OnceLock<Option<[u8; 32]>>,
    /// Found when it is read.
    pub(super) facts: OnceLock<Facts>,
}

impl Pending {
    pub(super) fn hash(&self) -> Option<[u8; 32]> {
        *self.hash.get_or_init(|| metadata::content_hash(&self.path).ok())
    }

    /// The item, once the facts are found.
    pub(super) fn item(&self) -> Item {
        let facts = self.facts.get().cloned().unwrap_or_default();
        let user_tags = self.user_tags.clone();
        Item { facts, user_tags, ..Item::picture(&self.path, self.state.stamp) }
    }

    /// What a user said of its tags, for as long as it has no item.
    pub(super) fn kept_tags(&self) -> Option<KeptTags> {
        let hash = self.hash.get().copied().flatten();
        let hash = hash.or_else(|| self.known.as_ref().and_then(|known| known.hash));
        let (path, user_tags) = (self.path.clone(), self.user_tags.clone());
        (!user_tags.is_empty()).then_some(KeptTags { path, hash, user_tags })
    }
}
