//! Foreign CLIP checkpoints in, the canonical file out.
//!
//! A published CLIP is a file or a folder of files that only its own library understands: tensor
//! names with a history (`pre_layrnorm`), matrices stored transposed, preprocessing in a second file
//! whose fields changed over the years, or no word about it at all. This crate is the one place that
//! knows any of that. Every other crate reads the canonical file of [`clip_checkpoint`] and nothing
//! else.
//!
//! Each family of sources ([`Family`]) is one module with one table: our module, the foreign module
//! or modules, and what they are. Names, transpositions and the concatenation of query, key and value
//! follow from the row, so a new family adds a table and no code that moves numbers. [`convert`]
//! checks every name, shape and number format against the configuration *before* it writes, and
//! refuses what it cannot express by naming the field or the tensor. Tensors are read one at a time
//! from the place where they lie in the file, so memory stays near the size of the largest one.
//! [`open`] is the first half of it, for programs that look into a source before they convert it.
//!
//! In a checkpoint of somebody's own training the model may lie below any prefix, beside a state of
//! an optimizer and more: `prefix` finds it, and refuses to choose among several.
//!
//! The formats of files lie below the families: safetensors, and the zip archives of `torch.save`
//! and `torch.jit.save`. Any family may come in either. The first bytes tell the format and the
//! names of the tensors the family; a file's name says nothing. A pickle, which is a program for
//! Python, is read as data: what it would call is compared with a list of names and never run.
//!
//! An image classifier is no CLIP, but a tower can start from its convolutions: [`convert_stem`] folds and
//! renames those of an EfficientNet-Lite.
//!
//! With the feature `hub`, a source can be a hub id such as `openai/clip-vit-base-patch32`, with a
//! revision after `@` if need be, or the address of a weights file.
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
//! let source = Source::parse("https://example.com/ViT-B-32.pt");
//! assert_eq!(source, Source::Url("https://example.com/ViT-B-32.pt".to_owned()));
//!
//! let source = Source::parse("weights/ViT-B-32.pt");
//! assert_eq!(source, Source::Path(PathBuf::from("weights/ViT-B-32.pt")));
//!
//! let source = Source::Path(PathBuf::from("no/such/folder"));
//! let error = convert(&source, &Options::default(), &mut ()).unwrap_err();
//! assert!(matches!(error, Error::NoSource { .. }));
//! ```

#[cfg(feature = "cli")]
mod args;
#[cfg(feature = "cli")]
mod bar;
mod container;
mod convert;
mod detect;
mod efficientnet;
mod error;
mod family;
mod hashing;
mod hex;
mod hf;
mod hub;
mod inspect;
mod json;
mod model;
mod name;
mod open_clip;
mod openai;
mod opened;
mod options;
mod path;
mod prefix;
mod progress;
mod recast;
mod recipe;
mod sentence_transformers;
mod shapes;
mod source;
mod subwords;
mod weights;

#[cfg(feature = "cli")]
pub use args::{ConvertArgs, Format};
#[cfg(feature = "cli")]
pub use bar::Bar;
pub use clip_checkpoint::{Activation, Dtype, PreprocessMode};
pub use convert::{Summary, convert};
pub use efficientnet::{StemSummary, convert_stem};
pub use error::{Error, Result};
pub use family::Family;
pub use hub::HubOptions;
pub use inspect::Inspection;
pub use name::check_name;
pub use opened::{Opened, open};
pub use options::Options;
pub use progress::Progress;
pub use recast::recast;
pub use source::Source;
