//! A convolutional stem with packed weights.

use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use clip_kernels::conv::{self, Depthwise, PackedInvertedResidual, Padding, Pointwise};
use clip_kernels::gemm::WeightDtype;
use clip_kernels::ops::Activation;

use super::{Packer, bias_or_zeros, take, tensor, values};
use crate::fused::on_pool;

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

/// A 3×3 convolution with stride 2, inverted residual blocks and a 1×1 convolution, with ReLU6 between
/// them and packed weights. The first convolution and those of each channel alone are kept in `f32`, and
/// where others are quantized, so are the 1×1 convolutions of the first blocks.
#[derive(Debug)]
pub struct PackedConvStem(conv::PackedConvStem);

const ACTIVATION: Activation = Activation::Relu6;

/// 1×1 convolutions with fewer values than these are not quantized. They are the first ones: their rows are
/// short and many, so that quantizing them takes longer than the products then save, and all that follows
/// inherits their errors.
const SMALL: usize = 8192;

impl PackedConvStem {
    /// Packs the layers, which are dropped.
    pub fn new(
        first: Conv2d,
        blocks: Vec<BlockLayers>,
        head: Option<Linear>,
        padding: Padding,
        packer: Packer,
    ) -> Self {
        let pointwise = |Linear { weight, bias }: Linear| {
            let [rows, columns] = weight.lazy_shape().dims();
            let dtype = match packer.dtype {
                WeightDtype::Int8 if rows * columns < SMALL => WeightDtype::F32,
                dtype => dtype,
            };
            let bias = bias_or_zeros(bias, columns);
            Pointwise::new(&values(take(weight)), bias, dtype)
        };
        let convolution = |Conv2d { weight, bias, stride: [stride, _], .. }: Conv2d| {
            let [channels, _, size, _] = weight.lazy_shape().dims();
            (values(take(weight)), bias_or_zeros(bias, channels), [size, stride])
        };
        let block = |BlockLayers { expand, depthwise, project }| {
            let (weights, bias, sizes) = convolution(depthwise);
            PackedInvertedResidual::new(
                expand.map(pointwise),
                Depthwise::new(&weights, bias, sizes, padding, ACTIVATION),
                pointwise(project),
                ACTIVATION,
            )
        };
        let (weights, bias, _) = convolution(first);
        let blocks = blocks.into_iter().map(block).collect();
        let head = head.map(pointwise);
        Self(conv::PackedConvStem::new((&weights, bias), blocks, head, padding, ACTIVATION))
    }

    /// The feature map of each image.
    ///
    /// # Shapes
    ///
    /// - `pixels`: `[B, 3, H, W]`
    /// - output: `[B, H', W', C]`
    ///
    /// # Panics
    ///
    /// Where the images do not have three channels.
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<4> {
        let [batch, channels, height, width] = pixels.dims();
        assert_eq!(channels, 3, "channels of an image");
        let map = on_pool(|| self.0.forward(&values(pixels), [height, width]));
        let [rows, columns] = self.0.map_size([height, width]);
        tensor(map, [batch, rows, columns, self.0.channels()])
    }
}
