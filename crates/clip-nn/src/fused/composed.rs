//! Builds without Flex: every branch is composed of Burn's operations.

use burn::nn::{LayerNorm, Linear};
use burn::tensor::{Int, Tensor};

use crate::{Activation, Pixels, Precision, Storage};

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

/// Never made: there are no kernels of ours here.
#[derive(Debug)]
pub(crate) enum Served {}

impl Served {
    pub(crate) fn new(_: &Linear, _: &Linear, _: Storage) -> Option<Self> {
        None
    }

    pub(crate) fn input(&self) -> Vec<f32> {
        match *self {}
    }

    pub(crate) fn output(&self) -> Vec<f32> {
        match *self {}
    }

    pub(crate) fn forward(
        &self,
        _: &Tensor<3>,
        _: Option<&Tensor<1, Int>>,
        _: &LayerNorm,
        _: [&Linear; 2],
        _: Branch,
    ) -> Option<Tensor<3>> {
        match *self {}
    }

    pub(crate) fn forward_token(
        &self,
        _: &Tensor<3>,
        _: &Tensor<1, Int>,
        _: &LayerNorm,
        _: [&Linear; 2],
        _: Branch,
    ) -> Option<Tensor<3>> {
        match *self {}
    }
}

/// Never made, as [`Served`].
#[derive(Debug)]
pub(crate) enum Patches {}

impl Patches {
    pub(crate) fn new(_: Tensor<2>, _: Storage, _: &Pixels) -> Option<Self> {
        None
    }

    pub(crate) fn unpack(&self) -> Vec<f32> {
        match *self {}
    }

    pub(crate) fn forward(
        &self,
        _: &Tensor<4>,
        _: usize,
        _: Option<Tensor<1>>,
    ) -> Option<Tensor<2>> {
        match *self {}
    }
}

pub(crate) fn on_pool<T>(run: impl FnOnce() -> T) -> T {
    run()
}

pub(crate) fn for_each<T>(items: &mut [T], run: impl Fn(&mut T)) {
    items.iter_mut().for_each(run);
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
