//! What a run tells while it goes, and how it begins and ends.

use crate::{StepReport, Validation};

/// Who watches a run, and may end it.
pub trait Observer {
    /// A step was taken.
    fn step(&mut self, event: &StepEvent);

    /// The model was validated after `epoch` epochs.
    fn validated(&mut self, epoch: u64, validation: &Validation);

    /// So many of the features that a run needs before its first step are made.
    fn features(&mut self, done: usize, total: usize) {
        let _ = (done, total);
    }

    /// Something went wrong that the run survives: a row that cannot be read, a state that cannot
    /// be saved.
    fn problem(&mut self, problem: &str);

    /// Whether the run shall save its state and end; asked after each step but the last, and
    /// while features are made.
    fn stop(&self) -> bool;
}

/// What a step tells its observer.
#[derive(Debug, Clone, PartialEq)]
pub struct StepEvent {
    /// The epoch, from 1.
    pub epoch: u64,
    /// Steps taken in all, this one counted.
    pub step: u64,
    /// Steps of the whole run.
    pub steps: u64,
    /// Loss and gradient norm.
    pub report: StepReport,
    /// The learning rate.
    pub rate: f64,
    /// The scale of the logits.
    pub logit_scale: f32,
    /// Pictures a second, averaged over the last steps.
    pub samples_per_second: f64,
    /// Seconds a step, averaged likewise.
    pub seconds_per_step: f64,
    /// Rows that could not be read so far.
    pub skipped: u64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All steps were taken.
    Finished,
    /// The observer ended it; [`Start::Resume`] goes on.
    Stopped,
}

/// How a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// In a folder without a run.
    New,
    /// Where the run in the folder was last saved.
    Resume,
}
