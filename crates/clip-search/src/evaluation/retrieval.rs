//! How often a text finds its images, and an image its texts.

use std::collections::HashSet;

use clip::Embedder;
use clip_data::Dataset;
use clip_eval::{Bootstrap, Labeled, Matrix, Report, Subject, Templates};

use super::images::{EncodedImages, LabeledImages};
use super::{Evaluation, EvaluationData, EvaluationError as Error, Prompts, Score, prompts};
use crate::{Observer, Result};

/// The ranks at which recall is reported.
pub const RANKS: [usize; 3] = [1, 5, 10];

/// How often a text finds its images, and an image its texts.
#[derive(Debug, Default, Clone)]
pub struct Retrieval {
    /// What is measured.
    pub data: EvaluationData,
    /// Whether each image's captions ask, and it alone is right; so it is, too, where the data has no
    /// names.
    pub captions: bool,
    /// The sentences around a name.
    pub prompts: Prompts,
}

impl Retrieval {
    /// Measures a model.
    ///
    /// # Errors
    ///
    /// [`Error::Evaluation`](crate::Error::Evaluation) for data that says nothing of a model,
    /// [`Error::Clip`](crate::Error::Clip), [`Error::Cancelled`](crate::Error::Cancelled).
    pub fn run(&self, embedder: &Embedder, observer: &mut dyn Observer) -> Result<Evaluation> {
        let dataset = super::open(&self.data.paths, observer)?;
        let named = dataset.samples().iter().any(|sample| sample.has_concept());
        let by_caption = self.captions || (!named && self.data.labels.is_none());
        // A caption is a sentence already.
        let as_it_is = ["{}".to_owned()];
        let beside = if by_caption { Some(&as_it_is[..]) } else { dataset.templates() };
        let templates = prompts::templates(&self.prompts, beside, "picture")?;
        let labeled = match by_caption {
            true => by_caption_of(&dataset)?,
            false => LabeledImages::new(&dataset, self.data.labels.as_deref(), observer)?,
        };
        super::numeric_names(&labeled.names).into_iter().for_each(|it| observer.warning(it));

        let images = EncodedImages::encode(embedder, &dataset, &labeled.rows, observer)?;
        let texts = match by_caption {
            true => Texts::captions(embedder, &dataset, &images, &templates, observer)?,
            false => Texts::names(embedder, &labeled.names, &images, &templates, observer)?,
        };
        let subject = super::subject(embedder, &self.data);
        let score = |images: &EncodedImages| Ok(texts.score(subject.clone(), images)?);
        let (all, groups) = super::score(&images, &labeled.groups, score)?;
        let templates = templates.as_slice().to_vec();
        Ok(Evaluation { subject, templates, probe: None, all, groups })
    }
}

/// Each image that has captions answers those alone.
fn by_caption_of(dataset: &Dataset) -> Result<LabeledImages, Error> {
    let has_caption = |sample| dataset.sample(sample).single_captions().next().map(|_| sample);
    let labeled = LabeledImages::by_number((0..dataset.len()).map(has_caption), Vec::new());
    if labeled.rows.is_empty() {
        return Err(Error::NoCaptions);
    }
    Ok(labeled)
}

/// Encoded texts with the label that answers each.
struct Texts {
    values: Vec<f32>,
    labels: Vec<usize>,
    width: usize,
}

impl Texts {
    /// One for each name that an image shows.
    fn names(
        embedder: &Embedder,
        names: &[String],
        images: &EncodedImages,
        templates: &Templates,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let mut labels = images.labels();
        labels.sort_unstable();
        labels.dedup();
        let names: Vec<String> = labels.iter().map(|&label| names[label].clone()).collect();
        Self::encode(embedder, &names, labels, templates, observer)
    }

    /// One for each caption.
    fn captions(
        embedder: &Embedder,
        dataset: &Dataset,
        images: &EncodedImages,
        templates: &Templates,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let (mut captions, mut labels) = (Vec::new(), Vec::new());
        for row in &images.rows {
            for caption in dataset.sample(row.sample).single_captions() {
                captions.push(caption.to_owned());
                labels.push(row.label);
            }
        }
        Self::encode(embedder, &captions, labels, templates, observer)
    }

    fn encode(
        embedder: &Embedder,
        texts: &[String],
        labels: Vec<usize>,
        templates: &Templates,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let values = prompts::encode(embedder, texts, templates, observer)?;
        Ok(Self { values, labels, width: embedder.card().config.embed_dim })
    }

    /// Recall among `images`, of the texts that one of them answers.
    fn score(&self, subject: Subject, images: &EncodedImages) -> Result<Score, Error> {
        let shown: HashSet<usize> = images.rows.iter().map(|row| row.label).collect();
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        for (vector, label) in self.values.chunks_exact(self.width).zip(&self.labels) {
            if shown.contains(label) {
                values.extend_from_slice(vector);
                labels.push(*label);
            }
        }
        let texts =
            Labeled::new(Matrix::new("texts", &values, labels.len(), self.width)?, &labels)?;
        let answers = images.labels();
        let retrieval =
            clip_eval::Retrieval::new(&texts, &Labeled::new(images.matrix()?, &answers)?)?;
        let report = Report::retrieval(subject, &retrieval, &RANKS, &Bootstrap::default())?;
        let (images, texts) = (answers.len(), labels.len());
        Ok(Score { images, texts, report, answers: None })
    }
}
