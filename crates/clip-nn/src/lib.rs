//! The transformer parts that both CLIP towers share, on Burn.
//!
//! A CLIP has two towers that differ at their ends and are the same in the middle: a stack of
//! pre-norm residual attention blocks. That middle lives here, once, so that a tower is short and
//! a faster kernel serves both. Names follow OpenAI's code (`resblocks`, `ln_1`, `in_proj`,
//! `c_fc`); one concept a file.
//!
//! ```
//! # #[cfg(feature = "flex")] {
//! use burn::tensor::{Device, Tensor};
//! use clip_nn::{Activation, AttentionMask, TransformerConfig};
//!
//! let device = Device::flex();
//! let transformer = TransformerConfig::new(64, 2, 4, 256)
//!     .with_activation(Activation::QuickGelu)
//!     .with_mask(AttentionMask::Causal)
//!     .init(&device);
//! let tokens = Tensor::<3>::zeros([1, 7, 64], &device);
//! assert_eq!(transformer.forward(tokens).dims(), [1, 7, 64]);
//! # }
//! ```

mod activation;
mod attention;
mod block;
#[cfg_attr(not(feature = "flex"), path = "fused/composed.rs")]
mod fused;
#[cfg_attr(not(feature = "flex"), path = "inference/disabled.rs")]
mod inference;
mod mlp;
mod precision;
mod transformer;

pub use clip_kernels::Pixels;
pub use clip_kernels::conv::Padding;
pub use clip_kernels::gemm::WeightDtype;

pub use activation::Activation;
pub use attention::{AttentionMask, MultiHeadAttention, MultiHeadAttentionConfig};
pub use block::{ResidualAttentionBlock, ResidualAttentionBlockConfig};
pub use inference::{
    BlockLayers, PackedConvStem, PackedLinear, PackedPatchEmbedding, PackedQueryAttention,
    PackedResidualMlp, PackedTokens, PackedTransformer, Packer,
};
pub use mlp::{Mlp, MlpConfig};
pub use precision::Precision;
pub use transformer::{Transformer, TransformerConfig};
