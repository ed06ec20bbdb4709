//! Results in the words of CLIP_benchmark.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Bootstrap, ClassRecall, Classification, Classifier, Confusion, Interval, Result, Retrieval,
};

/// What was measured on what: the keys of a result that do not depend on the task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The data set.
    pub dataset: String,
    /// The model.
    pub model: String,
    /// Which weights of it.
    pub pretrained: String,
    /// Language of the texts, such as `en`.
    pub language: String,
}

/// The task, by its name in CLIP_benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Task {
    /// [`Retrieval`].
    ZeroshotRetrieval,
    /// [`crate::zeroshot`].
    ZeroshotClassification,
    /// [`crate::Probe`].
    LinearProbe,
}

/// A result file.
///
/// `dataset`, `model`, `pretrained`, `task`, `metrics` and `language` are those that
/// CLIP_benchmark 1.6 writes, so its tools read the file; `confidence` and what follows are ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was measured on what.
    #[serde(flatten)]
    pub subject: Subject,
    /// The task.
    pub task: Task,
    /// Scores by CLIP_benchmark's names, from 0 to 1.
    pub metrics: BTreeMap<String, f64>,
    /// Where each score may lie.
    pub confidence: Confidence,
    /// Recall of each class that has pictures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub per_class: Vec<ClassRecall>,
    /// The most frequent mistakes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confusions: Vec<Confusion>,
    /// How the linear probe was learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Fit>,
}

/// Intervals and what they were computed with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Confidence {
    /// Level, resamples and seed.
    #[serde(flatten)]
    pub bootstrap: Bootstrap,
    /// Lower and upper end for each of the metrics.
    pub intervals: BTreeMap<String, [f64; 2]>,
}

/// How a linear probe was learned.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// The weight of the rows against the penalty.
    #[serde(rename = "C")]
    pub c: f64,
    /// Steps the solver took.
    pub iterations: u64,
    /// Whether it reached the tolerance.
    pub converged: bool,
}

/// The most frequent mistakes that a report lists.
const CONFUSIONS: usize = 20;

impl Report {
    /// Recall at each of `ks`, both ways: `image_retrieval_recall@k` is that of texts asking for
    /// pictures, and `text_retrieval_recall@k` the other way.
    ///
    /// # Errors
    ///
    /// As [`Bootstrap::mean`].
    pub fn retrieval(
        subject: Subject,
        retrieval: &Retrieval,
        ks: &[usize],
        bootstrap: &Bootstrap,
    ) -> Result<Self> {
        let mut report = Self::new(subject, Task::ZeroshotRetrieval, bootstrap);
        for &k in ks {
            let (texts, images) = (&retrieval.text_to_image, &retrieval.image_to_text);
            let name = format!("image_retrieval_recall@{k}");
            report.insert(name, texts.recall_interval(k, bootstrap)?);
            let name = format!("text_retrieval_recall@{k}");
            report.insert(name, images.recall_interval(k, bootstrap)?);
        }
        Ok(report)
    }

    /// `acc1`, `acc5` and `mean_per_class_recall`, the recall of each class, and the most frequent
    /// mistakes. Below five classes there is no `acc5`.
    ///
    /// # Errors
    ///
    /// As [`Bootstrap::mean`].
    pub fn zeroshot(
        subject: Subject,
        answers: &Classification,
        bootstrap: &Bootstrap,
    ) -> Result<Self> {
        Self::classification(subject, Task::ZeroshotClassification, answers, bootstrap)
    }

    /// `lp_acc1`, `lp_acc5` and `lp_mean_per_class_recall`; the rest as in [`Self::zeroshot`].
    ///
    /// # Errors
    ///
    /// As [`Bootstrap::mean`].
    pub fn linear_probe(
        subject: Subject,
        classifier: &Classifier,
        answers: &Classification,
        bootstrap: &Bootstrap,
    ) -> Result<Self> {
        let mut report = Self::classification(subject, Task::LinearProbe, answers, bootstrap)?;
        report.probe = Some(Fit {
            c: classifier.c(),
            iterations: classifier.iterations(),
            converged: classifier.converged(),
        });
        Ok(report)
    }

    fn classification(
        subject: Subject,
        task: Task,
        answers: &Classification,
        bootstrap: &Bootstrap,
    ) -> Result<Self> {
        let mut report = Self::new(subject, task, bootstrap);
        let prefix = if task == Task::LinearProbe { "lp_" } else { "" };
        report.insert(format!("{prefix}acc1"), answers.accuracy_interval(1, bootstrap)?);
        if answers.has_five() {
            report.insert(format!("{prefix}acc5"), answers.accuracy_interval(5, bootstrap)?);
        }
        let recall = answers.mean_per_class_recall_interval(bootstrap)?;
        report.insert(format!("{prefix}mean_per_class_recall"), recall);
        report.per_class = answers.per_class();
        report.confusions = answers.confusions(CONFUSIONS);
        Ok(report)
    }

    fn new(subject: Subject, task: Task, bootstrap: &Bootstrap) -> Self {
        Self {
            subject,
            task,
            metrics: BTreeMap::new(),
            confidence: Confidence { bootstrap: *bootstrap, intervals: BTreeMap::new() },
            per_class: Vec::new(),
            confusions: Vec::new(),
            probe: None,
        }
    }

    fn insert(&mut self, name: String, interval: Interval) {
        self.confidence.intervals.insert(name.clone(), [interval.low, interval.high]);
        self.metrics.insert(name, interval.value);
    }
}
