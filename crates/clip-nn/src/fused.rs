//! Residual branches in one piece.
//!
//! A block is written in [`crate::ResidualAttentionBlock`]: what stands here does the same
//! arithmetic faster where the tensors live on Flex, forward and, with feature `autodiff`,
//! backward. [`branch`] says how; `tests/fused.rs` holds it to the composed form.

#[cfg(target_arch = "x86_64")]
mod bf16;
#[cfg_attr(not(feature = "autodiff"), expect(dead_code, reason = "the way back"))]
mod branch;
mod extension;
mod matmul;
mod mix;
mod packed;
mod part;
mod patches;
mod pooling;
mod product;
mod quantized;
mod rounding;
mod serving;
mod simd;
mod tiles;
mod weight;

use burn::nn::{LayerNorm, Linear};
use burn::tensor::{DType, Tensor};

pub(crate) use branch::Branch;
pub(crate) use matmul::matmul;
pub(crate) use mix::Mix;
pub(crate) use patches::PackedPatches;
pub(crate) use pooling::PackedQuery;
pub(crate) use serving::{Norm, PackedBranch, PackedLayer};

/// Runs among the threads that share out the work: what they share has not to be brought to them
/// each time.
pub(crate) fn on_pool<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    rayon::scope(|_| run())
}

/// Whether this processor multiplies bf16 faster than f32.
pub(crate) fn has_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return bf16::available();
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// `x + output(mix(input(norm(x))))`, or nothing where the composed form has to do it: another
/// backend, another number format, a layer without bias.
pub(crate) fn residual(
    x: &Tensor<3>,
    norm: &LayerNorm,
    input: &Linear,
    output: &Linear,
    branch: Branch,
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
    Some(extension::residual(tensors, branch))
}

#[cfg(test)]
mod tests {
    use clip_kernels::{Isa, MAX_CPU_ISA};
    use clip_testkit::rerun_tests;

    /// The other tests again, with the kernels of each instruction set that this processor has.
    #[test]
    fn every_instruction_set_agrees() {
        rerun_tests("every_instruction_set", MAX_CPU_ISA, Isa::enabled().map(Isa::name));
    }
}
