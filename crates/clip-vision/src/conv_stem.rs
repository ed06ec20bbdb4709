//! Convolutions that make a feature map of the pixels.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::module::conv2d;
use burn::tensor::ops::{ConvOptions, PadMode};
use burn::tensor::{Device, Tensor, assert_shape};
use clip_nn::Padding;

/// Configuration of [`ConvStem`].
#[derive(Config, Debug)]
pub struct ConvStemConfig {
    /// Channels of the first convolution.
    pub channels: usize,
    /// The stages, in order.
    pub stages: Vec<ConvStageConfig>,
    /// Channels of the last, 1×1 convolution, where there is one.
    pub head_channels: Option<usize>,
    /// Nonlinearity of the convolutions.
    #[config(default = "ConvActivation::Relu6")]
    pub activation: ConvActivation,
    /// Where the zeros around a map are.
    #[config(default = "ConvPadding::Same")]
    pub padding: ConvPadding,
}

/// Inverted residual blocks of one width.
#[derive(Config, Debug, Copy)]
pub struct ConvStageConfig {
    /// Number of blocks.
    pub blocks: usize,
    /// Channels that come out of each block.
    pub channels: usize,
    /// Channels inside a block for each that comes in; with 1 there is no expansion.
    pub expansion: usize,
    /// Side of the depthwise convolution; odd.
    pub kernel_size: usize,
    /// Stride of the first block; that of the others is 1.
    pub stride: usize,
}

/// Nonlinearity of convolutions.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum ConvActivation {
    /// `min(max(x, 0), 6)`.
    Relu6,
}

/// Where the zeros around a map are.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum ConvPadding {
    /// As many as are needed, the odd one at the right and bottom (TensorFlow's `SAME`).
    Same,
    /// Half a kernel on every side (PyTorch's `padding=k // 2`).
    Symmetric,
}

impl From<ConvPadding> for Padding {
    fn from(padding: ConvPadding) -> Self {
        match padding {
            ConvPadding::Same => Self::Same,
            ConvPadding::Symmetric => Self::Symmetric,
        }
    }
}

impl ConvActivation {
    fn forward(self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Relu6 => x.clamp(0.0, 6.0),
        }
    }
}

/// A convolutional stem: a 3×3 convolution with stride 2, inverted residual blocks, and where there is
/// a head, a 1×1 convolution. Batch norms are folded into weights and biases.
#[derive(Module, Debug)]
pub struct ConvStem {
    /// The first convolution: `[C, 3, 3, 3]`.
    pub conv: Conv2d,
    /// The blocks of all stages, in order.
    pub blocks: Vec<InvertedResidual>,
    /// The last, 1×1 convolution: `[C, head]`.
    pub head: Option<Linear>,
    #[module(skip)]
    pub(crate) activation: ConvActivation,
    #[module(skip)]
    pub(crate) padding: ConvPadding,
}

/// An inverted residual block (Sandler et al. 2018, arXiv:1801.04381): a 1×1 convolution to more
/// channels, one for each of those channels alone, and a 1×1 convolution back to few, without an
/// activation. What comes in is added where it has the shape of what comes out.
#[derive(Module, Debug)]
pub struct InvertedResidual {
    /// To more channels: `[C, hidden]`. Kept as a matrix, which is what a 1×1 convolution is.
    pub expand: Option<Linear>,
    /// Of each channel alone: `[hidden, 1, k, k]`.
    pub depthwise: Conv2d,
    /// To the channels that come out: `[hidden, C']`.
    pub project: Linear,
    #[module(skip)]
    pub(crate) activation: ConvActivation,
    #[module(skip)]
    pub(crate) padding: ConvPadding,
}

impl ConvStemConfig {
    /// Builds the stem; parameters are drawn when they are first used.
    ///
    /// # Panics
    ///
    /// Where a size is 0.
    pub fn init(&self, device: &Device) -> ConvStem {
        let (activation, padding) = (self.activation, self.padding);
        let mut input = self.channels;
        let mut blocks = Vec::new();
        for stage in &self.stages {
            for i in 0..stage.blocks {
                let hidden = input * stage.expansion;
                blocks.push(InvertedResidual {
                    expand: (stage.expansion > 1).then(|| pointwise(input, hidden, device)),
                    depthwise: convolution(
                        [hidden, hidden],
                        stage.kernel_size,
                        if i == 0 { stage.stride } else { 1 },
                        hidden,
                        device,
                    ),
                    project: pointwise(hidden, stage.channels, device),
                    activation,
                    padding,
                });
                input = stage.channels;
            }
        }
        ConvStem {
            conv: convolution([3, self.channels], 3, 2, 1, device),
            blocks,
            head: self.head_channels.map(|channels| pointwise(input, channels, device)),
            activation,
            padding,
        }
    }

    /// Channels of the feature map.
    pub fn output_channels(&self) -> usize {
        let last = self.stages.last().map_or(self.channels, |stage| stage.channels);
        self.head_channels.unwrap_or(last)
    }

    /// Pixels from one position of the feature map to the next.
    pub fn stride(&self) -> usize {
        self.stages.iter().fold(2, |stride, stage| stride * stage.stride)
    }

    /// Side of the feature map of images of that side.
    pub fn map_size(&self, image_size: usize) -> usize {
        let first = image_size.div_ceil(2);
        self.stages.iter().fold(first, |size, stage| size.div_ceil(stage.stride))
    }
}

/// He et al. 2015 (arXiv:1502.01852): what comes out varies as much as what comes in.
fn initializer() -> Initializer {
    Initializer::KaimingNormal { gain: std::f64::consts::SQRT_2, fan_out_only: false }
}

fn pointwise(input: usize, output: usize, device: &Device) -> Linear {
    LinearConfig::new(input, output).with_initializer(initializer()).init(device)
}

fn convolution(
    channels: [usize; 2],
    size: usize,
    stride: usize,
    groups: usize,
    device: &Device,
) -> Conv2d {
    // Padding depends on the size of the map: `pad` does it.
    Conv2dConfig::new(channels, [size, size])
        .with_stride([stride, stride])
        .with_groups(groups)
        .with_initializer(initializer())
        .init(device)
}

impl ConvStem {
    /// The feature map of each image.
    ///
    /// # Shapes
    ///
    /// - `pixels`: `[B, 3, H, W]`, normalized
    /// - output: `[B, C, ⌈H / stride⌉, ⌈W / stride⌉]`
    ///
    /// # Panics
    ///
    /// Where the images do not have three channels.
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<4> {
        let first = self.enter(pixels);
        let map = self.blocks.iter().fold(first, |map, block| block.forward(map));
        self.leave(map)
    }

    /// What the first convolution makes of pixels, for the first block.
    ///
    /// # Shapes
    ///
    /// - `pixels`: `[B, 3, H, W]`
    /// - output: `[B, C, ⌈H / 2⌉, ⌈W / 2⌉]`
    ///
    /// # Panics
    ///
    /// Where the images do not have three channels.
    pub fn enter(&self, pixels: Tensor<4>) -> Tensor<4> {
        assert_shape!(pixels, [_, 3, _, _]);
        self.activation.forward(self.conv.forward(pad(pixels, &self.conv, self.padding)))
    }

    /// What the head makes of the last block's map; where there is none, the same.
    ///
    /// # Shapes
    ///
    /// - `map`: `[B, C, H, W]`
    /// - output: `[B, C', H, W]`
    pub fn leave(&self, map: Tensor<4>) -> Tensor<4> {
        match &self.head {
            Some(head) => self.activation.forward(one_by_one(map, head)),
            None => map,
        }
    }
}

impl InvertedResidual {
    /// # Shapes
    ///
    /// - `map`: `[B, C, H, W]`
    /// - output: `[B, C', ⌈H / stride⌉, ⌈W / stride⌉]`
    ///
    /// # Panics
    ///
    /// Where `C` is not the configured number of channels.
    pub fn forward(&self, map: Tensor<4>) -> Tensor<4> {
        let hidden = match &self.expand {
            Some(expand) => self.activation.forward(one_by_one(map.clone(), expand)),
            None => map.clone(),
        };
        let hidden = self.depthwise.forward(pad(hidden, &self.depthwise, self.padding));
        let out = one_by_one(self.activation.forward(hidden), &self.project);
        if out.dims() == map.dims() { out + map } else { out }
    }
}

/// A map with the zeros around it that a convolution wants.
fn pad(map: Tensor<4>, convolution: &Conv2d, padding: ConvPadding) -> Tensor<4> {
    let [_, _, height, width] = map.dims();
    let ([size, _], [stride, _]) = (convolution.kernel_size, convolution.stride);
    let around = |length| Padding::from(padding).around(length, size, stride);
    let (rows, columns) = (around(height), around(width));
    if (rows, columns) == ((0, 0), (0, 0)) {
        return map;
    }
    map.pad([rows, columns], PadMode::Constant(0.0))
}

/// A linear layer at every position of a map.
fn one_by_one(map: Tensor<4>, layer: &Linear) -> Tensor<4> {
    let [inputs, outputs] = layer.weight.dims();
    let weight = layer.weight.val().transpose().reshape([outputs, inputs, 1, 1]);
    let bias = layer.bias.as_ref().map(Param::val);
    conv2d(map, weight, bias, ConvOptions::new([1, 1], [0, 0], [1, 1], 1))
}
