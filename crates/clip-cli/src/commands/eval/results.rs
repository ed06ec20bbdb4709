//! What was measured, as JSON has it: the keys of CLIP_benchmark 1.6, and ours beside them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};
use clip_eval::{Classification, Subject};
use clip_search::evaluation::{Evaluation, ProbeFit, Score};
use serde::Serialize;

use super::args::ResultArgs;

/// A whole run.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    pub(super) dataset: String,
    pub(super) model: String,
    pretrained: String,
    pub(super) task: &'static str,
    language: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) templates: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) probe: Option<Fit>,
    /// Of all pictures.
    #[serde(flatten)]
    pub(super) all: Measure,
    /// Of each group alone, in the order of the table that names them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) groups: Vec<Group>,
}

/// One group of pictures.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    pub(super) group: String,
    #[serde(flatten)]
    pub(super) measure: Measure,
}

/// Scores of one set of pictures.
#[derive(Debug, Serialize)]
pub(super) struct Measure {
    pub(super) pictures: usize,
    /// Texts that ask, or labels to choose from.
    pub(super) texts: usize,
    pub(super) metrics: BTreeMap<String, f64>,
    pub(super) confidence: Confidence,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) per_class: Vec<ClassRecall>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) confusions: Vec<Confusion>,
}

#[derive(Debug, Serialize)]
pub(super) struct Confidence {
    level: f64,
    resamples: usize,
    seed: u64,
    pub(super) intervals: BTreeMap<String, [f64; 2]>,
}

#[derive(Debug, Serialize)]
pub(super) struct ClassRecall {
    pub(super) class: String,
    pub(super) n: usize,
    pub(super) right: usize,
    pub(super) recall: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct Confusion {
    pub(super) label: String,
    pub(super) predicted: String,
    pub(super) count: usize,
}

/// How a linear probe was learned.
#[derive(Debug, Serialize)]
pub(super) struct Fit {
    #[serde(rename = "C")]
    pub(super) c: f64,
    pub(super) iterations: u64,
    pub(super) converged: bool,
    /// Pictures it learned from, those of the validation included.
    pub(super) pictures: usize,
    pub(super) validation_pictures: usize,
    pub(super) trials: Vec<Trial>,
}

#[derive(Debug, Serialize)]
pub(super) struct Trial {
    #[serde(rename = "C")]
    pub(super) c: f64,
    pub(super) accuracy: f64,
}

impl Results {
    /// What a run measured, with the `mistakes` most frequent mistakes.
    pub(super) fn new(task: &'static str, run: Evaluation, mistakes: usize) -> Self {
        let Evaluation { subject, templates, probe, all, groups } = run;
        let Subject { dataset, model, pretrained, language } = subject;
        let group = |(group, score)| Group { group, measure: Measure::new(score, mistakes) };
        Self {
            dataset,
            model,
            pretrained,
            task,
            language,
            templates,
            probe: probe.map(Fit::from),
            all: Measure::new(all, mistakes),
            groups: groups.into_iter().map(group).collect(),
        }
    }
}

impl ResultArgs {
    /// Refuses a place for the results before the work, not after it.
    pub(super) fn check(&self) -> Result<()> {
        let Some(path) = &self.output else { return Ok(()) };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if path.is_dir() || !folder.unwrap_or(Path::new(".")).is_dir() {
            bail!(
                "cannot write --output {}: name a file in a folder that is there",
                path.display()
            );
        }
        Ok(())
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
