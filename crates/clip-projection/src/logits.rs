//! From cosines to logits: the learned temperature, and the bias of the sigmoid.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};

/// Configuration of [`Logits`].
#[derive(Config, Debug)]
pub struct LogitsConfig {
    /// Initial logarithm of the scale; the default is `ln(1 / 0.07)` (section 2.5 of the CLIP paper).
    #[config(default = "2.659_260_036_932_778")]
    pub log_scale: f64,
    /// Initial bias, where there is one: −10 in section 3.2 of the SigLIP paper (arXiv:2303.15343).
    pub bias: Option<f64>,
}

/// What turns cosines into logits. Those of CLIP are read by softmax, so that a bias would change
/// nothing; those of SigLIP one by one, by the logistic function.
#[derive(Module, Debug)]
pub struct Logits {
    /// Logarithm of the inverse temperature: `[1]`.
    pub log_scale: Param<Tensor<1>>,
    /// Added after the scale: `[1]`.
    pub bias: Option<Param<Tensor<1>>>,
}

impl LogitsConfig {
    /// Builds the module.
    pub fn init(&self, device: &Device) -> Logits {
        let constant = |value| Initializer::Constant { value }.init([1], device);
        Logits { log_scale: constant(self.log_scale), bias: self.bias.map(constant) }
    }
}

impl Logits {
    /// Logits from cosine similarities.
    ///
    /// # Shapes
    ///
    /// - `similarity`, output: `[N, M]`
    pub fn forward(&self, similarity: Tensor<2>) -> Tensor<2> {
        let logits = similarity * self.log_scale.val().exp().unsqueeze();
        match &self.bias {
            Some(bias) => logits + bias.val().unsqueeze(),
            None => logits,
        }
    }
}
