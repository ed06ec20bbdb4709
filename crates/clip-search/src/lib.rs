//! Indexes folders of images with CLIP and searches them: the engine under every front end.
//!
//! An [`Engine`] is an embedder and a [`Collection`] of its vectors. [`scan`] lists the images below
//! folders, [`Engine::update`] brings the collection in step with them, [`Engine::search`] answers a
//! [`SearchRequest`] whose terms are texts, files, bytes of images, decoded images, items of the
//! collection or vectors. A command line, a service and another language's package differ in how they
//! take a request and show a response; all else is here.
//!
#![cfg_attr(all(feature = "embedded-model", feature = "flex", feature = "sqlite"), doc = "```")]
#![cfg_attr(
    not(all(feature = "embedded-model", feature = "flex", feature = "sqlite")),
    doc = "```text"
)]
//! use clip::{Device, Embedder};
//! use clip_search::{
//!     Collection, Engine, Location, Query, ScanOptions, SearchRequest, Silent, UpdateOptions, scan,
//! };
//! # let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples");
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path().join("library");
//!
//! let embedder = Embedder::embedded(&Device::flex())?;
//! let location = Location::Folder(folder);
//! let collection = Collection::open_or_create(&location, embedder.checkpoint())?;
//! let engine = Engine::new(embedder, collection)?;
//!
//! let images = scan(&[samples], &ScanOptions::default())?;
//! engine.update(&images, &UpdateOptions::default(), &mut Silent)?;
//!
//! let response = engine.search(&SearchRequest::new(Query::text("a picture of a car")))?;
//! assert!(response.hits[0].item.path().unwrap().ends_with("fx-car.png"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing is printed, and nothing is known of a command line: long work tells an [`Observer`] how far
//! it is and what it left out, and asks it whether to stop. An [`Error`] has fields; which option or
//! button helps is for the front end to say.

mod answers;
mod collection;
pub mod date;
mod decode;
#[cfg(feature = "sqlite")]
mod duplicates;
mod encode;
mod engine;
mod error;
#[cfg(feature = "evaluation")]
pub mod evaluation;
#[cfg(feature = "exchange")]
mod exchange;
#[cfg(feature = "explain")]
pub mod explain;
mod graph;
mod location;
mod maintenance;
#[cfg(feature = "map")]
pub mod map;
pub mod metadata;
mod model_list;
mod models;
mod new_file;
mod observer;
mod page;
mod query;
pub mod registry;
#[cfg(feature = "sqlite")]
mod reindex;
mod relevance;
mod scan;
mod search;
mod shard;
mod stats;
mod tags;
pub mod terminal;
mod texts;
pub mod thumbnail;
mod unplugged;
mod update;
#[cfg(feature = "watch")]
mod watch;
#[cfg(feature = "sqlite")]
mod workspace;

pub use answers::{Answer, Found};
pub use collection::Collection;
pub use decode::DecodeOptions;
#[cfg(feature = "sqlite")]
pub use duplicates::{
    DuplicateGroup, DuplicateImage, DuplicateKind, Duplicates, FoundDuplicates, LeftOutFiles,
    Tally, find_duplicates, usual_near,
};
pub use encode::{
    Classified, Encoded, LabelProbability, classify_files, encode_files, encode_inputs, rank_texts,
    read_labels,
};
pub use engine::Engine;
pub use error::{Error, Result};
#[cfg(feature = "exchange")]
pub use exchange::{ExportFile, export, import};
pub use graph::{GRAPH_ABOVE, build_graph};
pub use location::Location;
#[cfg(feature = "sqlite")]
pub use maintenance::{Compacted, compact};
pub use maintenance::{Pruned, Removed, prune, prune_plan, remove, remove_plan};
pub use model_list::ModelList;
pub use models::{BUILT_IN, Installed, Model, ModelDescription, Models};
pub use new_file::NewFile;
pub use observer::{Observer, Progress, Silent, Task, Warning, count};
pub use page::{Order, Page};
pub use query::{Query, Term, TermContent};
#[cfg(feature = "sqlite")]
pub use reindex::{ReindexOptions, Reindexed, reindex};
pub use scan::{
    EXCLUDED, IGNORE_FILE, Scan, ScanOptions, UnreadFormats, absolute, images_below,
    path_from_bytes, resolved, scan,
};
pub use search::{SearchRequest, SearchResponse, search};
pub use shard::Shard;
pub use stats::{CollectionStats, FolderStats, GraphStats, UnreadableFile};
pub use tags::{
    ImageTags, TagChange, TagCount, TagsChanged, add_tags, change_tags, image_tags, parse_tag,
    paths_without_images, restore_tags, tag_counts,
};
pub use texts::{AddedTexts, add_texts, new_texts, planned_texts, read_texts};
pub(crate) use update::COMMIT_EVERY;
pub use update::{Changes, LeftOut, MissingFiles, Note, UpdateOptions, planned, update};
#[cfg(feature = "watch")]
pub use watch::Watcher;
