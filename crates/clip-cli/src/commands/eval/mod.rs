//! `clip-cli eval`: how good a model is, by measures that other programs report too.

mod args;
mod print;

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clip::Overflow;
use clip_search::evaluation::{Evaluation, LinearProbe, Results, Retrieval, ZeroShot};

pub(crate) use self::args::EvalArgs;
use self::args::{ResultArgs, Task};
use crate::progress::Reporter;
use crate::{Outcome, model, output};

pub(crate) fn run(args: &EvalArgs) -> Result<Outcome> {
    let mut reporter = Reporter::new();
    match &args.task {
        Task::Retrieval(args) => {
            check(&args.results)?;
            let embedder = model::embedder(&args.model, args.prompts.truncate.overflow())?;
            let (data, prompts) = (args.data.data(), args.prompts.prompts());
            let run = Retrieval { data, captions: args.captions, prompts };
            deliver(run.run(&embedder, &mut reporter)?, 0, &args.results)?;
        }
        Task::Zeroshot(args) => {
            check(&args.results)?;
            let embedder = model::embedder(&args.model, args.prompts.truncate.overflow())?;
            let run = ZeroShot { data: args.data.data(), prompts: args.prompts.prompts() };
            let run = run.run(&embedder, &mut reporter)?;
            deliver(run, args.confusions.top_confusions, &args.results)?;
        }
        Task::LinearProbe(args) => {
            check(&args.results)?;
            let embedder = model::embedder(&args.model, Overflow::Error)?;
            let (train, validation) = (args.train.clone(), args.validation.clone());
            let run = LinearProbe { train, validation, data: args.data.data() };
            let run = run.run(&embedder, &mut reporter)?;
            deliver(run, args.confusions.top_confusions, &args.results)?;
        }
    }
    Ok(reporter.outcome())
}

/// Refuses a place for the results before the work, not after it.
fn check(args: &ResultArgs) -> Result<()> {
    let Some(path) = &args.output else { return Ok(()) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if path.is_dir() || !folder.unwrap_or(Path::new(".")).is_dir() {
        bail!("cannot write --output {}: name a file in a folder that is there", path.display());
    }
    Ok(())
}

/// Prints and writes what the options ask for.
fn deliver(run: Evaluation, mistakes: usize, args: &ResultArgs) -> Result<()> {
    let results = Results::new(run, mistakes);
    let json = serde_json::to_string_pretty(&results)?;
    if let Some(path) = &args.output {
        fs::write(path, format!("{json}\n"))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(output::print(|out| match args.json {
        true => writeln!(out, "{json}"),
        false => print::print(out, &results),
    })?)
}
