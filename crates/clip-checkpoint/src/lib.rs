//! The canonical CLIP checkpoint: one `.safetensors` file that carries everything a program needs
//! to answer with it.
//!
//! A published CLIP is several files whose meaning depends on who wrote them: a configuration, a
//! preprocessing configuration, a tokenizer, weights in one of three layouts. The converter
//! (`clip-weights`) reads all of those once and writes *one* file. Its tensors carry the names and
//! the memory layout of our modules ([`tensors`]), and its header carries the [`ModelCard`]:
//! architecture, preprocessing, tokenizer mode, and where the weights came from. From there on no
//! constant of any model lives in code.
//!
//! This crate knows the file and nothing of the framework that runs it, so it builds in seconds.
//! Files are mapped, not read: a text search touches the text half of the file only.
//!
//! ```
//! use clip_checkpoint::{Activation, Tower, presets, tensors};
//!
//! let b32 = presets::find("ViT-B-32").unwrap();
//! assert_eq!(b32.vision.activation, Activation::QuickGelu);
//! let vision: usize = tensors(b32)
//!     .filter(|spec| spec.tower == Tower::Vision)
//!     .map(|spec| spec.elements())
//!     .sum();
//! assert_eq!(vision, 87_849_216);
//! ```

mod card;
mod config;
mod conv_stem;
mod conv_stem_file;
mod dtype;
mod error;
mod file;
mod hex;
mod layout;
mod preprocess;
pub mod presets;
mod subwords;
mod tensor_file;
mod tokenizer;
mod write;

pub use card::{CARD_VERSION, ModelCard, Source, SourceFile};
pub use config::{
    Activation, AttentionMask, ModelConfig, Pooling, Probability, Projection, Stem, TextConfig,
    VisionConfig, VisionPooling,
};
pub use conv_stem::{ConvActivation, ConvPadding, ConvStage, ConvStem, InvertedResidual};
pub use conv_stem_file::{ConvStemCard, ConvStemCheckpoint, write_conv_stem};
pub use dtype::Dtype;
pub use error::{Error, Result};
pub use file::Checkpoint;
pub use layout::{TensorSpec, Tower, tensors};
pub use preprocess::{Interpolation, PreprocessConfig, PreprocessMode, ResizeMode};
pub use subwords::{Charsmap, Merge, SubwordModel, Subwords, UnigramModel};
pub use tensor_file::StoredTensor;
pub use tokenizer::{Padding, TokenizerConfig, TokenizerMode, Vocabulary};
pub use write::{TensorSource, replace, write};
