//! `clip-cli eval`: how good a model is, by measures that other programs report too.
//!
//! [`results`] is what comes out, and [`print`] how a person sees it.

mod args;
mod print;
mod results;

use anyhow::Result;
use clip::Overflow;
use clip_search::evaluation::{LinearProbe, Retrieval, ZeroShot};

pub(crate) use self::args::EvalArgs;
use self::args::Task;
use self::results::Results;
use super::{name_truncate_in, overflow};
use crate::progress::Reporter;
use crate::{Outcome, model};

pub(crate) fn run(args: &EvalArgs) -> Result<Outcome> {
    let mut reporter = Reporter::new();
    match &args.task {
        Task::Retrieval(args) => {
            args.results.check()?;
            let embedder = model::embedder(&args.model, overflow(args.prompts.truncate))?;
            let (data, prompts) = (args.data.data(), args.prompts.prompts());
            let run = Retrieval { data, captions: args.captions, prompts };
            let run = run.run(&embedder, &mut reporter).map_err(name_truncate_in)?;
            print::deliver(&Results::new("zeroshot_retrieval", run, 0), &args.results)?;
        }
        Task::Zeroshot(args) => {
            args.results.check()?;
            let embedder = model::embedder(&args.model, overflow(args.prompts.truncate))?;
            let run = ZeroShot { data: args.data.data(), prompts: args.prompts.prompts() };
            let run = run.run(&embedder, &mut reporter).map_err(name_truncate_in)?;
            let mistakes = args.confusions.top_confusions;
            print::deliver(&Results::new("zeroshot_classification", run, mistakes), &args.results)?;
        }
        Task::LinearProbe(args) => {
            args.results.check()?;
            let embedder = model::embedder(&args.model, Overflow::Error)?;
            let (train, validation) = (args.train.clone(), args.validation.clone());
            let run = LinearProbe { train, validation, data: args.data.data() };
            let run = run.run(&embedder, &mut reporter)?;
            let mistakes = args.confusions.top_confusions;
            print::deliver(&Results::new("linear_probe", run, mistakes), &args.results)?;
        }
    }
    reporter.skipped().summarize();
    Ok(if reporter.skipped().count() > 0 { Outcome::Partial } else { Outcome::Found })
}
