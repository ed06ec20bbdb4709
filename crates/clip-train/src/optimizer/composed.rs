//! One update, composed of tensor operations: any device.

use burn::tensor::Tensor;

use super::Update;

impl Update {
    /// Tensor by tensor: the formula that `fused.rs` computes in one pass.
    pub(super) fn composed(
        self,
        [value, gradient, first, second]: [Tensor<1>; 4],
    ) -> (Tensor<1>, [Tensor<1>; 2]) {
        let [beta_1, beta_2] = self.betas;
        let gradient = gradient * self.gradient;
        let first = first * beta_1 + gradient.clone() * (1.0 - beta_1);
        let second = second * beta_2 + gradient.clone() * gradient * (1.0 - beta_2);
        let root = second.clone().sqrt() * self.root + self.epsilon;
        (value * self.keep - first.clone() / root * self.step, [first, second])
    }
}
