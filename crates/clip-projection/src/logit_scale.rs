//! The learned temperature.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};

/// Configuration of [`LogitScale`].
#[derive(Config, Debug)]
pub struct LogitScaleConfig {
    /// Initial logarithm of the scale; the default is `ln(1 / 0.07)` (section 2.5 of the CLIP paper).
    #[config(default = "2.659_260_036_932_778")]
    pub log_scale: f64,
}

/// Inverse temperature by which cosines become logits, learned as its logarithm.
#[derive(Module, Debug)]
pub struct LogitScale {
    /// Logarithm of the scale: `[1]`.
    pub log_scale: Param<Tensor<1>>,
}

impl LogitScaleConfig {
    /// Builds the module.
    pub fn init(&self, device: &Device) -> LogitScale {
        LogitScale { log_scale: Initializer::Constant { value: self.log_scale }.init([1], device) }
    }
}

impl LogitScale {
    /// Logits from cosine similarities.
    ///
    /// # Shapes
    ///
    /// - `similarity`, output: `[N, M]`
    pub fn forward(&self, similarity: Tensor<2>) -> Tensor<2> {
        similarity * self.log_scale.val().exp().unsqueeze()
    }
}
