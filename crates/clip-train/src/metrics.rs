//! Losses and recalls of a run: one JSON object a line, and a drawing at the end.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::state::Progress;
use crate::{Error, Result, StepEvent, Validation};

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Record {
    /// A step.
    Step {
        /// Steps taken, this one counted.
        step: u64,
        /// The epoch, from 1.
        epoch: u64,
        /// The loss before the step.
        loss: f32,
        /// Norm of the gradients before clipping.
        gradient_norm: f32,
        /// The learning rate.
        learning_rate: f64,
        /// The scale of the logits after the step.
        logit_scale: f32,
        /// Pictures a second.
        #[serde(alias = "images_per_second")]
        samples_per_second: f64,
    },
    /// A validation.
    Validation {
        /// Steps taken.
        step: u64,
        /// Epochs that are over.
        epoch: u64,
        /// The recalls.
        #[serde(flatten)]
        validation: Validation,
    },
}

impl Record {
    pub(crate) fn of_step(event: &StepEvent) -> Self {
        Self::Step {
            step: event.step,
            epoch: event.epoch,
            loss: event.report.loss,
            gradient_norm: event.report.gradient_norm,
            learning_rate: event.rate,
            logit_scale: event.logit_scale,
            samples_per_second: event.samples_per_second,
        }
    }

    pub(crate) fn of_validation(progress: &Progress, validation: &Validation) -> Self {
        Self::Validation {
            step: progress.step,
            epoch: progress.epoch,
            validation: validation.clone(),
        }
    }

    pub(crate) fn number(&self) -> u64 {
        match self {
            Self::Step { step, .. } | Self::Validation { step, .. } => *step,
        }
    }
}

/// The file of a run.
#[derive(Debug)]
pub(crate) struct Metrics {
    path: PathBuf,
}

impl Metrics {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Forgets what came after `step`: a run that resumes takes those steps again.
    pub(crate) fn resume(&self, step: u64) -> Result<()> {
        let kept = self.records().into_iter().filter(|record| record.number() <= step);
        let lines: String = kept.map(|record| line(&record)).collect();
        std::fs::write(&self.path, lines).map_err(|source| self.failed(source))
    }

    pub(crate) fn add(&self, record: Record) -> Result<()> {
        let append = || {
            let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
            file.write_all(line(&record).as_bytes())
        };
        append().map_err(|source| self.failed(source))
    }

    /// The run so far.
    pub(crate) fn records(&self) -> Vec<Record> {
        let text = std::fs::read_to_string(&self.path).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn failed(&self, source: std::io::Error) -> Error {
        Error::Save { path: self.path.clone(), source }
    }
}

fn line(record: &Record) -> String {
    let mut line = serde_json::to_string(record).expect("numbers have a JSON form");
    line.push('\n');
    line
}
