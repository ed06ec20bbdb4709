//! Nonlinearities of the MLPs.

use std::f64::consts::FRAC_1_SQRT_2;

use burn::config::Config;
use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, sigmoid};

/// Nonlinearity of an MLP.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x · sigmoid(1.702 x)`, the approximation OpenAI trained with.
    QuickGelu,
    /// The exact GELU, `x · Φ(x)` (Hendrycks and Gimpel 2016).
    Gelu,
}

impl Activation {
    /// Applies the function to every value.
    ///
    /// # Shapes
    ///
    /// - `x`, output: any
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::QuickGelu => x.clone() * sigmoid(x * 1.702),
            // Burn's gradient of `gelu` is that of the tanh approximation.
            Self::Gelu if x.is_autodiff() => x.clone() * ((x * FRAC_1_SQRT_2).erf() + 1.0) * 0.5,
            Self::Gelu => gelu(x),
        }
    }
}
