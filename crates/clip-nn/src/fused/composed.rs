//! Builds without Flex: every branch is composed of Burn's operations.

use burn::nn::{LayerNorm, Linear};
use burn::tensor::Tensor;

use crate::{Activation, Precision};

#[derive(Debug, Clone, Copy)]
#[expect(dead_code, reason = "read by the fused form alone")]
pub(crate) enum Mix {
    Attention { heads: usize, causal: bool },
    Activation(Activation),
}

#[derive(Debug, Clone, Copy)]
#[expect(dead_code, reason = "read by the fused form alone")]
pub(crate) struct Branch {
    pub(crate) mix: Mix,
    pub(crate) epsilon: f32,
    pub(crate) precision: Precision,
}

pub(crate) fn on_pool<T>(run: impl FnOnce() -> T) -> T {
    run()
}

pub(crate) fn residual(
    _: &Tensor<3>,
    _: &LayerNorm,
    _: &Linear,
    _: &Linear,
    _: Branch,
) -> Option<Tensor<3>> {
    None
}

pub(crate) fn matmul(_: &Tensor<2>, _: &Tensor<2>, _: Precision) -> Option<Tensor<2>> {
    None
}
