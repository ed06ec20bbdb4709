//! Parquet files of img2dataset; the only place that asks for the feature.

#[cfg(feature = "parquet")]
mod class_names;
#[cfg(feature = "parquet")]
mod columns;
#[cfg(not(feature = "parquet"))]
mod disabled;
#[cfg(feature = "parquet")]
mod enabled;

#[cfg(not(feature = "parquet"))]
pub(super) use disabled::{Table, index};
#[cfg(feature = "parquet")]
pub(super) use enabled::{Table, index};
