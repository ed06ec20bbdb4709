//! `clip-cli eval`: how good a model is, by measures that other programs report too.
//!
//! [`pictures`] turns data into labeled vectors and [`texts`] names into vectors; each task hands
//! both to `clip-eval`; [`results`] is what comes out, and [`print`] how a person sees it.

mod args;
mod pictures;
mod print;
mod probe;
mod results;
mod retrieval;
mod texts;
mod zeroshot;

use std::path::PathBuf;

use anyhow::Result;

pub(crate) use self::args::EvalArgs;
use self::args::Task;
use crate::report::Skipped;
use crate::{Outcome, report};

pub(crate) fn run(args: &EvalArgs) -> Result<Outcome> {
    let mut skipped = Skipped::default();
    match &args.task {
        Task::Retrieval(args) => retrieval::run(args, &mut skipped)?,
        Task::Zeroshot(args) => zeroshot::run(args, &mut skipped)?,
        Task::LinearProbe(args) => probe::run(args, &mut skipped)?,
    }
    skipped.summarize();
    Ok(if skipped.count() > 0 { Outcome::Partial } else { Outcome::Found })
}

/// Opens data and names what was skipped in it.
fn open(paths: &[PathBuf]) -> Result<clip_data::Dataset> {
    let dataset = clip_data::Dataset::open(paths)?;
    dataset.problems().iter().for_each(report::warning);
    Ok(dataset)
}
