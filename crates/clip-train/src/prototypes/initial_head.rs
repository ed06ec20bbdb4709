//! A hidden layer that starts as the classifier.
//!
//! With a layer norm before it, a unit is `GELU((logit − 5) / 2)` of its class: it speaks where the class
//! is there, and its output points to the texts of the class. So a general word is an OR over its
//! classes, which no matrix can be: rows of the breeds of a dog share hardly a direction.

use burn::tensor::{Tensor, TensorData};

use super::{Prototypes, VirtualFeatures};
use crate::features::Features;
use crate::parameters;
use crate::{Error, Learner, Result};

/// Images of which mean and deviation of the features are taken.
const IMAGES: usize = 4000;

/// Logit at which a unit is half way to speaking, and how much of a logit it hears.
const THRESHOLD: f32 = 5.0;
const SLOPE: f32 = 0.5;

/// The start of the parameters of the hidden layer, by the ends of their names.
#[derive(Debug)]
pub(crate) struct InitialHead {
    values: [(&'static str, Vec<f32>); 3],
}

impl InitialHead {
    /// `vectors` are those of all texts, by number. Puts the classifier behind a layer norm: of features with the mean `m` and the deviation `s`,
    /// `W x + b` is about `s W x̂ + (b + m Σ W)`.
    pub(crate) fn new(
        prototypes: &Prototypes,
        images: &VirtualFeatures,
        features: &Features,
        vectors: &[Vec<f32>],
    ) -> Self {
        let (width, classes) = (features.width(), prototypes.len());
        let (mut mean, mut deviation, mut count) = (0.0, 0.0, 0.0);
        for row in images.plain_rows().take(IMAGES) {
            let values = features.row(row, 0);
            let of_row = values.iter().sum::<f32>() / width as f32;
            let squares = values.iter().map(|value| (value - of_row).powi(2)).sum::<f32>();
            mean += of_row;
            deviation += (squares / width as f32).sqrt();
            count += 1.0f32;
        }
        let (mean, deviation) = (mean / count, deviation / count);
        let mut bias = prototypes.bias.clone();
        for row in prototypes.weight.chunks_exact(classes) {
            bias.iter_mut().zip(row).for_each(|(bias, weight)| *bias += weight * mean);
        }
        let bias = bias.into_iter().map(|bias| (bias - THRESHOLD) * SLOPE).collect();
        let weight = prototypes.weight.iter().map(|weight| weight * deviation * SLOPE).collect();
        let length = prototypes.config.initial_output as f32;
        let output = prototypes.classes.iter().flat_map(|class| {
            let mut direction = mean_of(&class.words, &vec![1.0; class.words.len()], vectors);
            if !class.hypernyms.is_empty() {
                let general = mean_of(&class.hypernyms, &class.weights, vectors);
                direction.iter_mut().zip(general).for_each(|(sum, value)| *sum += value);
            }
            unit(direction).into_iter().map(move |value| value * length)
        });
        Self {
            values: [
                ("visual_projection.mlp.c_fc.weight", weight),
                ("visual_projection.mlp.c_fc.bias", bias),
                ("visual_projection.mlp.c_proj.weight", output.collect()),
            ],
        }
    }

    /// Gives the hidden layer of the image projection its start.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] where there is none, or it is not as wide as there are classes.
    pub(crate) fn apply(mut self, learner: Learner) -> Result<Learner> {
        let shapes = parameters::shapes(&learner);
        let fits = |(name, values): &(&str, Vec<f32>)| {
            let shape =
                shapes.iter().find(|(path, _)| path.ends_with(name)).map(|(_, shape)| shape);
            shape.is_some_and(|shape| shape.iter().product::<usize>() == values.len())
        };
        if !self.values.iter().all(fits) {
            let classes = self.values[1].1.len();
            let reason = format!(
                "`prototypes.initial_output` starts a hidden layer of {classes} units, one a class: write `hidden = {classes}` in [model], or leave it out"
            );
            return Err(Error::Config { file: "[prototypes]".to_owned(), reason });
        }
        let mut take = |path: &str| {
            let mut all = self.values.iter_mut();
            all.find(|(name, _)| path.ends_with(*name)).map(|(_, values)| std::mem::take(values))
        };
        let is_started = |path: &str| path.contains("visual_projection.mlp.");
        Ok(parameters::update(learner, is_started, |about, value| match take(about.name) {
            Some(start) => {
                let length = start.len();
                Tensor::from_data(TensorData::new(start, [length]), &value.device())
            }
            None => value,
        }))
    }
}

/// A vector divided by its length; one of zeros stays.
fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    vector
}

/// The unit vector of a weighted sum of vectors of texts.
fn mean_of(texts: &[u32], weights: &[f64], vectors: &[Vec<f32>]) -> Vec<f32> {
    let mut sum: Vec<f32> = Vec::new();
    for (text, weight) in texts.iter().zip(weights) {
        let row = &vectors[*text as usize];
        sum.resize(row.len(), 0.0);
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += *weight as f32 * value);
    }
    unit(sum)
}
