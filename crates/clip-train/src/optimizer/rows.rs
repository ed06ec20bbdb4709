//! Adam (Kingma and Ba 2015, arXiv:1412.6980) on the rows of a table that a batch touched: those of other
//! rows neither move nor let their moments fade, so that a rare token learns from each of its few steps as
//! much as a frequent one. Without the correction of the first steps, which each row would take at another
//! time.

use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::parameters::host;

const EPSILON: f32 = 1e-8;

/// How the rows of a table are moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RowConfig {
    /// Factor on the learning rate.
    pub rate_factor: f64,
    /// Decay rates of the two moments.
    pub betas: [f64; 2],
}

impl Default for RowConfig {
    fn default() -> Self {
        Self { rate_factor: 1.0, betas: [0.8, 0.95] }
    }
}

/// Moves one row.
fn step(
    values: &mut [f32],
    [first, second]: [&mut [f32]; 2],
    gradients: &[f32],
    rate: f32,
    [beta_1, beta_2]: [f32; 2],
) {
    let moments = first.iter_mut().zip(second);
    for ((value, (first, second)), gradient) in values.iter_mut().zip(moments).zip(gradients) {
        *first = *first * beta_1 + gradient * (1.0 - beta_1);
        *second = *second * beta_2 + gradient * gradient * (1.0 - beta_2);
        *value -= rate * *first / (second.sqrt() + EPSILON);
    }
}

impl RowConfig {
    /// The new table and moments, from the table `[N, width]`, its gradient and the moments before. A row
    /// that was not touched has a gradient of zeros.
    pub(super) fn apply(
        &self,
        tensors: [Tensor<1>; 4],
        width: usize,
        rate: f64,
    ) -> (Tensor<1>, [Tensor<1>; 2]) {
        let device = tensors[0].device();
        let [mut values, gradients, mut first, mut second] = tensors.map(host);
        let (rate, betas) = ((rate * self.rate_factor) as f32, self.betas.map(|beta| beta as f32));
        let rows = values.chunks_exact_mut(width).zip(gradients.chunks_exact(width));
        let moments = first.chunks_exact_mut(width).zip(second.chunks_exact_mut(width));
        for ((values, gradients), (first, second)) in rows.zip(moments) {
            if gradients.iter().any(|gradient| *gradient != 0.0) {
                step(values, [first, second], gradients, rate, betas);
            }
        }
        let tensor = |values: Vec<f32>| {
            let length = values.len();
            Tensor::from_data(TensorData::new(values, [length]), &device)
        };
        (tensor(values), [tensor(first), tensor(second)])
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn rows_without_a_gradient_stay_and_keep_their_moments() {
        let tensor = |values: [f32; 4]| Tensor::<1>::from_floats(values, &Device::flex());
        let config = RowConfig { rate_factor: 2.0, betas: [0.8, 0.95] };
        let before = [
            tensor([1.0, 2.0, 3.0, 4.0]),
            tensor([0.0, 0.0, 0.5, 0.0]),
            tensor([0.1, 0.1, 0.0, 0.0]),
            tensor([0.2, 0.2, 0.0, 0.0]),
        ];
        let (values, moments) = config.apply(before, 2, 0.01);
        let step = 0.02 * 0.1 / 0.0125f32.sqrt();
        clip_testkit::assert_close("values", &host(values), &[1.0, 2.0, 3.0 - step, 4.0], 1e-6);
        let [first, second] = moments.map(host);
        clip_testkit::assert_close("first", &first, &[0.1, 0.1, 0.1, 0.0], 1e-7);
        clip_testkit::assert_close("second", &second, &[0.2, 0.2, 0.0125, 0.0], 1e-7);
    }
}
