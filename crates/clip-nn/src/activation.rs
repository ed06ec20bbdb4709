//! Nonlinearities of the MLPs.

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
            Self::Gelu => gelu(x),
        }
    }
}
