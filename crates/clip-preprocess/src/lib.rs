//! From a picture file to the numbers a vision tower takes, with the arithmetic of the reference.
//!
//! An embedding is only comparable with published ones when its pixels are: another filter, a
//! rounded instead of a truncated side or a missing antialiasing moves every value. So the steps —
//! resize, center crop, scale, normalize — are those of the reference that the checkpoint's
//! [`PreprocessConfig`] names, down to its fixed-point arithmetic. On lossless files the 8-bit crop
//! equals the reference's byte for byte. Every constant comes from that configuration.
//!
//! Reading is separate from resizing, because that is where the references are unkind to users:
//! all leave phone pictures on their side, most put cut-outs on black. [`ReadOptions::default`]
//! does neither; [`ReadOptions::reference`] does as they do, for comparisons. OpenAI's and
//! OpenCLIP's code converts to RGB only after the resize, so to compare with those, read a file as a
//! [`Picture`]. Files are judged by their content, never by their name, and refused from the header
//! when they are too large.
//!
//! The references take all pixels for those of sRGB. [`ColorManagement::ToSrgb`] converts what a file
//! says to be something else. What files say besides, and where, is in [`metadata`].
//!
//! A model sees little of a large picture. With [`ReadOptions::detail`] no more pixels are made than
//! it needs: JPEG is decoded at a part of its size, other formats are averaged. A [`Picture`] knows
//! which part of the file each pixel stands for, so give that to the [`Preprocessor`].
//!
//! JPEG says how to decode only within a few levels. The default decoder is written in Rust and
//! differs from Pillow's in some values; with the feature `turbojpeg` libjpeg-turbo, which Pillow
//! has too, decodes in its stead, to equal pixels. It is compiled from C, and where `nasm` is on the
//! path at that time, with vector instructions on x86. It needs a program that unwinds on panic.
//!
//! TIFF is a container of many kinds. All that Pillow reads are read, with its pixels; where Pillow clips
//! what was measured, gray of more than 8 bits and floats, [`Gray16`] decides. Of what is not read the
//! error says so.
//!
//! HEIC, HEIF and AVIF are read with the feature `heif`, by the libheif that the system has. It is
//! looked for when the first such file is met: nothing is needed to build, and a program without it
//! reads all other formats.
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

mod bmp;
mod color;
mod detail;
mod error;
mod extensions;
mod format;
mod gif;
mod heif;
mod indexed;
mod jpeg;
pub mod metadata;
mod opened;
mod options;
mod picture;
mod pixel_mode;
mod preprocessor;
mod read;
mod resample;
mod rgb;
mod side;
mod steps;
mod tiff;
mod trailer;

pub use detail::Detail;
pub use error::{Error, Result};
pub use extensions::{FileFormat, extensions, is_read_extension};
pub use image::RgbImage;
pub use options::{ColorManagement, Conversion, Gray16, Orientation, ReadOptions, Transparency};
pub use picture::Picture;
pub use preprocessor::Preprocessor;
pub use read::{decode, load, read, shown_size};
