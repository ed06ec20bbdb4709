//! `clip-cli eval retrieval`.

use std::collections::HashSet;

use anyhow::{Result, bail};
use clip::Embedder;
use clip_data::Dataset;
use clip_eval::{Bootstrap, Labeled, Matrix, Report, Retrieval, Subject, Templates};

use super::args::RetrievalArgs;
use super::pictures::{Labeling, Pictures};
use super::results::{Measure, Results, subject};
use super::texts;
use crate::report::Skipped;
use crate::{commands, model};

/// The ranks at which recall is reported.
pub(super) const RANKS: [usize; 3] = [1, 5, 10];

pub(super) fn run(args: &RetrievalArgs, skipped: &mut Skipped) -> Result<()> {
    args.results.check()?;
    let dataset = super::open(&args.data.data)?;
    let named = dataset.samples().iter().any(|sample| sample.has_concept());
    let by_caption = args.captions || (!named && args.data.labels.is_none());
    // A caption is a sentence already.
    let as_it_is = ["{}".to_owned()];
    let beside = if by_caption { Some(&as_it_is[..]) } else { dataset.templates() };
    let templates = texts::templates(&args.prompts, beside, "picture")?;
    let labeling = match by_caption {
        true => by_caption_of(&dataset)?,
        false => Labeling::new(&dataset, args.data.labels.as_deref())?,
    };
    commands::warn_of_numbers(&labeling.names);

    let embedder = model::embedder(&args.model, commands::overflow(args.prompts.truncate))?;
    let pictures = Pictures::encode(&embedder, &dataset, &labeling.rows, skipped)?;
    let asking = match by_caption {
        true => Texts::captions(&embedder, &dataset, &pictures, &templates)?,
        false => Texts::names(&embedder, &labeling.names, &pictures, &templates)?,
    };
    let subject = subject(&embedder, &args.data.data);
    let measure = |pictures: &Pictures| asking.measure(subject.clone(), pictures);
    let task = "zeroshot_retrieval";
    let results = Results::measure(task, subject.clone(), &pictures, &labeling.groups, measure)?;
    results.with_templates(&templates).deliver(&args.results)
}

/// Each picture that has captions answers those alone.
fn by_caption_of(dataset: &Dataset) -> Result<Labeling> {
    let has_caption = |sample| dataset.sample(sample).single_captions().next().map(|_| sample);
    let labeling = Labeling::by_number((0..dataset.len()).map(has_caption), Vec::new());
    if labeling.rows.is_empty() {
        bail!("the data has no captions: leave out --captions to ask with its names");
    }
    Ok(labeling)
}

/// Encoded texts with the label that answers each.
struct Texts {
    values: Vec<f32>,
    labels: Vec<usize>,
    width: usize,
}

impl Texts {
    /// One for each name that a picture shows.
    fn names(
        embedder: &Embedder,
        names: &[String],
        pictures: &Pictures,
        templates: &Templates,
    ) -> Result<Self> {
        let mut labels = pictures.labels();
        labels.sort_unstable();
        labels.dedup();
        let names: Vec<String> = labels.iter().map(|&label| names[label].clone()).collect();
        Self::encode(embedder, &names, labels, templates)
    }

    /// One for each caption.
    fn captions(
        embedder: &Embedder,
        dataset: &Dataset,
        pictures: &Pictures,
        templates: &Templates,
    ) -> Result<Self> {
        let (mut captions, mut labels) = (Vec::new(), Vec::new());
        for row in &pictures.rows {
            for caption in dataset.sample(row.sample).single_captions() {
                captions.push(caption.to_owned());
                labels.push(row.label);
            }
        }
        Self::encode(embedder, &captions, labels, templates)
    }

    fn encode(
        embedder: &Embedder,
        texts: &[String],
        labels: Vec<usize>,
        templates: &Templates,
    ) -> Result<Self> {
        let values = texts::encode(embedder, texts, templates)?;
        Ok(Self { values, labels, width: embedder.card().config.embed_dim })
    }

    /// Recall among `pictures`, of the texts that one of them answers.
    fn measure(&self, subject: Subject, pictures: &Pictures) -> Result<Measure> {
        let shown: HashSet<usize> = pictures.rows.iter().map(|row| row.label).collect();
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        for (vector, label) in self.values.chunks_exact(self.width).zip(&self.labels) {
            if shown.contains(label) {
                values.extend_from_slice(vector);
                labels.push(*label);
            }
        }
        let texts =
            Labeled::new(Matrix::new("texts", &values, labels.len(), self.width)?, &labels)?;
        let answers = pictures.labels();
        let retrieval = Retrieval::new(&texts, &Labeled::new(pictures.matrix()?, &answers)?)?;
        let report = Report::retrieval(subject, &retrieval, &RANKS, &Bootstrap::default())?;
        Ok(Measure::new(report, answers.len(), labels.len()))
    }
}
