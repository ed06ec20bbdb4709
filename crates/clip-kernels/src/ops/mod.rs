//! What stands between the products of a transformer: loops over rows, which the compiler turns into
//! the widest instructions of the machine.
//!
//! Each public function but [`transpose`] goes through [`dispatch`](crate::dispatch), which selects the
//! instruction set at run time; what it calls is inlined there.

pub(crate) mod activation;
mod exp;
mod layer_norm;
mod rows;
mod softmax;
mod sums;
mod transpose;

pub use activation::{Activation, QUICK, TANH_CUBE, TANH_SCALE};
pub use layer_norm::{layer_norm, layer_norm_backward};
pub use rows::{add_rows, dot_rows, sum_rows, weighted_sum};
pub(crate) use rows::{add_to_rows, scale_into, widen};
pub(crate) use softmax::softmax_to_bf16;
pub use softmax::{softmax, softmax_backward};
pub(crate) use sums::{fold, larger, smaller};
pub use transpose::transpose;
