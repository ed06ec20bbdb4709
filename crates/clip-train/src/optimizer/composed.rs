//! One update, composed of tensor operations: any device.

use burn::tensor::Tensor;

use super::Update;

impl Update {
    /// The new value and moments.
    #[cfg(not(feature = "flex"))]
    pub(super) fn apply(
        self,
        value: Tensor<1>,
        gradient: Tensor<1>,
        first: Tensor<1>,
        second: Tensor<1>,
    ) -> (Tensor<1>, [Tensor<1>; 2]) {
        self.composed(value, gradient, first, second)
    }

    /// Tensor by tensor: the formula that `fused.rs` computes in one pass.
    pub(super) fn composed(
        self,
        value: Tensor<1>,
        gradient: Tensor<1>,
        first: Tensor<1>,
        second: Tensor<1>,
    ) -> (Tensor<1>, [Tensor<1>; 2]) {
        let [beta_1, beta_2] = self.betas;
        let gradient = gradient * self.gradient;
        let first = first * beta_1 + gradient.clone() * (1.0 - beta_1);
        let second = second * beta_2 + gradient.clone() * gradient * (1.0 - beta_2);
        let root = second.clone().sqrt() * self.root + self.epsilon;
        (value * self.keep - first.clone() / root * self.step, [first, second])
    }
}
