//! Muon (Jordan et al. 2024, <https://kellerjordan.github.io/posts/muon/>): momentum, made
//! orthogonal, for the matrices inside the blocks.
//!
//! All directions of a matrix are learned at one pace, also those along which gradients are small.
//! A step has the size that AdamW's has, so learning rate and decay serve both (Liu et al. 2025,
//! arXiv:2502.16982, section 2.2).

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use clip_nn::Precision;

use crate::parameters;

/// Decay of the momentum.
const MOMENTUM: f64 = 0.95;

/// Root mean square of the entries of AdamW's steps.
const STEP: f64 = 0.2;

/// A matrix that takes a step.
#[derive(Debug)]
pub(super) struct Matrix {
    pub(super) gradient: Tensor<1>,
    pub(super) momentum: Tensor<1>,
    pub(super) shape: [usize; 2],
}

/// Where a matrix goes.
#[derive(Debug)]
pub(super) struct Step {
    direction: Tensor<1>,
    momentum: Tensor<1>,
    /// Length of the step at a rate of 1.
    size: f64,
}

impl Matrix {
    /// The steps of all of them.
    pub(super) fn steps(matrices: BTreeMap<String, Self>) -> BTreeMap<String, Step> {
        parameters::each(matrices, |matrix| &matrix.gradient, Self::step)
    }

    fn step(self) -> Step {
        let Self { gradient, momentum, shape } = self;
        let momentum = momentum * MOMENTUM + gradient.clone();
        // Nesterov's: as if the next gradient were this one.
        let ahead = gradient + momentum.clone() * MOMENTUM;
        let direction = orthogonal(ahead.reshape(shape)).reshape([shape[0] * shape[1]]);
        let size = STEP * (shape[0].max(shape[1]) as f64).sqrt();
        Step { direction, momentum, size }
    }
}

impl Step {
    /// The value after it, and the momentum.
    pub(super) fn take(self, value: Tensor<1>, rate: f64, decay: f64) -> [Tensor<1>; 2] {
        let moved = value * (1.0 - rate * decay) - self.direction * (rate * self.size);
        [moved, self.momentum]
    }
}

/// A matrix with the singular vectors of `matrix` and singular values near 1: five steps of a
/// Newton–Schulz iteration with the coefficients of the reference, in bf16 as there: it gives a
/// direction, and forgives its errors.
fn orthogonal(matrix: Tensor<2>) -> Tensor<2> {
    const STEPS: usize = 5;
    const COEFFICIENTS: [f64; 3] = [3.4445, -4.7750, 2.0315];
    let [rows, columns] = matrix.dims();
    let tall = rows > columns;
    let x = if tall { matrix.transpose() } else { matrix };
    let norm = x.clone().powi_scalar(2).sum().sqrt() + 1e-7;
    let [a, b, c] = COEFFICIENTS;
    let product = |a, b| Precision::Bf16.matmul(a, b);
    let x = (0..STEPS).fold(x / norm.unsqueeze(), |x, _| {
        let square = product(x.clone(), x.clone().transpose());
        let mixed = square.clone() * b + product(square.clone(), square) * c;
        x.clone() * a + product(mixed, x)
    });
    if tall { x.transpose() } else { x }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;

    /// The reference's singular values lie between about 0.7 and 1.2.
    #[test]
    fn steps_are_nearly_orthogonal() {
        for shape in [[24, 80], [80, 24], [32, 32]] {
            let device = Device::flex();
            let matrix = Tensor::<2>::random(shape, Distribution::Normal(0.0, 3.0), &device);
            let x = orthogonal(matrix);
            let x = if shape[0] > shape[1] { x.transpose() } else { x };
            let square = x.clone().matmul(x.transpose());
            let [rows, _] = square.dims();
            let values = square.into_data().try_to_vec::<f32>().unwrap();
            for (i, value) in values.into_iter().enumerate() {
                let expected = if i / rows == i % rows { 1.0 } else { 0.0 };
                // A square matrix has singular values near 0, which five steps do not lift.
                let bound = if shape[0] == shape[1] { 1.0 } else { 0.5 };
                assert!((value - expected).abs() < bound, "{shape:?} at {i}: {value}");
            }
        }
    }

    #[test]
    fn a_step_has_the_size_of_adamws() {
        let device = Device::flex();
        let gradient = Tensor::<1>::random([24 * 80], Distribution::Normal(0.0, 1.0), &device);
        let zeros = Tensor::<1>::zeros([24 * 80], &device);
        let matrix =
            Matrix { gradient: gradient.clone(), momentum: zeros.clone(), shape: [24, 80] };
        let [value, momentum] = matrix.step().take(zeros, 0.5, 0.1);
        let size = value.powi_scalar(2).mean().sqrt().into_scalar::<f32>();
        assert!((size / 0.5 - 0.2).abs() < 0.05, "{size}");
        let off = (momentum - gradient).abs().max().into_scalar::<f32>();
        assert!(off < 1e-6);
    }
}
