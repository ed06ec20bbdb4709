//! AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) as PyTorch computes it, over parameters by
//! name: decay on matrices only, a factor on the learning rate of each parameter, gradients clipped
//! by their common norm on the way.

mod composed;
#[cfg(feature = "flex")]
mod fused;
mod muon;
mod rows;

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::parameters::{self, Named};

pub use rows::RowConfig;

/// Configuration of [`AdamW`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamWConfig {
    /// Decay rates of the two moments.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Decay of matrices a step, times the learning rate; gains, biases and single vectors have none.
    pub weight_decay: f64,
    /// Norm to which longer gradients are shortened; 0 leaves them as they are.
    pub clip_norm: f64,
    /// What moves the matrices inside the blocks: `muon` learns more from a step and takes a little
    /// longer for it. The rest is always AdamW's.
    pub matrices: Matrices,
    /// How the token embedding is moved, where not as everything else: by the rows that a batch touched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_embedding: Option<RowConfig>,
    /// Factor on the learning rate for each block below the last one of its tower, as in layer-wise
    /// fine-tuning; 1 treats all alike.
    pub layer_decay: f64,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self {
            betas: [0.9, 0.98],
            epsilon: 1e-6,
            weight_decay: 0.2,
            clip_norm: 1.0,
            matrices: Matrices::AdamW,
            token_embedding: None,
            layer_decay: 1.0,
        }
    }
}

/// What moves the matrices inside the blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Matrices {
    /// As everything else.
    AdamW,
    /// Momentum made orthogonal: see `optimizer/muon.rs`.
    Muon,
}

/// The optimizer and its moments.
#[derive(Debug, Clone)]
pub struct AdamW {
    config: AdamWConfig,
    /// Factor on the learning rate by name; 1 for the rest.
    factors: BTreeMap<String, f64>,
    moments: BTreeMap<String, [Tensor<1>; 2]>,
    steps: u64,
}

/// The numbers of one update.
#[derive(Debug, Clone, Copy)]
struct Update {
    /// Factor on the gradient.
    gradient: f32,
    betas: [f32; 2],
    /// `1 − rate · decay`.
    keep: f32,
    /// `rate / (1 − β₁ᵗ)`.
    step: f32,
    /// `1 / √(1 − β₂ᵗ)`.
    root: f32,
    epsilon: f32,
}

impl AdamW {
    /// An optimizer without moments. `factors` are those on the learning rate, by name.
    pub fn new(config: AdamWConfig, factors: BTreeMap<String, f64>) -> Self {
        Self { config, factors, moments: BTreeMap::new(), steps: 0 }
    }

    /// Number of steps taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Takes one step along the gradients; parameters without one stay. `norm` is that of all
    /// gradients together.
    pub fn step<M: Module>(&mut self, module: M, mut gradients: Named, norm: f32, rate: f64) -> M {
        self.steps += 1;
        let AdamWConfig {
            betas, epsilon, weight_decay, clip_norm, matrices, token_embedding, ..
        } = self.config.clone();
        // As `torch.nn.utils.clip_grad_norm_`.
        let clip = clip_norm / (f64::from(norm) + 1e-6);
        let gradient = if clip_norm > 0.0 { clip.min(1.0) } else { 1.0 };
        let power = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let mut steps = match matrices {
            Matrices::AdamW => BTreeMap::new(),
            Matrices::Muon => self.muon_steps(&module, &mut gradients),
        };
        let names: std::collections::BTreeSet<_> =
            gradients.keys().chain(steps.keys()).cloned().collect();
        let (moments, factors) = (&mut self.moments, &self.factors);
        parameters::update(
            module,
            |name| names.contains(name),
            |about, value| {
                let rate = rate * factors.get(about.name).copied().unwrap_or(1.0);
                let decay = if about.shape.len() >= 2 { weight_decay } else { 0.0 };
                if let Some(step) = steps.remove(about.name) {
                    let [value, momentum] = step.take(value, rate, decay);
                    // It has one moment only.
                    let none = Tensor::zeros([1], &value.device());
                    moments.insert(about.name.to_owned(), [momentum, none]);
                    return value;
                }
                let slope = gradients.remove(about.name).expect("a gradient of that name");
                let zeros = || Tensor::zeros(value.shape(), &value.device());
                let update = Update {
                    gradient: gradient as f32,
                    betas: betas.map(|beta| beta as f32),
                    keep: (1.0 - rate * decay) as f32,
                    step: (rate / (1.0 - betas[0].powi(power))) as f32,
                    root: (1.0 - betas[1].powi(power)).powf(-0.5) as f32,
                    epsilon: epsilon as f32,
                };
                let [first, second] =
                    moments.remove(about.name).unwrap_or_else(|| [zeros(), zeros()]);
                let tensors = [value, slope, first, second];
                let (value, moved) = match (&token_embedding, about.shape) {
                    (Some(rows), [_, width]) if about.name.ends_with("token_embedding.weight") => {
                        rows.apply(tensors, *width, rate)
                    }
                    _ => update.apply(tensors),
                };
                moments.insert(about.name.to_owned(), moved);
                value
            },
        )
    }

    /// The steps of the matrices inside the blocks, whose gradients and moments are taken away.
    fn muon_steps<M: Module>(
        &mut self,
        module: &M,
        gradients: &mut Named,
    ) -> BTreeMap<String, muon::Step> {
        let matrices = parameters::shapes(module).into_iter().filter_map(|(name, shape)| {
            let shape: [usize; 2] = shape.try_into().ok()?;
            let gradient = name.contains("resblocks").then(|| gradients.remove(&name))??;
            let momentum = match self.moments.remove(&name) {
                Some([momentum, _]) => momentum,
                None => gradient.zeros_like(),
            };
            Some((name, muon::Matrix { gradient, momentum, shape }))
        });
        muon::Matrix::steps(matrices.collect())
    }

    /// The moments by name, for saving.
    pub fn moments(&self) -> impl Iterator<Item = (&str, &[Tensor<1>; 2])> {
        self.moments.iter().map(|(name, moments)| (&**name, moments))
    }

    /// Continues from saved moments.
    #[must_use]
    pub fn restored(mut self, moments: BTreeMap<String, [Tensor<1>; 2]>, steps: u64) -> Self {
        self.moments = moments;
        self.steps = steps;
        self
    }
}

impl Update {
    /// The new value and moments, from the value, its gradient and the moments before.
    fn apply(self, tensors: [Tensor<1>; 4]) -> (Tensor<1>, [Tensor<1>; 2]) {
        #[cfg(feature = "flex")]
        if fused::fit(&tensors) {
            return self.fused(tensors);
        }
        self.composed(tensors)
    }
}
