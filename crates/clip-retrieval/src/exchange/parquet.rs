//! A row an item.

#[cfg(not(feature = "parquet"))]
mod disabled;
#[cfg(feature = "parquet")]
mod enabled;

#[cfg(not(feature = "parquet"))]
pub(super) use disabled::{create, read};
#[cfg(feature = "parquet")]
pub(super) use enabled::{create, read};

/// What the columns of the path and the text are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// `path`, `text`.
    Own,
    /// `image_path`, `caption`, as clip-retrieval has them.
    Layout,
}
