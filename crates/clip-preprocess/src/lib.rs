//! From a picture file to the numbers a vision tower takes, with the arithmetic of the reference.
//!
//! An embedding is only comparable with published ones when its pixels are: another filter, a
//! rounded instead of a truncated side or a missing antialiasing moves every value. So the steps
//! are those of `CLIPImageProcessorPil` of transformers 5 — RGB, shortest side to the size,
//! center crop, scale, normalize — and the resize is Pillow's own fixed-point arithmetic. On
//! lossless files the 8-bit crop equals the reference's byte for byte. Every constant comes from
//! the checkpoint's [`PreprocessConfig`].
//!
//! Reading is separate from resizing, because that is where the references are unkind to users:
//! all leave phone pictures on their side, most put cut-outs on black. [`ReadOptions::default`]
//! does neither; [`ReadOptions::reference`] does as they do, for comparisons. Files are judged by
//! their content, never by their name, and refused from the header when they are too large.
//!
//! ```
//! use clip_checkpoint::{Interpolation, PreprocessConfig, PreprocessMode, ResizeMode};
//! use clip_preprocess::{Preprocessor, ReadOptions, decode};
//! # let mut bytes = std::io::Cursor::new(Vec::new());
//! # image::RgbImage::from_pixel(40, 30, image::Rgb([255, 0, 0]))
//! #     .write_to(&mut bytes, image::ImageFormat::Png)?;
//! # let bytes = bytes.into_inner();
//!
//! let preprocessor = Preprocessor::new(&PreprocessConfig {
//!     mode: PreprocessMode::HfPil,
//!     resize: ResizeMode::Shortest,
//!     resize_size: 224,
//!     interpolation: Interpolation::Bicubic,
//!     crop_size: 224,
//!     mean: [0.48145466, 0.4578275, 0.40821073],
//!     std: [0.26862954, 0.2613026, 0.2757771],
//! })?;
//! let picture = decode(&bytes, "upload.png", &ReadOptions::default())?;
//! let pixels = preprocessor.pixels(&picture);
//! assert_eq!(pixels.len(), 3 * 224 * 224);
//! assert_eq!(pixels[0], (1.0 - 0.48145466) / 0.26862954);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`PreprocessConfig`]: clip_checkpoint::PreprocessConfig

mod error;
mod format;
mod jpeg;
mod options;
mod preprocessor;
mod read;
mod resample;
mod rgb;

pub use error::{Error, Result};
pub use image::RgbImage;
pub use options::{Gray16, Orientation, ReadOptions, Transparency};
pub use preprocessor::Preprocessor;
pub use read::{decode, read};
