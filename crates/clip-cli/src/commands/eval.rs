//! `clip-cli eval`: how good a model is, by measures that other programs report too.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use clip::Overflow;
use clip_search::evaluation::{EvaluationData, LinearProbe, Prompts, Results, Retrieval, ZeroShot};

use crate::args::{ModelArgs, TruncateArgs};
use crate::progress::Reporter;
use crate::{Outcome, model, output};

#[derive(Debug, Args)]
#[command(after_help = include_str!("../help/eval.txt"))]
pub(crate) struct EvalArgs {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// How often a text finds its pictures and a picture its texts: recall at 1, 5 and 10
    Retrieval {
        #[command(flatten)]
        data: DataArgs,

        /// Ask with the captions of each picture, in a shard's .txt one a line, and count that picture
        /// alone as right; the default where the data has captions and no names
        #[arg(long, conflicts_with = "labels")]
        captions: bool,
        #[command(flatten)]
        prompts: PromptArgs,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// How often the right label is nearest to a picture
    Zeroshot {
        #[command(flatten)]
        data: DataArgs,
        #[command(flatten)]
        prompts: PromptArgs,
        #[command(flatten)]
        confusions: ConfusionArgs,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// How well a linear classifier learns the labels from the pictures' vectors
    LinearProbe {
        /// Pictures to learn from
        #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
        train: Vec<PathBuf>,

        /// Pictures to choose the strength of the penalty with [default: every tenth of --train]
        #[arg(long, value_name = "PATH", num_args = 1..)]
        validation: Vec<PathBuf>,

        #[command(flatten)]
        data: DataArgs,
        #[command(flatten)]
        confusions: ConfusionArgs,
        #[command(flatten)]
        common: CommonArgs,
    },
}

/// What is measured.
#[derive(Debug, Args)]
struct DataArgs {
    /// Pictures to measure with: WebDataset shards, patterns such as 'test-*.tar', folders, or
    /// tables of files and names
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    data: Vec<PathBuf>,

    /// A .tsv or .csv with the columns id and label, in place of the names in the data; pictures
    /// that it does not list are left out, and a column split, group or kind gives each group a
    /// result of its own
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
}

/// With what, and where the results go.
#[derive(Debug, Args)]
struct CommonArgs {
    /// Also write the results to this file, as JSON with the keys of CLIP_benchmark
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Print that JSON instead of a table
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    model: ModelArgs,
}

/// The sentences around a name.
#[derive(Debug, Args)]
struct PromptArgs {
    /// Sentence around a name, with {} in its place; several are averaged (repeatable)
    #[arg(long, value_name = "TEMPLATE", conflicts_with = "templates")]
    template: Vec<String>,

    /// A set of sentences: openai-80, openai-7, picture, generic, or a file with one a line
    /// [default: those that lie beside the data, else picture for retrieval and generic for zeroshot]
    #[arg(long, value_name = "NAME|FILE")]
    templates: Option<String>,

    #[command(flatten)]
    truncate: TruncateArgs,
}

impl PromptArgs {
    fn prompts(&self) -> Prompts {
        Prompts { sentences: self.template.clone(), set: self.templates.clone() }
    }
}

#[derive(Debug, Args)]
struct ConfusionArgs {
    /// List this many of the most frequent mistakes
    #[arg(long, value_name = "N", default_value_t = 5)]
    top_confusions: usize,
}

pub(crate) fn run(args: &EvalArgs) -> Result<Outcome> {
    let (data, common, overflow) = match &args.task {
        Task::Retrieval { data, common, prompts, .. }
        | Task::Zeroshot { data, common, prompts, .. } => {
            (data, common, prompts.truncate.overflow())
        }
        Task::LinearProbe { data, common, .. } => (data, common, Overflow::Error),
    };
    check(common)?;
    let embedder = model::embedder(&common.model, overflow)?;
    let mut reporter = Reporter::new();
    let data = EvaluationData { paths: data.data.clone(), labels: data.labels.clone() };
    let (run, mistakes) = match &args.task {
        Task::Retrieval { captions, prompts, .. } => {
            let run = Retrieval { data, captions: *captions, prompts: prompts.prompts() };
            (run.run(&embedder, &mut reporter)?, 0)
        }
        Task::Zeroshot { prompts, confusions, .. } => {
            let run = ZeroShot { data, prompts: prompts.prompts() };
            (run.run(&embedder, &mut reporter)?, confusions.top_confusions)
        }
        Task::LinearProbe { train, validation, confusions, .. } => {
            let (train, validation) = (train.clone(), validation.clone());
            let run = LinearProbe { train, validation, data };
            (run.run(&embedder, &mut reporter)?, confusions.top_confusions)
        }
    };
    let results = Results::new(run, mistakes);
    let json = serde_json::to_string_pretty(&results)?;
    if let Some(path) = &common.output {
        fs::write(path, format!("{json}\n"))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    output::print(|out| match common.json {
        true => writeln!(out, "{json}"),
        false => write!(out, "{results}"),
    })?;
    Ok(reporter.outcome())
}

/// Refuses a place for the results before the work, not after it.
fn check(args: &CommonArgs) -> Result<()> {
    let Some(path) = &args.output else { return Ok(()) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if path.is_dir() || !folder.unwrap_or(Path::new(".")).is_dir() {
        bail!("cannot write --output {}: name a file in a folder that is there", path.display());
    }
    Ok(())
}
