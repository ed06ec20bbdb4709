//! Stores unit vectors with what they stand for, and returns ranked hits.
//!
//! A [`Library`] belongs to one model. It holds one unit vector for each [`Item`] (a picture by its
//! path, or a text), and answers a query vector with the nearest items among those that a [`Filter`]
//! lets pass. The search is exact, for a million vectors too: it scans codes of 8 bits that say
//! between which bounds each score lies, and ranks what may be among the best by the vectors
//! themselves. It needs no training and no tuning, and is what any faster index has to be measured
//! against.
//!
//! Vectors of two models must never meet: their numbers are comparable and their meanings are not.
//! So a library carries the fingerprint of its model, and [`Library::open_for`] refuses another one
//! by name.
//!
//! A library is a folder: a catalog in SQLite and segments of vectors that are mapped into memory,
//! never changed, checksummed and replaced by renaming. What was committed survives a killed program,
//! a full disk and a power cut.
//!
//! The feature `milvus` adds `Cluster`, the same in a collection of a Milvus cluster, for many programs
//! on many machines. Programs that work on either take a [`Store`].
//!
//! A store serves: any number of threads search it while one writes. Every answer is that of a commit,
//! a search holds no lock while it compares vectors, and none waits for a writer. See [`Snapshot`].
//!
//! With the feature `jsonl` [`exchange`] reads and writes files of vectors; `npy` and `parquet` add
//! their formats.
//!
//! This crate knows neither models nor pictures; any unit vectors will do. Without its feature
//! `sqlite`, which needs a C compiler, and `milvus` there is [`Flat`] alone: vectors in memory.
//!
#![cfg_attr(feature = "sqlite", doc = "```")]
#![cfg_attr(not(feature = "sqlite"), doc = "```text")]
//! use clip_retrieval::{Filter, Item, Library, Precision, Store};
//!
//! let folder = tempfile::tempdir()?;
//! let library =
//!     Library::open_or_create(folder.path(), "sha256:40d365", "ViT-B-32", 2, Precision::F32)?;
//! let mut writer = library.write()?;
//! writer.upsert(&Item::picture("photos/dog.jpg", None), &[1.0, 0.0])?;
//! writer.upsert(&Item::picture("photos/cat.jpg", None), &[0.6, 0.8])?;
//! writer.upsert(&Item::text("a dog"), &[0.8, 0.6])?;
//! writer.commit()?;
//! drop(writer);
//!
//! let photos = Filter { under: vec!["photos".into()], ..Filter::default() };
//! let hits = library.search(&[0.0, 1.0], 10, &photos)?;
//! assert_eq!(hits[0].item.path(), Some("photos/cat.jpg".as_ref()));
//! assert_eq!(hits[0].score, 0.8);
//! assert_eq!(hits.len(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod background;
#[cfg(feature = "milvus")]
mod cluster;
mod dot;
#[cfg(feature = "sqlite")]
mod embedded;
mod error;
#[cfg(feature = "jsonl")]
pub mod exchange;
mod filter;
mod flat;
mod glob;
mod item;
mod known;
mod normal;
mod path;
mod snapshot;
mod store;
mod top;
mod vector;

pub use background::Background;
#[cfg(feature = "milvus")]
pub use cluster::{Address, Cluster, ClusterIndex, Consistency};
#[cfg(feature = "sqlite")]
pub use embedded::{
    DataLoss, Library, LibrarySnapshot, NearDuplicates, Precision, Recall, Stats, Writer,
};
pub use error::{Error, Result};
pub use filter::{Filter, Orientation};
pub use flat::Flat;
pub use glob::PathGlob;
pub use item::{Content, Facts, FileStamp, Item, Modality, UserTags};
pub use known::{Attempt, Failure, KeptTags, KnownFile};
pub use snapshot::{Hit, SearchOptions, Snapshot};
pub use store::{Reader, Store, StoreWriter};
