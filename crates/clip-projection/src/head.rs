//! The head of a tower.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::{Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::module::linear;
use burn::tensor::{Device, Tensor};
use clip_nn::{Activation, PackedLinear, Packer};

/// Configuration of [`Projection`].
#[derive(Config, Debug)]
pub struct ProjectionConfig {
    /// Width of the tower's features.
    pub width: usize,
    /// Width of the shared space.
    pub embed_dim: usize,
    /// Whether a bias is added: SigLIP's text head has one, CLIP's heads do not.
    #[config(default = false)]
    pub bias: bool,
    /// An MLP beside the matrix, behind a layer norm for both.
    pub mlp: Option<ProjectionMlpConfig>,
}

/// Configuration of [`ProjectionMlp`] and the layer norm before it.
#[derive(Config, Debug)]
pub struct ProjectionMlpConfig {
    /// Width of the hidden layer.
    pub hidden: usize,
    /// Nonlinearity of the hidden layer.
    #[config(default = "Activation::Gelu")]
    pub activation: Activation,
    /// Epsilon of the layer norm.
    #[config(default = 1e-5)]
    pub layer_norm_eps: f64,
}

/// From a tower's features to the shared space: a matrix, `W·x`, or a matrix and an MLP side by side,
/// `W·LN(x) + B·act(A·LN(x) + a)`, where the matrix is the residual path.
#[derive(Module, Debug)]
pub struct Projection {
    /// Before the matrix and the MLP, where there is one.
    pub ln: Option<LayerNorm>,
    /// `[W, E]`.
    pub weight: Param<Tensor<2>>,
    /// `[E]`.
    pub bias: Option<Param<Tensor<1>>>,
    /// What is added to the product with the matrix.
    pub mlp: Option<ProjectionMlp>,
}

/// An MLP from a tower's features to the shared space.
#[derive(Module, Debug)]
pub struct ProjectionMlp {
    /// `[W, hidden]`, with a bias.
    pub c_fc: Linear,
    /// `[hidden, E]`, without.
    pub c_proj: Linear,
    #[module(skip)]
    activation: Activation,
}

impl ProjectionConfig {
    /// Builds the head; its parameters are drawn when they are first used.
    pub fn init(&self, device: &Device) -> Projection {
        let (width, embed_dim) = (self.width, self.embed_dim);
        let ln = |mlp: &ProjectionMlpConfig| {
            LayerNormConfig::new(width).with_epsilon(mlp.layer_norm_eps).init(device)
        };
        let bias = || Initializer::Zeros.init([embed_dim], device);
        Projection {
            ln: self.mlp.as_ref().map(ln),
            weight: normal(width).init([width, embed_dim], device),
            bias: self.bias.then(bias),
            mlp: self.mlp.as_ref().map(|mlp| mlp.init([width, embed_dim], device)),
        }
    }
}

impl ProjectionMlpConfig {
    fn init(&self, [width, embed_dim]: [usize; 2], device: &Device) -> ProjectionMlp {
        let layer =
            |inputs, outputs| LinearConfig::new(inputs, outputs).with_initializer(normal(inputs));
        let mut c_fc = layer(width, self.hidden).init(device);
        c_fc.bias = Some(Initializer::Zeros.init([self.hidden], device));
        ProjectionMlp {
            c_fc,
            c_proj: layer(self.hidden, embed_dim).with_bias(false).init(device),
            activation: self.activation,
        }
    }
}

/// What comes out varies as much as what comes in.
fn normal(inputs: usize) -> Initializer {
    Initializer::Normal { mean: 0.0, std: (inputs as f64).powf(-0.5) }
}

impl Projection {
    /// Features in the shared space, not normalized.
    ///
    /// # Shapes
    ///
    /// - `features`: `[B, W]`
    /// - output: `[B, E]`
    ///
    /// # Panics
    ///
    /// Where `W` is not the configured width.
    pub fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        let features = enter(self.ln.as_ref(), features);
        let out = linear(features.clone(), self.weight.val(), self.bias.as_ref().map(Param::val));
        match &self.mlp {
            Some(mlp) => out + mlp.forward(features),
            None => out,
        }
    }

    /// Packs the matrices for inference.
    pub fn pack(self, packer: Packer) -> PackedProjection {
        PackedProjection {
            ln: self.ln,
            mlp: self.mlp.map(|mlp| mlp.pack(packer)),
            linear: PackedLinear::new(self.weight, self.bias, packer),
        }
    }
}

impl ProjectionMlp {
    fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        self.c_proj.forward(self.activation.forward(self.c_fc.forward(features)))
    }

    fn pack(self, packer: Packer) -> PackedProjectionMlp {
        let layer = |Linear { weight, bias }: Linear| PackedLinear::new(weight, bias, packer);
        PackedProjectionMlp {
            c_fc: layer(self.c_fc),
            c_proj: layer(self.c_proj),
            activation: self.activation,
        }
    }
}

/// A [`Projection`] with packed weights, for inference.
#[derive(Debug)]
pub struct PackedProjection {
    ln: Option<LayerNorm>,
    linear: PackedLinear,
    mlp: Option<PackedProjectionMlp>,
}

/// A [`ProjectionMlp`] with packed weights.
#[derive(Debug)]
struct PackedProjectionMlp {
    c_fc: PackedLinear,
    c_proj: PackedLinear,
    activation: Activation,
}

impl PackedProjection {
    /// As [`Projection::forward`].
    ///
    /// # Shapes
    ///
    /// - `features`: `[B, W]`
    /// - output: `[B, E]`
    ///
    /// # Panics
    ///
    /// Where `W` is not the configured width.
    pub fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        let features = enter(self.ln.as_ref(), features);
        let out = self.linear.forward(features.clone());
        match &self.mlp {
            Some(PackedProjectionMlp { c_fc, c_proj, activation }) => {
                out + c_proj.forward(activation.forward(c_fc.forward(features)))
            }
            None => out,
        }
    }
}

/// Features through the layer norm, where there is one.
fn enter(ln: Option<&LayerNorm>, features: Tensor<2>) -> Tensor<2> {
    match ln {
        Some(ln) => ln.forward(features),
        None => features,
    }
}
