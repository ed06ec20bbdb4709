//! A row an item.

#[cfg(not(feature = "parquet"))]
mod disabled;
#[cfg(feature = "parquet")]
mod enabled;

#[cfg(not(feature = "parquet"))]
pub(super) use disabled::{create, read};
#[cfg(feature = "parquet")]
pub(super) use enabled::{create, read};
