//! What a text tower that learns from vectors minimizes.

use burn::tensor::{Int, Tensor};
use clip_nn::Precision;
use serde::{Deserialize, Serialize};

/// The distillation loss: cross entropy over all of the teacher's vectors, and the distance to the own
/// one.
///
/// For the unit vector `v` of a text whose vector in the teacher is `t`, and the teacher's vectors
/// `t₁ .. t_N`:
///
/// ```text
/// L = −ln( exp(s v·t) / Σᵢ exp(s v·tᵢ) ) + c (1 − v·t)
/// ```
///
/// with `s` the [scale](Self::scale) and `c` the [weight](Self::cosine_weight); of a batch, the mean. The
/// first term is InfoNCE with every vector of the teacher among the negatives (instance discrimination,
/// Wu et al. 2018, arXiv:1805.01978), the second the cosine loss of learning from a teacher.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DistillLoss {
    /// Factor on the cosines in the cross entropy, the inverse of its temperature.
    pub scale: f64,
    /// Weight of `1 − cosine`.
    pub cosine_weight: f64,
}

impl Default for DistillLoss {
    fn default() -> Self {
        Self { scale: 30.0, cosine_weight: 9.0 }
    }
}

/// The loss of a batch and what its tower learns from it.
#[derive(Debug)]
pub(crate) struct LossAndSlope {
    /// The mean of the batch.
    pub(crate) loss: f32,
    /// The derivative of the loss by each vector, `[B, E]`.
    pub(crate) slope: Tensor<2>,
}

impl DistillLoss {
    /// The loss of a batch. As the teacher's vectors are constants, its derivative is had directly,
    /// with `p` the softmax of the logits:
    ///
    /// ```text
    /// ∂L/∂v = s (Σᵢ pᵢ tᵢ − t) − c t
    /// ```
    ///
    /// which saves the tape, and all but two passes over a matrix of the size of the logits.
    ///
    /// # Shapes
    ///
    /// - `vectors`: `[B, E]`, unit vectors off the tape
    /// - `teacher`: `[N, E]`, unit vectors
    /// - `targets`: `[B]`, which of the teacher's vectors is each row's own
    pub(crate) fn forward(
        self,
        vectors: Tensor<2>,
        teacher: &Tensor<2>,
        targets: Tensor<1, Int>,
        precision: Precision,
    ) -> LossAndSlope {
        let [batch, _] = vectors.dims();
        let own = teacher.clone().select(0, targets);
        let cosines = (vectors.clone() * own.clone()).sum_dim(1);
        let logits = precision.matmul(vectors * self.scale, teacher.clone().transpose());
        let highest = logits.clone().max_dim(1);
        let exponentials = (logits - highest.clone()).exp();
        let sums = exponentials.clone().sum_dim(1);
        let entropy = sums.clone().log() + highest - cosines.clone() * self.scale;
        let loss = entropy - cosines * self.cosine_weight + self.cosine_weight;
        let expected = precision.matmul(exponentials, teacher.clone()) / sums;
        let slope = expected * self.scale - own * (self.scale + self.cosine_weight);
        LossAndSlope { loss: loss.mean().into_scalar(), slope: slope / batch as f64 }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::activation::log_softmax;
    use burn::tensor::{Device, Distribution};

    use super::*;

    fn host(tensor: Tensor<2>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    fn unit(rows: usize, device: &Device) -> Tensor<2> {
        let random = Tensor::<2>::random([rows, 8], Distribution::Normal(0.0, 1.0), device);
        clip_model::normalize(random)
    }

    #[test]
    fn the_loss_is_that_of_a_loop_over_numbers() {
        let device = Device::flex();
        let (vectors, teacher) = (unit(3, &device), unit(11, &device));
        let (v, t) = (host(vectors.clone()), host(teacher.clone()));
        let loss = DistillLoss { scale: 12.0, cosine_weight: 5.0 };
        let targets = [4_usize, 0, 10];
        let dot = |row: usize, i: usize| -> f64 {
            (0..8).map(|k| f64::from(v[8 * row + k]) * f64::from(t[8 * i + k])).sum()
        };
        let mut expected = 0.0;
        for (row, target) in targets.into_iter().enumerate() {
            let sum: f64 = (0..11).map(|i| (12.0 * dot(row, i)).exp()).sum();
            let own = dot(row, target);
            expected += sum.ln() - 12.0 * own + 5.0 * (1.0 - own);
        }
        let found =
            loss.forward(vectors, &teacher, Tensor::from_ints([4, 0, 10], &device), Precision::F32);
        let off = (f64::from(found.loss) - expected / 3.0).abs();
        assert!(off < 1e-5, "{} and {}", found.loss, expected / 3.0);
    }

    /// Autodiff through the formula as it stands in the documentation.
    #[test]
    fn the_slope_is_the_derivative() {
        let device = Device::flex();
        let (vectors, teacher) = (unit(3, &device), unit(11, &device));
        let loss = DistillLoss { scale: 12.0, cosine_weight: 5.0 };
        let targets = || Tensor::<1, Int>::from_ints([4, 0, 10], &device);
        let found = loss.forward(vectors.clone(), &teacher, targets(), Precision::F32);

        let leaf = vectors.autodiff().require_grad();
        let constant = teacher.clone().autodiff();
        let own = teacher.select(0, targets()).autodiff();
        let cosines = (leaf.clone() * own).sum_dim(1);
        let logits = leaf.clone().matmul(constant.transpose()) * 12.0;
        let columns = targets().reshape([3, 1]).autodiff();
        let entropy = -log_softmax(logits, 1).gather(1, columns);
        let total = (entropy - cosines * 5.0 + 5.0).mean();
        let slope = leaf.grad_remove(&mut total.backward()).unwrap();
        for (found, expected) in host(found.slope).into_iter().zip(host(slope)) {
            assert!((found - expected).abs() < 1e-5, "{found} and {expected}");
        }
        let loss: f32 = total.into_scalar();
        assert!((found.loss - loss).abs() < 1e-5);
    }
}
