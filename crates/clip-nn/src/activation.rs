//! Nonlinearities of the MLPs.

use std::f64::consts::FRAC_1_SQRT_2;

use burn::config::Config;
use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, sigmoid};
use clip_kernels::ops::{self, QUICK, TANH_CUBE, TANH_SCALE};

/// Nonlinearity of an MLP.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x · sigmoid(1.702 x)`, the approximation OpenAI trained with.
    QuickGelu,
    /// The exact GELU, `x · Φ(x)` (Hendrycks and Gimpel 2016).
    Gelu,
    /// The same paper's approximation of it by `tanh`, which SigLIP was trained with.
    GeluTanh,
}

impl Activation {
    /// Applies the function to every value.
    ///
    /// # Shapes
    ///
    /// - `x`, output: any
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::QuickGelu => x.clone() * sigmoid(x * QUICK),
            // Burn's gradient of `gelu` is that of the tanh approximation.
            Self::Gelu if x.is_autodiff() => x.clone() * ((x * FRAC_1_SQRT_2).erf() + 1.0) * 0.5,
            Self::Gelu => gelu(x),
            // `(1 + tanh(u)) / 2` is `sigmoid(2u)`.
            Self::GeluTanh => {
                let level =
                    (x.clone() + x.clone() * x.clone() * x.clone() * TANH_CUBE) * TANH_SCALE;
                x * sigmoid(level)
            }
        }
    }
}

impl From<Activation> for ops::Activation {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::QuickGelu => Self::QuickGelu,
            Activation::Gelu => Self::Gelu,
            Activation::GeluTanh => Self::GeluTanh,
        }
    }
}
