//! Foreign CLIP checkpoints in, the canonical file out.
//!
//! A published CLIP is a folder of files that only its own library understands: tensor names with
//! a history (`pre_layrnorm`), matrices stored transposed, preprocessing in a second file whose
//! fields changed over the years. This crate is the one place that knows any of that. Every other
//! crate reads the canonical file of [`clip_checkpoint`] and nothing else.
//!
//! Each family of sources is one module with one table: our module, the foreign module or modules,
//! and what they are. Names, transpositions and the concatenation of query, key and value follow
//! from the row, so a new family adds a table and no code that moves numbers. [`convert`] checks
//! every name, shape and number format against the configuration *before* it writes, and refuses
//! what it cannot express by naming the field or the tensor. Tensors are read one at a time from
//! the place where they lie in the file, so memory stays near the size of the largest one.
//!
//! With the feature `hub`, a source can be a hub id such as `openai/clip-vit-base-patch32`, with a
//! revision after `@` if need be.
//!
//! ```
//! use std::path::PathBuf;
//!
//! use clip_weights::{Error, Options, Source, convert};
//!
//! let source = Source::parse("openai/clip-vit-base-patch32");
//! let id = "openai/clip-vit-base-patch32".to_owned();
//! assert_eq!(source, Source::Hub { id, revision: None });
//!
//! let source = Source::Path(PathBuf::from("no/such/folder"));
//! let error = convert(&source, &Options::default(), &mut ()).unwrap_err();
//! assert!(matches!(error, Error::NoSource { .. }));
//! ```

mod container;
mod convert;
mod error;
mod hf;
mod hub;
mod model;
mod openai;
mod progress;
mod recipe;
mod source;
mod weights;

pub use clip_checkpoint::{Activation, Dtype};
pub use convert::{Family, Options, Summary, convert};
pub use error::{Error, Result};
pub use hub::HubOptions;
pub use progress::Progress;
pub use source::Source;
