//! Libraries in a cluster.

#[cfg(not(feature = "milvus"))]
mod disabled;
#[cfg(feature = "milvus")]
mod enabled;

use std::path::Path;

#[cfg(not(feature = "milvus"))]
pub(crate) use disabled::{open, open_or_create};
#[cfg(feature = "milvus")]
pub(crate) use enabled::{open, open_or_create};

/// The address that an `--index` is, if it is one.
pub(crate) fn address(index: &Path) -> Option<&str> {
    let index = index.to_str()?;
    ["milvus://", "milvus+tls://"].iter().any(|start| index.starts_with(start)).then_some(index)
}
