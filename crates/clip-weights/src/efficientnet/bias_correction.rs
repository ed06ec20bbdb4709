//! Biases that make up for what rounding does to weights (Nagel et al. 2019, arXiv:1906.04721, section 4.2).
//!
//! A weight that is off by `e` moves its output by `e` times the input. Behind a ReLU6 inputs are positive,
//! so that outputs are moved by their mean: that part is taken off the bias. The mean needs no image, for
//! what a batch norm gives has the mean β and the deviation γ over the images of its training.

use std::collections::BTreeMap;

use clip_checkpoint::ConvStem;

use super::Folding;
use crate::Result;

/// How far out a normal distribution is summed up, in deviations, and in what steps.
const RANGE: f64 = 6.0;
const STEP: f64 = 0.01;

/// The mean input of each channel, by the names of our layers.
pub(super) type InputMeans = BTreeMap<String, Vec<f64>>;

impl Folding<'_> {
    /// What goes into each layer on average, but for the first, whose weights are not rounded much.
    pub(super) fn input_means(&mut self, stem: &ConvStem) -> Result<InputMeans> {
        let mut means = InputMeans::new();
        let path = |layer: &str| format!("visual.conv_stem.{layer}");
        let mut map = self.relu6_means("_bn0")?;
        for (i, block) in stem.blocks().enumerate() {
            let entering = map.clone();
            let mut wide = map;
            if block.hidden != block.input {
                means.insert(path(&format!("blocks.{i}.expand")), wide);
                wide = self.relu6_means(&format!("_blocks.{i}._bn0"))?;
            }
            means.insert(path(&format!("blocks.{i}.depthwise")), wide);
            let mixed = self.relu6_means(&format!("_blocks.{i}._bn1"))?;
            means.insert(path(&format!("blocks.{i}.project")), mixed);
            map = self.norm(&format!("_blocks.{i}._bn2"), "bias")?;
            if block.stride == 1 && block.input == block.output {
                map.iter_mut().zip(entering).for_each(|(mean, x)| *mean += x);
            }
        }
        means.insert(path("head"), map);
        means.insert("classifier".to_owned(), self.relu6_means("_bn1")?);
        Ok(means)
    }

    /// What rounding a weight moves each output of its layer by, on average.
    pub(super) fn shifts(&mut self, weight: &str, means: &[f64]) -> Result<Vec<f64>> {
        let Some(spec) = self.specs.iter().find(|spec| spec.name == weight).cloned() else {
            return Ok(Vec::new());
        };
        let weights = self.fold(&spec)?;
        let rounded = spec.rounded(&weights, self.dtype);
        let (outputs, taps) = match spec.shape[..] {
            [_, outputs] => (outputs, 1),
            // Depthwise: an output has one input, some positions of it.
            _ => (means.len(), weights.len() / means.len()),
        };
        let mut shifts = vec![0.0; outputs];
        for (at, (weight, rounded)) in weights.iter().zip(&rounded).enumerate() {
            let (output, input) = match taps {
                1 => (at % outputs, at / outputs),
                _ => (at / taps, at / taps),
            };
            shifts[output] += (f64::from(*rounded) - f64::from(*weight)) * means[input];
        }
        Ok(shifts)
    }

    /// The mean of each channel of a batch norm, clamped between 0 and 6.
    fn relu6_means(&mut self, norm: &str) -> Result<Vec<f64>> {
        let (betas, gammas) = (self.norm(norm, "bias")?, self.norm(norm, "weight")?);
        let steps = (-RANGE / STEP) as i32..=(RANGE / STEP) as i32;
        let density: Vec<(f64, f64)> =
            steps.map(|step| f64::from(step) * STEP).map(|z| (z, (-z * z / 2.0).exp())).collect();
        let total: f64 = density.iter().map(|(_, density)| density).sum();
        let mean = |(beta, gamma): (f64, f64)| {
            let clamped = density.iter().map(|(z, p)| (beta + gamma * z).clamp(0.0, 6.0) * p);
            clamped.sum::<f64>() / total
        };
        Ok(betas.into_iter().zip(gammas).map(mean).collect())
    }
}
