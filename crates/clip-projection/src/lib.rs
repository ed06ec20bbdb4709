//! From tower features to the space that pictures and texts share, on Burn.
//!
//! Small, and apart from the towers, because this is where CLIP's variants and its training differ
//! most: heads, temperature, similarity. [`normalize`] is the only place in the workspace where
//! features become unit vectors.
//!
//! ```
//! # #[cfg(feature = "flex")] {
//! use burn::tensor::{Device, Tensor};
//! use clip_projection::{LogitsConfig, ProjectionConfig, similarity};
//!
//! let device = Device::flex();
//! let head = ProjectionConfig::new(64, 32).init(&device);
//! let images = head.forward(Tensor::ones([3, 64], &device));
//! let texts = head.forward(Tensor::ones([5, 64], &device));
//! let logits = LogitsConfig::new().init(&device).forward(similarity(images, texts));
//! assert_eq!(logits.dims(), [3, 5]);
//! # }
//! ```

mod head;
mod logits;
mod loss;
mod similarity;

pub use clip_nn::{Activation, Packer, WeightDtype};
pub use head::{
    PackedProjection, Projection, ProjectionConfig, ProjectionMlp, ProjectionMlpConfig,
};
pub use logits::{Logits, LogitsConfig};
pub use loss::{info_nce, sigmoid_loss};
pub use similarity::{normalize, similarity};
