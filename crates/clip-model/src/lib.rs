//! A whole CLIP on Burn, built from a configuration and filled from a canonical checkpoint.
//!
//! The towers and heads are crates of their own and know nothing of files. Here they become
//! [`ImageEncoder`] and [`TextEncoder`], each of which can be loaded without the other (a text
//! search never reads the picture half), and [`Clip`], which is both and the logit scale. Whoever only
//! wants answers takes [`InferenceImageEncoder`] and [`InferenceTextEncoder`].
//!
//! The module paths of the encoders *are* the tensor names of the canonical file, so loading is a
//! walk over the module ([`load`]) that checks every name and shape, and no table.
//!
//! ```no_run
//! use clip_checkpoint::Checkpoint;
//! use clip_model::{DeviceName, InferenceTextEncoder, int_tensor};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let device = "auto".parse::<DeviceName>()?.open()?;
//! let checkpoint = Checkpoint::open("model.safetensors".as_ref())?;
//! let encoder = InferenceTextEncoder::load(&checkpoint, &device)?;
//! let end = checkpoint.card().tokenizer.end_token;
//! let ids = [end - 1, 320, 1929, end]; // start, a, dog, end
//! let ids = int_tensor(&ids, [1, 4], &device);
//! let unit_vectors = encoder.forward(ids);
//! # Ok(())
//! # }
//! ```

mod clip;
mod config;
mod device;
mod encoders;
mod error;
#[cfg(feature = "autodiff")]
mod explain;
mod inference;
pub mod load;
mod stages;
mod verify;

pub use burn::tensor::{Device, Tensor};
pub use clip::Clip;
pub use clip_projection::normalize;
pub use clip_vision::{Pixels, WeightDtype};
pub use device::{Backend, DeviceError, DeviceName};
pub use encoders::{ImageEncoder, TextEncoder, float_tensor, int_tensor};
pub use error::{Error, Result};
#[cfg(feature = "autodiff")]
pub use explain::relevance;
pub use inference::{InferenceImageEncoder, InferenceTextEncoder};
pub use stages::Stage;
pub use verify::{Comparison, Difference, Reference};
