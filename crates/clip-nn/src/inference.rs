//! Inference with packed weights.
//!
//! A module of Burn that only has to answer any more is given up for a packed one: its matrices are
//! packed once, in the numbers of a [`WeightDtype`], for the kernels of [`clip_kernels`], and its
//! parameters are dropped as soon as they are packed. Packed modules own all they need and learn
//! nothing. They run on Flex; [`Packer::on`] says where.

mod conv_stem;
mod linear;
mod patch_embedding;
mod pooling;
mod tokens;
mod transformer;

use burn::backend::flex::FlexTensor;
use burn::backend::{DispatchDevice, Flex};
use burn::module::Param;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::{Device, Int, Tensor, TensorData};
use clip_kernels::gemm::WeightDtype;
use clip_kernels::residual::{self, Norm, PackedResidual, Sublayer};

pub use conv_stem::{BlockLayers, PackedConvStem};
pub use linear::PackedLinear;
pub use patch_embedding::PackedPatchEmbedding;
pub use pooling::{PackedQueryAttention, PackedResidualMlp};
pub use tokens::PackedTokens;
pub use transformer::PackedTransformer;

/// Packs modules for inference, in the numbers of one type.
#[derive(Debug, Clone, Copy)]
pub struct Packer {
    dtype: WeightDtype,
}

impl Packer {
    /// A packer for modules on that device; nothing where no kernels of ours are (on all but Flex),
    /// and where gradients are wanted.
    pub fn on(device: &Device, dtype: WeightDtype) -> Option<Self> {
        matches!(device.as_dispatch(), DispatchDevice::Flex(_)).then_some(Self { dtype })
    }

    /// A layer with weight `[inputs, outputs]`, which is dropped.
    fn layer(
        self,
        weight: Param<Tensor<2>>,
        bias: Option<Param<Tensor<1>>>,
    ) -> residual::PackedLinear {
        let [_, columns] = weight.lazy_shape().dims();
        residual::PackedLinear::new(&values(take(weight)), bias_or_zeros(bias, columns), self.dtype)
    }

    /// A residual branch of a block.
    fn branch(
        self,
        before: LayerNorm,
        epsilon: f64,
        input: Linear,
        sublayer: Sublayer,
        output: Linear,
    ) -> PackedResidual {
        PackedResidual {
            norm: norm(before, epsilon),
            input: self.layer(input.weight, input.bias),
            sublayer,
            output: self.layer(output.weight, output.bias),
        }
    }
}

fn norm(LayerNorm { gamma, beta, .. }: LayerNorm, epsilon: f64) -> Norm {
    let [width] = gamma.lazy_shape().dims();
    let (gamma, beta) = (values(take(gamma)), bias_or_zeros(beta, width));
    Norm { gamma, beta, epsilon: epsilon as f32 }
}

/// The value of a parameter, which is not kept beside it.
fn take<const D: usize>(parameter: Param<Tensor<D>>) -> Tensor<D> {
    let value = parameter.val();
    drop(parameter);
    value
}

fn bias_or_zeros(bias: Option<Param<Tensor<1>>>, columns: usize) -> Vec<f32> {
    bias.map_or_else(|| vec![0.0; columns], |bias| values(take(bias)))
}

/// The values of a tensor, row-major; not copied where nobody else has them.
fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec_as().expect("numbers become f32")
}

/// A tensor on Flex.
fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
    let data = TensorData::new(values, shape);
    Tensor::from_primitive::<Flex>(FlexTensor::from_data(data))
}

/// The place of a row in each sequence.
fn places(tokens: &Tensor<1, Int>) -> Vec<usize> {
    tokens.to_data().iter::<i64>().map(|at| at as usize).collect()
}
