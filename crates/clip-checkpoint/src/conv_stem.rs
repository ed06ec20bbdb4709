//! Convolutions between the pixels and the tokens of a vision tower.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A convolutional stem: pixels `[B, 3, S, S]` to a feature map `[B, C, M, M]`, whose positions become
/// the tokens of the tower (the hybrid of Dosovitskiy et al. 2020, arXiv:2010.11929, section 3.1).
///
/// A 3×3 convolution with stride 2, stages of inverted residual blocks (Sandler et al. 2018,
/// arXiv:1801.04381), and where there is a head, a 1×1 convolution. Each has a bias, into which a batch
/// norm was folded, and an activation, but for the projection of a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConvStem {
    /// Channels of the first convolution.
    pub channels: usize,
    /// The stages, in order.
    pub stages: Vec<ConvStage>,
    /// Channels of the last, 1×1 convolution, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_channels: Option<usize>,
    /// Nonlinearity of the convolutions.
    pub activation: ConvActivation,
    /// Where the zeros around a map are.
    pub padding: ConvPadding,
}

/// Inverted residual blocks of one width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConvStage {
    /// Number of blocks.
    pub blocks: usize,
    /// Channels that come out of each block.
    pub channels: usize,
    /// Channels inside a block for each that comes in; with 1 there is no expansion.
    pub expansion: usize,
    /// Side of the depthwise convolution; odd.
    pub kernel_size: usize,
    /// Stride of the first block, 1 or 2; that of the others is 1.
    pub stride: usize,
}

/// Nonlinearity of convolutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConvActivation {
    /// `min(max(x, 0), 6)`.
    Relu6,
}

/// Where the zeros around a map are that a convolution pads it with. A map of side `s` becomes one of
/// `⌈s / stride⌉` either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConvPadding {
    /// As many as are needed, the odd one at the right and bottom (TensorFlow's `SAME`).
    Same,
    /// Half a kernel on every side (PyTorch's `padding=k // 2`).
    Symmetric,
}

/// One inverted residual block, as it follows from its stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvertedResidual {
    /// Channels that come in.
    pub input: usize,
    /// Channels of the depthwise convolution: more than come in where there is an expansion.
    pub hidden: usize,
    /// Channels that come out.
    pub output: usize,
    /// Side of the depthwise convolution.
    pub kernel_size: usize,
    /// Stride of the depthwise convolution.
    pub stride: usize,
}

impl ConvStem {
    /// Stride of the first convolution.
    pub const FIRST_STRIDE: usize = 2;

    /// All blocks of all stages, in order.
    pub fn blocks(&self) -> impl Iterator<Item = InvertedResidual> {
        let mut input = self.channels;
        self.stages.iter().flat_map(move |stage| {
            let mut blocks = Vec::with_capacity(stage.blocks);
            for i in 0..stage.blocks {
                blocks.push(InvertedResidual {
                    input,
                    hidden: input * stage.expansion,
                    output: stage.channels,
                    kernel_size: stage.kernel_size,
                    stride: if i == 0 { stage.stride } else { 1 },
                });
                input = stage.channels;
            }
            blocks
        })
    }

    /// Channels of the feature map.
    pub fn output_channels(&self) -> usize {
        let last = self.stages.last().map_or(self.channels, |stage| stage.channels);
        self.head_channels.unwrap_or(last)
    }

    /// Pixels from one position of the feature map to the next.
    pub fn stride(&self) -> usize {
        self.stages.iter().fold(Self::FIRST_STRIDE, |stride, stage| stride * stage.stride)
    }

    /// Side of the feature map of images of that side.
    pub fn map_size(&self, image_size: usize) -> usize {
        let first = image_size.div_ceil(Self::FIRST_STRIDE);
        self.stages.iter().fold(first, |size, stage| size.div_ceil(stage.stride))
    }

    /// Checks that the sizes describe a stem that can be built.
    ///
    /// # Errors
    ///
    /// [`Error::BadConfig`] with one sentence on the first field that cannot be.
    pub fn validate(&self) -> Result<()> {
        let fail = |reason: String| Err(Error::BadConfig { reason });
        if self.channels == 0 || self.head_channels == Some(0) {
            return fail("a convolution of the stem has no channels".to_owned());
        }
        for (i, stage) in self.stages.iter().enumerate() {
            let ConvStage { blocks, channels, expansion, kernel_size, stride } = *stage;
            if blocks == 0 || channels == 0 || expansion == 0 {
                return fail(format!(
                    "stage {i} of the stem has no blocks, no channels or an expansion of 0"
                ));
            }
            if kernel_size.is_multiple_of(2) || !(1..=2).contains(&stride) {
                return fail(format!(
                    "stage {i} of the stem has a kernel of {kernel_size} and a stride of {stride}; kernels are odd, strides 1 or 2"
                ));
            }
        }
        Ok(())
    }
}

impl fmt::Display for ConvStem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (blocks, channels) = (self.blocks().count(), self.output_channels());
        write!(f, "{blocks} inverted residual blocks to {channels} channels")
    }
}

#[cfg(test)]
mod tests {
    use crate::presets::efficientnet_lite0;

    #[test]
    fn maps_are_as_large_as_convolutions_leave_them() {
        let stem = efficientnet_lite0();
        assert_eq!(stem.stride(), 32);
        // 260 → 130 → 65 → 33 → 17 → 9, the size that EfficientNet-Lite2 was trained with.
        for (image, map) in [(224, 7), (192, 6), (260, 9), (1, 1)] {
            assert_eq!(stem.map_size(image), map);
        }
    }

    #[test]
    fn stems_that_cannot_be_are_refused() {
        let check = |change: fn(&mut crate::ConvStem), expected: &str| {
            let mut stem = efficientnet_lite0();
            change(&mut stem);
            let error = stem.validate().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(|stem| stem.channels = 0, "has no channels");
        check(|stem| stem.stages[2].blocks = 0, "stage 2 of the stem has no blocks");
        check(|stem| stem.stages[1].kernel_size = 4, "a kernel of 4");
        check(|stem| stem.stages[1].stride = 3, "a stride of 3");
    }
}
