//! The ViT picture tower of CLIP, on Burn: pixels `[B, 3, H, W]` to pooled features `[B, width]`.
//!
//! The tower ends before the projection into the shared space (that is `clip-projection`), so it
//! also serves alone as a feature extractor. It follows `VisionTransformer` of openai/CLIP
//! (`clip/model.py`): a patch embedding without bias, a class token, learned positions, a layer
//! norm *before* the blocks, and the normalized class token as the answer.
//!
//! SigLIP's tower is the same in the middle and other at its two ends: [`Stem`] says how patches
//! enter, [`Pooling`] what stands for the picture. Nothing else asks which of the two it is. With a
//! [`ConvStem`] patches are cut from its feature map, where they are cut from the pixels otherwise.
//!
//! ```
//! # #[cfg(feature = "flex")] {
//! use burn::tensor::{Device, Tensor};
//! use clip_vision::VisionTransformerConfig;
//!
//! let device = Device::flex();
//! let tower = VisionTransformerConfig::new(32, 16, 64, 2, 4, 256).init(&device);
//! let pixels = Tensor::<4>::zeros([1, 3, 32, 32], &device);
//! assert_eq!(tower.forward(pixels).dims(), [1, 64]);
//! # }
//! ```

mod conv_stem;
mod packed;
mod pooling;
mod positions;
mod stem;
mod tower;

pub use clip_nn::{Activation, PackedConvStem, Packer, Pixels, WeightDtype};
pub use conv_stem::{
    ConvActivation, ConvPadding, ConvStageConfig, ConvStem, ConvStemConfig, InvertedResidual,
};
pub use packed::PackedVisionTransformer;
pub use pooling::{AttentionPooling, AttentionPoolingConfig, Pooling};
pub use stem::Stem;
pub use tower::{VisionTransformer, VisionTransformerConfig};
