//! The library on one machine: see [`Library`].

mod bits;
mod catalog;
mod duplicates;
mod library;
mod lock;
mod merge;
mod scan;
mod segment;
mod store;
mod view;
mod wording;
mod writer;

pub use duplicates::Alike;
pub use library::{Library, Lost, Stats};
pub use segment::Precision;
pub use writer::Writer;
