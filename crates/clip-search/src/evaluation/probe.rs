//! How well a linear classifier learns labels from the vectors of images.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use clip::Embedder;
use clip_eval::{Bootstrap, Classifier, Labeled, Probe, Report, Sweep};

use super::images::{EncodedImages, LabeledImages};
use super::{Evaluation, EvaluationData, EvaluationError as Error, Score};
use crate::{Observer, Progress, Result, Task, Warning};

/// On unit vectors of many labels scikit-learn's own tolerance, 1e-4, is met after a step or two.
const TOLERANCE: f64 = 1e-6;
/// Without a validation split each row whose number, from 1, is a multiple of this is held out.
const HOLD_OUT: usize = 10;

/// How well a linear classifier learns labels from the vectors of images.
#[derive(Debug, Default, Clone)]
pub struct LinearProbe {
    /// Images to learn from.
    pub train: Vec<PathBuf>,
    /// Images to choose the strength of the penalty with; without any, every tenth to learn from.
    pub validation: Vec<PathBuf>,
    /// What is measured.
    pub data: EvaluationData,
}

/// How a linear probe was learned.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeFit {
    /// Inverse of the strength of the penalty, as scikit-learn has it.
    pub c: f64,
    /// Steps that it took.
    pub iterations: u64,
    /// Whether the last of them changed next to nothing.
    pub converged: bool,
    /// Images it learned from, those of the validation included.
    pub images: usize,
    /// Images of the validation.
    pub validation_images: usize,
    /// What was tried: the accuracy on the validation for each `c`.
    pub trials: Vec<(f64, f64)>,
}

impl LinearProbe {
    /// Measures a model.
    ///
    /// # Errors
    ///
    /// [`Error::Evaluation`](crate::Error::Evaluation) for data that says nothing of a model,
    /// [`Error::Clip`](crate::Error::Clip), [`Error::Cancelled`](crate::Error::Cancelled).
    pub fn run(&self, embedder: &Embedder, observer: &mut dyn Observer) -> Result<Evaluation> {
        let mut labels = Vocabulary::default();
        let mut encode = |paths: &[PathBuf]| -> Result<(EncodedImages, Vec<String>)> {
            let dataset = super::open(paths, observer)?;
            let mut labeled = LabeledImages::new(&dataset, self.data.labels.as_deref(), observer)?;
            labels.renumber(&mut labeled);
            let images = EncodedImages::encode(embedder, &dataset, &labeled.rows, observer)?;
            Ok((images, labeled.groups))
        };
        let (train, _) = encode(&self.train)?;
        let (train, validation) = match self.validation.is_empty() {
            true => hold_out(&train)?,
            false => (train, encode(&self.validation)?.0),
        };
        let (images, groups) = encode(&self.data.paths)?;
        warn_of_unknown(&[&train, &validation], &images, observer);

        let task = Task::Learning;
        observer.progress(Progress { task, done: 0, total: 1 });
        let (classifier, fit) = learn(&train, &validation)?;
        observer.progress(Progress { task, done: 1, total: 1 });
        let subject = super::subject(embedder, &self.data);
        let score = |images: &EncodedImages| -> Result<Score, Error> {
            let given = images.labels();
            let answers = classifier.evaluate(&Labeled::new(images.matrix()?, &given)?)?;
            let bootstrap = Bootstrap::default();
            let report = Report::linear_probe(subject.clone(), &classifier, &answers, &bootstrap)?;
            let (images, texts) = (given.len(), classifier.classes().len());
            Ok(Score { images, texts, report, answers: Some((answers, labels.names.clone())) })
        };
        let (all, groups) = super::score(&images, &groups, |it| Ok(score(it)?))?;
        Ok(Evaluation { subject, templates: Vec::new(), probe: Some(fit), all, groups })
    }
}

/// The rows to learn from, and those held out.
fn hold_out(rows: &EncodedImages) -> Result<(EncodedImages, EncodedImages), Error> {
    let is_held = |position: usize| (position + 1).is_multiple_of(HOLD_OUT);
    let held = rows.subset(|position, _| is_held(position));
    if held.rows.is_empty() {
        return Err(Error::TooFew { count: rows.rows.len() });
    }
    Ok((rows.subset(|position, _| !is_held(position)), held))
}

/// Labels that the classifier cannot know lower its score, which is easily misread.
fn warn_of_unknown(known: &[&EncodedImages], asked: &EncodedImages, observer: &mut dyn Observer) {
    let known: HashSet<usize> = known.iter().flat_map(|images| images.labels()).collect();
    let asked: HashSet<usize> = asked.labels().into_iter().collect();
    let unknown = asked.difference(&known).count();
    if unknown > 0 {
        observer.warning(Warning::UnknownLabels { unknown, labels: asked.len() });
    }
}

/// Looks for the best penalty, then learns from both splits with it.
fn learn(
    train: &EncodedImages,
    validation: &EncodedImages,
) -> Result<(Classifier, ProbeFit), Error> {
    let (train_labels, validation_labels) = (train.labels(), validation.labels());
    let train = Labeled::new(train.matrix()?, &train_labels)?;
    let validation = Labeled::new(validation.matrix()?, &validation_labels)?;
    let probe = Probe { tolerance: TOLERANCE, ..Probe::default() };
    let sweep = Sweep { probe, ..Sweep::default() }.run(&train, &validation)?;
    let classifier = sweep.best.fit(&[train, validation])?;
    let fit = ProbeFit {
        c: classifier.c(),
        iterations: classifier.iterations(),
        converged: classifier.converged(),
        images: train_labels.len() + validation_labels.len(),
        validation_images: validation_labels.len(),
        trials: sweep.trials.iter().map(|trial| (trial.c, trial.accuracy)).collect(),
    };
    Ok((classifier, fit))
}

/// One number for a label in all splits. As within a split, case makes no difference.
#[derive(Default)]
struct Vocabulary {
    numbers: HashMap<String, usize>,
    names: Vec<String>,
}

impl Vocabulary {
    fn renumber(&mut self, labeled: &mut LabeledImages) {
        for row in &mut labeled.rows {
            let name = &labeled.names[row.label];
            row.label = *self.numbers.entry(name.to_lowercase()).or_insert_with(|| {
                self.names.push(name.clone());
                self.names.len() - 1
            });
        }
    }
}
