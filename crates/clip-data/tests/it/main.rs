//! The crate from outside, as one program, so that it is linked once.

mod batches;
mod common;
#[cfg(feature = "parquet")]
mod parquet;
mod sources;
