//! The embedding of patches with a packed weight.

use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;

use super::{Packer, bias_or_zeros, take, tensor, values};
use crate::Pixels;

/// The embedding of patches with a packed weight. In [`crate::WeightDtype::Int8`] images are taken back to
/// the levels that they were made of, which loses nothing, and the weight is quantized to 16 bits;
/// patches that hold other values than levels are rounded to 8 bits.
#[derive(Debug)]
pub struct PackedPatchEmbedding {
    packed: clip_kernels::PackedPatchEmbedding,
    width: usize,
    side: usize,
}

impl PackedPatchEmbedding {
    /// Packs a convolution whose stride is its size, `[W, 3, P, P]`, over pixels as `pixels` describes
    /// them.
    pub fn new(convolution: Conv2d, pixels: &Pixels, packer: Packer) -> Self {
        let Conv2d { weight, bias, .. } = convolution;
        let [width, channels, side, columns] = weight.lazy_shape().dims();
        let bias = bias_or_zeros(bias, width);
        let matrix = take(weight).reshape([width, channels * side * columns]).transpose();
        let packed =
            clip_kernels::PackedPatchEmbedding::new(&values(matrix), bias, packer.dtype, pixels);
        Self { packed, width, side }
    }

    /// One row a patch, those of an image from left to right and from top to bottom.
    ///
    /// # Shapes
    ///
    /// - `pixels`: `[B, 3, H, W]`
    /// - output: `[B · N, W]`
    ///
    /// # Panics
    ///
    /// Where the images do not have three channels.
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        let [batch, channels, height, width] = pixels.dims();
        assert_eq!(channels, 3, "channels of an image");
        let patches = batch * (height / self.side) * (width / self.side);
        let rows = self.packed.forward(&values(pixels), [height, width], self.side);
        tensor(rows, [patches, self.width])
    }
}
