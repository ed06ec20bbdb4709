//! What stands between the embedding of patches and the blocks.

use burn::nn::LayerNorm;
use burn::tensor::Tensor;

use super::{Packer, norm, tensor, values};

/// Makes tokens of embedded patches: a class token and positions, where there are any, and a layer norm.
#[derive(Debug)]
pub struct PackedTokens(clip_kernels::PackedTokens);

impl PackedTokens {
    /// `positions` are of the class token, where there is one, and of each patch.
    pub fn new(
        class: Option<Tensor<1>>,
        positions: Option<Tensor<2>>,
        layer_norm: Option<(LayerNorm, f64)>,
        _: Packer,
    ) -> Self {
        let (class, positions) = (class.map(values), positions.map(values));
        let norm = layer_norm.map(|(of, epsilon)| norm(of, epsilon));
        Self(clip_kernels::PackedTokens { class, positions, norm })
    }

    /// Whether there is a class token.
    pub fn has_class(&self) -> bool {
        self.0.class.is_some()
    }

    /// Whether patches are tokens as they come.
    pub fn is_identity(&self) -> bool {
        let clip_kernels::PackedTokens { class, positions, norm, .. } = &self.0;
        class.is_none() && positions.is_none() && norm.is_none()
    }

    /// Before the layer norm.
    ///
    /// # Shapes
    ///
    /// - `patches`: `[B · K, W]`
    /// - output: `[B, L, W]`
    ///
    /// # Panics
    ///
    /// Where there are other patches than positions.
    pub fn place(&self, patches: Tensor<2>, batch: usize) -> Tensor<3> {
        let [_, width] = patches.dims();
        shape(self.0.place(&values(patches), batch, width), batch, width)
    }

    /// What enters the blocks.
    ///
    /// # Shapes
    ///
    /// - `patches`: `[B · K, W]`
    /// - output: `[B, L, W]`
    ///
    /// # Panics
    ///
    /// Where there are other patches than positions.
    pub fn enter(&self, patches: Tensor<2>, batch: usize) -> Tensor<3> {
        let [rows, width] = patches.dims();
        if self.is_identity() {
            return patches.reshape([batch, rows / batch, width]);
        }
        shape(self.0.enter(&values(patches), batch, width), batch, width)
    }
}

fn shape(tokens: Vec<f32>, batch: usize, width: usize) -> Tensor<3> {
    let length = tokens.len() / (batch * width);
    tensor(tokens, [batch, length, width])
}
