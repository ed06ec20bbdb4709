//! What was measured, as JSON has it: the keys of CLIP_benchmark 1.6, and ours beside them.

use std::collections::BTreeMap;

use clip_eval::{Classification, Subject, Task};
use serde::Serialize;

use super::{Evaluation, ProbeFit, Score};

/// A whole run.
#[derive(Debug, Serialize)]
pub struct Results {
    /// With what.
    pub dataset: String,
    /// Whose name it is.
    pub model: String,
    /// Where the model is from.
    pub pretrained: String,
    /// What was measured.
    pub task: Task,
    /// Of the texts.
    pub language: String,
    /// The sentences around a name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<String>,
    /// How a linear probe was learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<Fit>,
    /// Of all pictures.
    #[serde(flatten)]
    pub all: Measure,
    /// Of each group alone, in the order of the table that names them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
}

/// One group of pictures.
#[derive(Debug, Serialize)]
pub struct Group {
    /// Its name.
    pub group: String,
    /// Its scores.
    #[serde(flatten)]
    pub measure: Measure,
}

/// Scores of one set of pictures.
#[derive(Debug, Serialize)]
pub struct Measure {
    /// How many there are.
    pub pictures: usize,
    /// Texts that ask, or labels to choose from.
    pub texts: usize,
    /// Scores by CLIP_benchmark's names, from 0 to 1.
    pub metrics: BTreeMap<String, f64>,
    /// Between what each score lies.
    pub confidence: Confidence,
    /// Recall of each label.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub per_class: Vec<ClassRecall>,
    /// The most frequent mistakes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub confusions: Vec<Confusion>,
}

/// Intervals by bootstrap.
#[derive(Debug, Serialize)]
pub struct Confidence {
    /// Of how many of a hundred samples the interval is, from 0 to 1.
    pub level: f64,
    /// How many samples were drawn.
    pub resamples: usize,
    /// From what they were drawn.
    pub seed: u64,
    /// Lowest and highest value of each score.
    pub intervals: BTreeMap<String, [f64; 2]>,
}

/// How many images of a label were given it.
#[derive(Debug, Serialize)]
pub struct ClassRecall {
    /// The label.
    pub class: String,
    /// Images that have it.
    pub n: usize,
    /// Those that were given it.
    pub right: usize,
    /// Their share, from 0 to 1.
    pub recall: f64,
}

/// A mistake that was made.
#[derive(Debug, Serialize)]
pub struct Confusion {
    /// The right label.
    pub label: String,
    /// The label that was given.
    pub predicted: String,
    /// How often.
    pub count: usize,
}

/// How a linear probe was learned.
#[derive(Debug, Serialize)]
pub struct Fit {
    /// Inverse of the strength of the penalty, as scikit-learn has it.
    #[serde(rename = "C")]
    pub c: f64,
    /// Steps that it took.
    pub iterations: u64,
    /// Whether the last of them changed next to nothing.
    pub converged: bool,
    /// Pictures it learned from, those of the validation included.
    pub pictures: usize,
    /// Pictures of the validation.
    pub validation_pictures: usize,
    /// What was tried.
    pub trials: Vec<Trial>,
}

/// A strength of the penalty that was tried.
#[derive(Debug, Serialize)]
pub struct Trial {
    /// As of [`Fit`].
    #[serde(rename = "C")]
    pub c: f64,
    /// Accuracy on the validation.
    pub accuracy: f64,
}

impl Results {
    /// What a run measured, with the `mistakes` most frequent mistakes.
    pub fn new(run: Evaluation, mistakes: usize) -> Self {
        let Evaluation { subject, templates, probe, all, groups } = run;
        let Subject { dataset, model, pretrained, language } = subject;
        let group = |(group, score)| Group { group, measure: Measure::new(score, mistakes) };
        Self {
            dataset,
            model,
            pretrained,
            task: all.report.task,
            language,
            templates,
            probe: probe.map(Fit::from),
            all: Measure::new(all, mistakes),
            groups: groups.into_iter().map(group).collect(),
        }
    }
}

impl From<ProbeFit> for Fit {
    fn from(fit: ProbeFit) -> Self {
        Self {
            c: fit.c,
            iterations: fit.iterations,
            converged: fit.converged,
            pictures: fit.images,
            validation_pictures: fit.validation_images,
            trials: fit.trials.into_iter().map(|(c, accuracy)| Trial { c, accuracy }).collect(),
        }
    }
}

impl Measure {
    fn new(Score { images, texts, report, answers }: Score, mistakes: usize) -> Self {
        let bootstrap = report.confidence.bootstrap;
        let measure = Self {
            pictures: images,
            texts,
            metrics: report.metrics,
            confidence: Confidence {
                level: bootstrap.level,
                resamples: bootstrap.resamples,
                seed: bootstrap.seed,
                intervals: report.confidence.intervals,
            },
            per_class: Vec::new(),
            confusions: Vec::new(),
        };
        match answers {
            Some((answers, names)) => measure.with_classes(&answers, &names, mistakes),
            None => measure,
        }
    }

    /// Adds the classes by name, and the `mistakes` most frequent mistakes.
    fn with_classes(mut self, answers: &Classification, names: &[String], mistakes: usize) -> Self {
        let per_class = answers.per_class().into_iter();
        self.per_class = per_class
            .map(|class| ClassRecall {
                class: names[class.class].clone(),
                n: class.n,
                right: class.right,
                recall: class.recall,
            })
            .collect();
        let confusions = answers.confusions(mistakes).into_iter();
        self.confusions = confusions
            .map(|confusion| Confusion {
                label: names[confusion.label].clone(),
                predicted: names[confusion.predicted].clone(),
                count: confusion.count,
            })
            .collect();
        self
    }
}
