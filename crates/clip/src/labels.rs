//! Zero-shot labels.

use crate::{Embedder, Embedding, Error, Result};

/// The prompt that OpenAI recommends where nothing better is known (CLIP paper, section 3.1.4).
pub const DEFAULT_TEMPLATE: &str = "a photo of a {}";

/// Labels turned into vectors, ready for any number of pictures. Made by [`Embedder::classifier`].
#[derive(Debug, Clone)]
pub struct Classifier {
    labels: Vec<String>,
    vectors: Vec<Embedding>,
    logit_scale: f32,
}

impl Embedder {
    /// Encodes every label in every template and averages over the templates, as OpenAI's
    /// zero-shot notebook does: mean of unit vectors, normalized again.
    ///
    /// # Errors
    ///
    /// [`Error::NoLabels`], [`Error::BadTemplate`] for a template without `{}`, and whatever
    /// [`Embedder::texts`] fails with.
    pub fn classifier<L: AsRef<str>, T: AsRef<str>>(
        &self,
        labels: &[L],
        templates: &[T],
    ) -> Result<Classifier> {
        let templates: Vec<&str> = match templates {
            [] => vec![DEFAULT_TEMPLATE],
            some => some.iter().map(AsRef::as_ref).collect(),
        };
        if labels.is_empty() {
            return Err(Error::NoLabels);
        }
        if let Some(template) = templates.iter().find(|template| !template.contains("{}")) {
            return Err(Error::BadTemplate { template: (*template).to_owned() });
        }
        let prompts: Vec<String> = labels
            .iter()
            .flat_map(|label| {
                templates.iter().map(|template| template.replace("{}", label.as_ref()))
            })
            .collect();
        let vectors = self.texts(&prompts)?;
        let vectors = vectors
            .chunks(templates.len())
            .map(|ensemble| match ensemble {
                [single] => Ok(single.clone()),
                several => self.combine(&several.iter().map(|v| (1.0, v)).collect::<Vec<_>>()),
            })
            .collect::<Result<_>>()?;
        let labels = labels.iter().map(|label| label.as_ref().to_owned()).collect();
        Ok(Classifier { labels, vectors, logit_scale: self.logit_scale()? })
    }

    /// Probability of each label for a picture, in one call. For many pictures make a
    /// [`Classifier`] once.
    ///
    /// # Errors
    ///
    /// As [`Embedder::classifier`].
    pub fn classify<L: AsRef<str>>(
        &self,
        picture: &Embedding,
        labels: &[L],
    ) -> Result<Vec<(String, f32)>> {
        let classifier = self.classifier(labels, &[DEFAULT_TEMPLATE])?;
        let probabilities = classifier.probabilities(picture);
        Ok(classifier.labels.into_iter().zip(probabilities).collect())
    }
}

impl Classifier {
    /// The labels, in the order given.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Probability of each label, in the order of [`Classifier::labels`]: softmax over the cosine
    /// similarities times the model's logit scale.
    pub fn probabilities(&self, picture: &Embedding) -> Vec<f32> {
        let logits: Vec<f32> = self
            .vectors
            .iter()
            .map(|vector| self.logit_scale * picture.similarity(vector))
            .collect();
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f32> = logits.iter().map(|logit| (logit - highest).exp()).collect();
        let sum: f32 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / sum).collect()
    }
}
