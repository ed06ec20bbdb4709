//! The library in a cluster: see [`Cluster`].
#![expect(clippy::result_large_err, reason = "the client's error is what its calls return")]

mod address;
mod batch;
mod client;
mod collection;
mod fault;
mod key;
mod options;
mod read;
mod row;
mod schema;
mod search;
mod store;
#[cfg(test)]
mod tests;
mod wording;
mod writer;

pub use address::Address;
pub use collection::Cluster;
pub use options::{ClusterIndex, Consistency};
