//! The text tower of CLIP, on Burn: token ids `[B, L]` to pooled features `[B, width]`.
//!
//! The tower ends before the projection into the shared space (that is `clip-projection`). It
//! follows `CLIP.encode_text` of openai/CLIP (`clip/model.py`): learned positions, causal blocks, a
//! final layer norm, and the features of one token, the end token, as the answer.
//!
//! Attention is causal and the answer is read at the end token, so whatever follows it changes
//! nothing: batches need no mask, and are best padded only to their longest text.
//!
//! SigLIP's tower has no mask and answers with its last token ([`AttentionMask::Full`],
//! [`Pooling::Last`]): it was trained on texts filled up to the whole context, padding and all.
//!
//! ```
//! # #[cfg(feature = "flex")] {
//! use burn::tensor::{Device, Int, Tensor};
//! use clip_text::{Pooling, TextTransformerConfig};
//!
//! let device = Device::flex();
//! let tower = TextTransformerConfig::new(77, 100, 64, 2, 4, 256, Pooling::EndToken(99)).init(&device);
//! let ids = Tensor::<2, Int>::from_ints([[98, 7, 99]], &device);
//! assert_eq!(tower.forward(ids).dims(), [1, 64]);
//! # }
//! ```

mod lookup;
mod packed;
mod pooling;
mod tower;

pub use clip_nn::{Activation, AttentionMask, Packer, WeightDtype};
pub use lookup::TokenLookup;
pub use packed::PackedTextTransformer;
pub use pooling::Pooling;
pub use tower::{TextTransformer, TextTransformerConfig};
