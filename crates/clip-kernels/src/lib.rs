//! The instruction sets that CLIP's kernels use, and what is written for each of them.
//!
//! [`Isa`] names the instruction sets and says which of them a kernel may use: those that the
//! processor has, up to the limit in the environment variable `CLIP_MAX_CPU_ISA`. With a limit a
//! machine runs the kernels of an older one, which is how every kernel is tested on one machine.
//! [`dispatch`] compiles a loop for each instruction set and runs the widest. [`int8`] has the
//! matrix products of 8-bit integers, one microkernel for each instruction set.
//!
//! ```
//! use clip_kernels::Isa;
//! use clip_kernels::int8::Kernel;
//!
//! // Scalar code runs everywhere.
//! assert!(Isa::Scalar.is_enabled());
//! assert!(Kernel::best().isa().is_enabled());
//! ```

mod dispatch;
pub mod int8;
mod isa;
mod prefetch;

pub use dispatch::{arch, dispatch};
pub use isa::{Isa, MAX_CPU_ISA, UnknownIsa};
pub use prefetch::Prefetch;
