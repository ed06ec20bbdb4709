//! Picture–text pairs for training and evaluation: shards, folders and tables to shuffled,
//! augmented batches. No Burn.
//!
//! A [`Dataset`] is an index: texts in memory, pictures where they lie. So an epoch is shuffled
//! over all shards, not within a buffer, and a batch can hold a name at most once ([`EpochPlan`]).
//! A [`Loader`] decodes and changes pictures on threads of its own. Each row draws from a
//! generator of its own, so a seed gives the same batches on any machine with any number of
//! threads, and a run can be resumed at any step. Data from the world is never whole: what cannot
//! be read is skipped and named ([`Problem`]), and only data of which nothing is left is an error.
//!
//! ```
//! use std::sync::Arc;
//!
//! use clip_checkpoint::{Interpolation, PreprocessConfig, PreprocessMode, ResizeMode};
//! use clip_data::{
//!     AugmentConfig, CaptionConfig, Dataset, Loader, LoaderConfig, SamplerConfig, Transform,
//! };
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! # image::RgbImage::from_pixel(40, 30, image::Rgb([255, 0, 0])).save(folder.join("red.png"))?;
//! # image::RgbImage::from_pixel(40, 30, image::Rgb([0, 0, 255])).save(folder.join("blue.png"))?;
//! # std::fs::write(folder.join("captions.tsv"), "file\tname\nred.png\tred\nblue.png\tblue\n")?;
//!
//! let dataset = Arc::new(Dataset::open(&[folder.to_path_buf()])?);
//! let card = PreprocessConfig {
//!     mode: PreprocessMode::HfPil,
//!     resize: ResizeMode::Shortest,
//!     resize_size: 32,
//!     interpolation: Interpolation::Bicubic,
//!     crop_size: 32,
//!     mean: [0.48145466, 0.4578275, 0.40821073],
//!     std: [0.26862954, 0.2613026, 0.2757771],
//! };
//! let transform = Transform::train(&AugmentConfig::default(), &card)?;
//! let sampler = SamplerConfig { batch_size: 2, ..SamplerConfig::default() };
//! let (captions, config) = (CaptionConfig::default(), LoaderConfig::default());
//! let loader = Loader::new(dataset, transform, &captions, &sampler, &config, 42)?;
//! for batch in loader.epoch(0, 0) {
//!     assert_eq!((batch.len(), batch.pixels.len()), (2, 2 * 3 * 32 * 32));
//!     assert!(batch.captions.iter().any(|caption| caption.contains("red")));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod augment;
mod cache;
mod caption;
mod concepts;
mod dataset;
mod error;
mod fields;
mod filter;
mod labels;
mod loader;
mod plan;
mod sample;
mod seed;
mod source;
mod table;
mod template;
pub mod text;
mod transform;
mod workers;

pub use augment::{Augment, AugmentConfig};
pub use caption::{Caption, CaptionConfig};
pub use dataset::Dataset;
pub use error::{Error, Problem, Result};
pub use filter::Filter;
pub use labels::{Label, LabelTable};
pub use loader::{Batch, Batches, Loader, LoaderConfig};
pub use plan::{Draw, EpochPlan, SamplerConfig};
pub use sample::{Kind, Sample};
pub use table::{TableRow, TextTable};
pub use template::fill_template;
pub use transform::Transform;
