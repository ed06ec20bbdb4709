//! Published models, as `registry.toml` of this crate lists them.

use serde::Deserialize;

use crate::{Error, Result};

/// One published model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// What people call it.
    pub id: String,
    /// Repository on the hub, or address of a file.
    pub source: String,
    /// SHA-256 of the file, where its authors publish one.
    pub sha256: Option<String>,
    /// The license of the weights.
    pub license: String,
    /// Side of the square input in pixels.
    pub image_size: usize,
    /// Numbers in a vector.
    pub embed_dim: usize,
    /// Parameters in millions.
    pub parameters: f64,
    /// Zero-shot accuracy on ImageNet-1k in percent.
    pub imagenet: f64,
}

impl Published {
    /// The hub's name of it; of an address, which is long, the server's, which says whose it is.
    pub fn origin(&self) -> &str {
        match self.source.split_once("://") {
            Some((_, address)) => address.split('/').next().unwrap_or(address),
            None => &self.source,
        }
    }

    /// Size of the weights in GB, in f32: files in f16 are half as large.
    pub fn gigabytes(&self) -> f64 {
        4.0 * self.parameters / 1e3
    }
}

/// All of them, in the order of the file.
pub fn all() -> Vec<Published> {
    #[derive(Deserialize)]
    struct Registry {
        model: Vec<Published>,
    }
    const TEXT: &str = include_str!("../registry.toml");
    let registry: Registry = toml::from_str(TEXT).expect("the tests read this file");
    registry.model
}

/// The one of that id.
///
/// # Errors
///
/// [`Error::NotPublished`] where there is none.
pub fn find(id: &str) -> Result<Published> {
    let all = all();
    let published = all.iter().map(|model| model.id.clone()).collect();
    let found = all.into_iter().find(|model| model.id == id);
    found.ok_or_else(|| Error::NotPublished { id: id.to_owned(), published })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clip_weights::Source;

    use super::*;

    #[test]
    fn every_entry_is_a_source_of_its_own() {
        let all = all();
        let ids: BTreeSet<_> = all.iter().map(|model| &model.id).collect();
        let sources: BTreeSet<_> = all.iter().map(|model| &model.source).collect();
        assert_eq!((ids.len(), sources.len()), (all.len(), all.len()));
        for Published { id, source, sha256, parameters, imagenet, .. } in &all {
            match Source::parse(source) {
                Source::Hub { revision, .. } => assert_eq!(revision, None, "{id}"),
                // What has no owner and no commit is known by its hash.
                Source::Url(url) => {
                    let hash = sha256.as_deref().unwrap_or_else(|| panic!("{id}"));
                    assert!(hash.len() == 64 && url.contains(hash), "{id}");
                }
                Source::Path(_) => panic!("{id}"),
            }
            assert!((10.0..10_000.0).contains(parameters), "{id}");
            assert!((50.0..100.0).contains(imagenet), "{id}");
            assert!(!id.contains('/'), "{id}");
        }
    }
}
