//! The library on one machine: see [`Library`].

mod bits;
mod catalog;
mod duplicates;
mod library;
mod lock;
mod merge;
mod scan;
mod segment;
mod view;
mod wording;
mod writer;

pub use catalog::{Failure, KnownFile};
pub use duplicates::Alike;
pub use library::{Hit, Library, Lost, Stats};
pub use segment::Precision;
pub use writer::Writer;
