//! The library on one machine: see [`Library`].

mod atomic;
mod bits;
mod catalog;
#[cfg(feature = "hnsw")]
mod connect;
mod duplicates;
mod files;
mod graph;
mod library;
mod lock;
mod lows;
mod merge;
mod recall;
mod scan;
mod segment;
mod shared;
mod snapshot;
mod store;
mod vectors;
mod wording;
mod writer;

pub use duplicates::NearDuplicates;
pub use library::{Library, Stats};
pub use recall::Recall;
pub use segment::Precision;
pub use snapshot::LibrarySnapshot;
pub use vectors::DataLoss;
pub use writer::Writer;
