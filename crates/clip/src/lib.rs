//! A picture or a sentence in, a unit vector in one shared space out.
//!
//! This is the crate for programs. It joins what the crates below do alone: reading a checkpoint,
//! preparing pictures and texts the way that checkpoint was trained, running the towers. Nothing
//! is loaded before it is needed: an [`Embedder`] that only meets texts never reads the picture
//! half of its file.
//!
//! ```
//! # #[cfg(all(feature = "flex", feature = "embedded-model"))]
//! # fn main() -> clip::Result<()> {
//! use clip::{Device, Embedder};
//!
//! let clip = Embedder::embedded(&Device::flex())?;
//! let dog = clip.text("a picture of a dog")?;
//! let [photo, car] = [clip.text("a photo of a dog")?, clip.text("a photo of a car")?];
//! assert!(dog.similarity(&photo) > dog.similarity(&car));
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "flex", feature = "embedded-model")))]
//! # fn main() {}
//! ```
//!
//! Raw cosine similarities of a picture with a text are small numbers: near 0.2 to 0.35 for a good
//! match with OpenAI's weights. Rank by them; for probabilities over labels see
//! [`Embedder::classify`].

mod embedder;
mod embedding;
mod error;
#[cfg(feature = "explain")]
mod explain;
mod labels;
mod pipeline;
mod room;

pub use clip_checkpoint::{Checkpoint, ModelCard, Probability};
pub use clip_model::{Backend, Comparison, DeviceError, DeviceName, Difference, Reference};
pub use clip_preprocess::{
    ColorManagement, Detail, Error as PictureError, FileFormat, Picture, ReadOptions, RgbImage,
    load as load_picture, metadata, read as read_picture, shown_size,
};
pub use clip_tokenizer::{Error as TextError, Overflow};
pub use clip_weights as weights;
#[cfg(feature = "embedded-model")]
pub use embedder::embedded_checkpoint;
pub use embedder::{Embedder, PreparedImage, Streamed, TokenizedText};
pub use embedding::Embedding;
pub use error::{Error, Result};
#[cfg(feature = "explain")]
pub use explain::{Explainer, Explanation};
pub use labels::{Classifier, DEFAULT_TEMPLATE, prompts};
pub use room::Room;

/// Where tensors live and run; see [`DeviceName`] for choosing one by name.
pub use clip_model::Device;
