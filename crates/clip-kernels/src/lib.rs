//! The kernels of CLIP's towers, and the instruction sets that they use. No Burn.
//!
//! Ordered by operation, then by number format, then by instruction set: [`gemm`] has the matrix
//! products with packed weights, [`ops`] what stands between them, [`attention`] and [`residual`] what
//! is made of both. [`Isa`] names the instruction sets and says which of them a kernel may use: those
//! that the processor has, up to the limit in the environment variable `CLIP_MAX_CPU_ISA`. With a limit
//! a machine runs the kernels of an older one, which is how every kernel is tested on one machine.
//! [`dispatch`] compiles a loop for each instruction set and runs the widest. The crate's README has
//! the table of which kernel runs when.
//!
//! ```
//! use clip_kernels::Isa;
//! use clip_kernels::gemm::{WeightDtype, select};
//!
//! // Scalar code runs everywhere.
//! assert!(Isa::Scalar.is_enabled());
//! assert!(select(WeightDtype::Int8).isa().is_enabled());
//! ```

pub mod attention;
pub mod conv;
mod dispatch;
pub mod gemm;
mod isa;
mod matrix;
pub mod ops;
mod patch_embedding;
mod prefetch;
mod query_attention;
pub mod residual;
mod tiling;
mod tokens;

pub use dispatch::{arch, dispatch};
pub use isa::{Isa, MAX_CPU_ISA, UnknownIsa};
pub use matrix::{ColumnsMut, MatrixView};
pub use patch_embedding::{PackedPatchEmbedding, Pixels};
pub use prefetch::{Line, Prefetch, prefetch};
pub use query_attention::PackedQueryAttention;
pub use tokens::PackedTokens;
