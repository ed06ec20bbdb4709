//! Zero-shot labels.

use clip_checkpoint::Probability;

use crate::{Embedder, Embedding, Error, Result};

/// The prompt that OpenAI recommends where nothing better is known (CLIP paper, section 3.1.4).
pub const DEFAULT_TEMPLATE: &str = "a photo of a {}";

/// Labels turned into vectors, ready for any number of pictures. Made by [`Embedder::classifier`].
#[derive(Debug, Clone)]
pub struct Classifier {
    labels: Vec<String>,
    vectors: Vec<Embedding>,
    logit_scale: f32,
    logit_bias: f32,
    probability: Probability,
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
        let vectors = self.texts(&prompts(labels, templates)?)?;
        self.classifier_from(labels, &vectors)
    }

    /// As [`Embedder::classifier`], of the vectors of [`prompts`] in their order, whoever made them.
    ///
    /// # Errors
    ///
    /// [`Error::NoLabels`], [`Error::NothingLeft`].
    pub fn classifier_from<L: AsRef<str>>(
        &self,
        labels: &[L],
        vectors: &[Embedding],
    ) -> Result<Classifier> {
        if labels.is_empty() {
            return Err(Error::NoLabels);
        }
        let vectors = vectors
            .chunks((vectors.len() / labels.len()).max(1))
            .map(|ensemble| match ensemble {
                [single] => Ok(single.clone()),
                several => self.combine(&several.iter().map(|v| (1.0, v)).collect::<Vec<_>>()),
            })
            .collect::<Result<_>>()?;
        let labels = labels.iter().map(|label| label.as_ref().to_owned()).collect();
        Ok(Classifier {
            labels,
            vectors,
            logit_scale: self.logit_scale()?,
            logit_bias: self.logit_bias()?,
            probability: self.card().config.probability,
        })
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

/// The texts that stand for labels: each label in each template, the templates of one label together.
///
/// # Errors
///
/// [`Error::NoLabels`], [`Error::BadTemplate`] for a template without `{}`.
pub fn prompts<L: AsRef<str>, T: AsRef<str>>(labels: &[L], templates: &[T]) -> Result<Vec<String>> {
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
    let fill = |label: &L| {
        let label = label.as_ref().to_owned();
        templates.iter().map(move |template| template.replace("{}", &label))
    };
    Ok(labels.iter().flat_map(fill).collect())
}

impl Classifier {
    /// The labels, in the order given.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The `top` likeliest labels of a picture with the probability of each, likeliest first.
    pub fn ranked(&self, picture: &Embedding, top: usize) -> Vec<(&str, f32)> {
        let labels = self.labels.iter().map(String::as_str);
        let mut ranked: Vec<_> = labels.zip(self.probabilities(picture)).collect();
        ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        ranked.truncate(top);
        ranked
    }

    /// Whether the probabilities of the labels add up to 1, or each stands for itself.
    pub fn probability(&self) -> Probability {
        self.probability
    }

    /// Probability of each label, in the order of [`Classifier::labels`], from the logits: cosine
    /// similarities times the model's scale, plus its bias. By softmax over the labels with CLIP;
    /// with SigLIP each label has its own, by the logistic function ([`Probability`]).
    pub fn probabilities(&self, picture: &Embedding) -> Vec<f32> {
        let logits: Vec<f32> = self
            .vectors
            .iter()
            .map(|vector| self.logit_scale * picture.similarity(vector) + self.logit_bias)
            .collect();
        match self.probability {
            Probability::Softmax => softmax(&logits),
            Probability::Sigmoid => {
                logits.iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect()
            }
        }
    }
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f32> = logits.iter().map(|logit| (logit - highest).exp()).collect();
    let sum: f32 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}
