//! Builds without Flex: nothing is packed.

use burn::module::Param;
use burn::nn::conv::Conv2d;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::{Device, Int, Tensor};

use crate::{Mlp, MultiHeadAttention, Padding, Pixels, Transformer, WeightDtype};

/// Packs modules for inference, in the numbers of one type. In this build there is none.
#[derive(Debug, Clone, Copy)]
pub enum Packer {}

impl Packer {
    /// Nothing: no kernels of ours are in this build.
    pub fn on(_: &Device, _: WeightDtype) -> Option<Self> {
        None
    }
}

/// A linear layer with a packed weight. In this build there is none.
#[derive(Debug)]
pub enum PackedLinear {}

impl PackedLinear {
    /// Never called.
    pub fn new(_: Param<Tensor<2>>, _: Option<Param<Tensor<1>>>, packer: Packer) -> Self {
        match packer {}
    }

    /// Never called.
    pub fn forward(&self, _: Tensor<2>) -> Tensor<2> {
        match *self {}
    }
}

/// The layers of an inverted residual block.
#[derive(Debug)]
pub struct BlockLayers {
    /// The 1×1 convolution to more channels, as a matrix.
    pub expand: Option<Linear>,
    /// The convolution of each channel alone.
    pub depthwise: Conv2d,
    /// The 1×1 convolution to few channels, as a matrix.
    pub project: Linear,
}

/// A convolutional stem with packed weights. In this build there is none.
#[derive(Debug)]
pub enum PackedConvStem {}

impl PackedConvStem {
    /// Never called.
    pub fn new(
        _: Conv2d,
        _: Vec<BlockLayers>,
        _: Option<Linear>,
        _: Padding,
        packer: Packer,
    ) -> Self {
        match packer {}
    }

    /// Never called.
    pub fn forward(&self, _: Tensor<4>) -> Tensor<4> {
        match *self {}
    }
}

/// The embedding of patches with a packed weight. In this build there is none.
#[derive(Debug)]
pub enum PackedPatchEmbedding {}

impl PackedPatchEmbedding {
    /// Never called.
    pub fn new(_: Conv2d, _: &Pixels, packer: Packer) -> Self {
        match packer {}
    }

    /// Never called.
    pub fn forward(&self, _: Tensor<4>) -> Tensor<2> {
        match *self {}
    }
}

/// A [`MultiHeadAttention`] of one query with packed weights. In this build there is none.
#[derive(Debug)]
pub enum PackedQueryAttention {}

impl PackedQueryAttention {
    /// Never called.
    pub fn new(_: Tensor<1>, _: MultiHeadAttention, packer: Packer) -> Self {
        match packer {}
    }

    /// Never called.
    pub fn forward(&self, _: Tensor<3>) -> Tensor<2> {
        match *self {}
    }
}

/// `x + mlp(norm(x))` with packed weights. In this build there is none.
#[derive(Debug)]
pub enum PackedResidualMlp {}

impl PackedResidualMlp {
    /// Never called.
    pub fn new(_: LayerNorm, _: f64, _: Mlp, packer: Packer) -> Self {
        match packer {}
    }

    /// Never called.
    pub fn forward(&self, _: Tensor<2>) -> Tensor<2> {
        match *self {}
    }
}

/// Makes tokens of embedded patches. In this build there is none.
#[derive(Debug)]
pub enum PackedTokens {}

impl PackedTokens {
    /// Never called.
    pub fn new(
        _: Option<Tensor<1>>,
        _: Option<Tensor<2>>,
        _: Option<(LayerNorm, f64)>,
        packer: Packer,
    ) -> Self {
        match packer {}
    }

    /// Never called.
    pub fn has_class(&self) -> bool {
        match *self {}
    }

    /// Never called.
    pub fn is_identity(&self) -> bool {
        match *self {}
    }

    /// Never called.
    pub fn place(&self, _: Tensor<2>, _: usize) -> Tensor<3> {
        match *self {}
    }

    /// Never called.
    pub fn enter(&self, _: Tensor<2>, _: usize) -> Tensor<3> {
        match *self {}
    }
}

/// A [`Transformer`] with packed weights. In this build there is none.
#[derive(Debug)]
pub enum PackedTransformer {}

impl Transformer {
    /// Never called.
    pub fn pack(self, packer: Packer) -> PackedTransformer {
        match packer {}
    }
}

impl PackedTransformer {
    /// Never called.
    pub fn forward(&self, _: Tensor<3>) -> Tensor<3> {
        match *self {}
    }

    /// Never called.
    pub fn forward_token(&self, _: Tensor<3>, _: Tensor<1, Int>) -> Tensor<2> {
        match *self {}
    }
}
