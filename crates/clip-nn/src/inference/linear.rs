//! A linear layer with a packed weight.

use burn::module::Param;
use burn::tensor::Tensor;
use clip_kernels::{MatrixView, residual};

use super::{Packer, tensor, values};

/// A linear layer with a packed weight, for rows that answers are read from: where it is quantized,
/// they keep a few bits more than others.
#[derive(Debug)]
pub struct PackedLinear(residual::PackedLinear);

impl PackedLinear {
    /// Packs a weight `[inputs, outputs]`, which is dropped.
    pub fn new(weight: Param<Tensor<2>>, bias: Option<Param<Tensor<1>>>, packer: Packer) -> Self {
        Self(packer.layer(weight, bias))
    }

    /// # Shapes
    ///
    /// - `x`: `[B, inputs]`
    /// - output: `[B, outputs]`
    ///
    /// # Panics
    ///
    /// Where `x` has rows of another width.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let [rows, width] = x.dims();
        tensor(self.0.forward(MatrixView::new(&values(x), width)), [rows, self.0.outputs()])
    }
}
