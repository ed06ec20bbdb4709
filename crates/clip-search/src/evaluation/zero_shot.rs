//! How often the right label is nearest to an image.

use clip::Embedder;
use clip_data::Dataset;
use clip_eval::{Bootstrap, Labeled, Matrix, Report, zeroshot};

use super::images::{EncodedImages, LabeledImages};
use super::{Evaluation, EvaluationData, EvaluationError as Error, Prompts, Score, prompts};
use crate::{Observer, Result};

/// How often the right label is nearest to an image, among those that the data names.
#[derive(Debug, Default, Clone)]
pub struct ZeroShot {
    /// What is measured.
    pub data: EvaluationData,
    /// The sentences around a label.
    pub prompts: Prompts,
}

impl ZeroShot {
    /// Measures a model.
    ///
    /// # Errors
    ///
    /// [`Error::Evaluation`](crate::Error::Evaluation) for data that says nothing of a model,
    /// [`Error::Clip`](crate::Error::Clip), [`Error::Cancelled`](crate::Error::Cancelled).
    pub fn run(&self, embedder: &Embedder, observer: &mut dyn Observer) -> Result<Evaluation> {
        let dataset = super::open(&self.data.paths, observer)?;
        let templates = prompts::templates(&self.prompts, dataset.templates(), "generic")?;
        let labeled = match (&self.data.labels, by_class(&dataset)?) {
            (None, Some(labeled)) => labeled,
            (table, _) => {
                let labeled = LabeledImages::new(&dataset, table.as_deref(), observer)?;
                super::numeric_names(&labeled.names)
                    .into_iter()
                    .for_each(|it| observer.warning(it));
                labeled
            }
        };
        let names = &labeled.names;
        if let [only] = &names[..] {
            return Err(Error::OneLabel { label: only.clone() }.into());
        }
        let images = EncodedImages::encode(embedder, &dataset, &labeled.rows, observer)?;
        let classes = prompts::encode(embedder, names, &templates, observer)?;
        let width = embedder.card().config.embed_dim;
        let classes = Matrix::new("labels", &classes, names.len(), width).map_err(Error::from)?;
        let subject = super::subject(embedder, &self.data);
        let score = |images: &EncodedImages| -> Result<Score, Error> {
            let labels = images.labels();
            let answers = zeroshot(&Labeled::new(images.matrix()?, &labels)?, &classes)?;
            let report = Report::zeroshot(subject.clone(), &answers, &Bootstrap::default())?;
            let (images, texts) = (labels.len(), names.len());
            Ok(Score { images, texts, report, answers: Some((answers, names.clone())) })
        };
        let (all, groups) = super::score(&images, &labeled.groups, |it| Ok(score(it)?))?;
        let templates = templates.as_slice().to_vec();
        Ok(Evaluation { subject, templates, probe: None, all, groups })
    }
}

/// By the numbers of the classes, where each image has one and a list of names comes with them:
/// two classes may have one name, and a class no image.
fn by_class(dataset: &Dataset) -> Result<Option<LabeledImages>, Error> {
    let numbers: Option<Vec<usize>> = dataset.samples().iter().map(|sample| sample.class).collect();
    let (Some(numbers), Some(names)) = (numbers, dataset.class_names()) else { return Ok(None) };
    if let Some(class) = numbers.iter().copied().find(|number| *number >= names.len()) {
        return Err(Error::UnnamedClass { class, last: names.len() as i64 - 1 });
    }
    Ok(Some(LabeledImages::by_number(numbers.into_iter().map(Some), names.to_vec())))
}
