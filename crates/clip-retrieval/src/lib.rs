//! Stores unit vectors with what they stand for, and returns ranked hits.
//!
//! A [`Library`] belongs to one model. It holds one unit vector for each [`Item`] (a picture by its
//! path, or a text), and answers a query vector with the nearest items. The search is exact: it
//! compares the query with every vector, which takes milliseconds for the hundred thousand pictures
//! of a home library, needs no training and no tuning, and is what any faster index has to be
//! measured against.
//!
//! Vectors of two models must never meet: their numbers are comparable and their meanings are not.
//! So a library carries the fingerprint of its model, and [`Library::open_for`] refuses another one
//! by name. It is one file, versioned and checksummed, and written beside and renamed, so a crash
//! leaves the old file or the new one.
//!
//! This crate knows neither models nor pictures; any unit vectors will do.
//!
//! ```
//! use clip_retrieval::{Item, Library};
//!
//! let mut library = Library::new("sha256:40d365", "ViT-B-32", 2);
//! library.upsert(Item::picture("photos/dog.jpg", None), &[1.0, 0.0])?;
//! library.upsert(Item::picture("photos/cat.jpg", None), &[0.6, 0.8])?;
//! library.upsert(Item::text("a dog"), &[0.8, 0.6])?;
//!
//! let hits = library.search(&[0.0, 1.0], 10, |item| item.is_under("photos"))?;
//! assert_eq!(hits[0].item.path(), Some("photos/cat.jpg".as_ref()));
//! assert_eq!(hits[0].score, 0.8);
//! assert_eq!(hits.len(), 2);
//! # Ok::<(), clip_retrieval::Error>(())
//! ```

mod dot;
mod error;
mod file;
mod header;
mod item;
mod library;
mod lock;
mod path;
mod search;

pub use error::{Error, Result};
pub use file::FORMAT_VERSION;
pub use item::{Content, FileStamp, Item, Modality};
pub use library::Library;
pub use lock::Lock;
pub use search::Hit;
