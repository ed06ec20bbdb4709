//! Published models, as `weights/registry.toml` lists them.

use anyhow::{Result, bail};
use serde::Deserialize;

/// One published model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Published {
    /// What `models pull` and `--model` call it.
    pub(crate) id: String,
    /// Repository on the hub, or address of a file.
    pub(crate) source: String,
    /// SHA-256 of the file, where its authors publish one.
    pub(crate) sha256: Option<String>,
    pub(crate) license: String,
    /// Side of the square input in pixels.
    pub(crate) image_size: usize,
    /// Numbers in a vector.
    pub(crate) embed_dim: usize,
    /// Parameters in millions.
    pub(crate) parameters: f64,
    /// Zero-shot accuracy on ImageNet-1k in percent.
    pub(crate) imagenet: f64,
}

/// All of them, in the order of the file.
pub(crate) fn all() -> Vec<Published> {
    #[derive(Deserialize)]
    struct Registry {
        model: Vec<Published>,
    }
    const TEXT: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../weights/registry.toml"));
    let registry: Registry = toml::from_str(TEXT).expect("the tests read this file");
    registry.model
}

/// The one of that id.
pub(crate) fn find(id: &str) -> Result<Published> {
    let all = all();
    let ids = all.iter().map(|model| &*model.id).collect::<Vec<_>>().join(", ");
    match all.into_iter().find(|model| model.id == id) {
        Some(model) => Ok(model),
        None => bail!(
            "no published model is called {id}: choose among {ids}, or give any other source to `clip-cli models add`"
        ),
    }
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
