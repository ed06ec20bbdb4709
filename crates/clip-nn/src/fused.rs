//! Residual branches in one piece.
//!
//! A block is written in [`crate::ResidualAttentionBlock`]: what stands here does the same
//! arithmetic faster where the tensors live on Flex, forward and, with feature `autodiff`,
//! backward. [`clip_kernels::residual`] says how; `tests/fused.rs` holds it to the composed form.

mod extension;
mod matmul;

use burn::nn::{LayerNorm, Linear};
use burn::tensor::{DType, Tensor};
use clip_kernels::residual::train::Residual;

pub(crate) use matmul::matmul;

/// Runs among the threads that share out the work: what they share has not to be brought to them
/// each time.
pub(crate) fn on_pool<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    rayon::scope(|_| run())
}

/// `x + output(sublayer(input(norm(x))))`, or nothing where the composed form has to do it: another
/// backend, another number format, a layer without bias.
pub(crate) fn residual(
    x: &Tensor<3>,
    norm: &LayerNorm,
    input: &Linear,
    output: &Linear,
    residual: Residual,
) -> Option<Tensor<3>> {
    // One short batch has too few sequences to go round: there the products run on all cores.
    let [batch, ..] = x.dims();
    let enough = x.is_autodiff() || batch >= rayon::current_num_threads();
    if !enough || !extension::applies(x) || x.dtype() != DType::F32 {
        return None;
    }
    let tensors = extension::Tensors {
        x: x.clone().into_dispatch(),
        gamma: norm.gamma.val().into_dispatch(),
        beta: norm.beta.as_ref()?.val().into_dispatch(),
        in_weight: input.weight.val().into_dispatch(),
        in_bias: input.bias.as_ref()?.val().into_dispatch(),
        out_weight: output.weight.val().into_dispatch(),
        out_bias: output.bias.as_ref()?.val().into_dispatch(),
    };
    Some(extension::residual(tensors, residual))
}
