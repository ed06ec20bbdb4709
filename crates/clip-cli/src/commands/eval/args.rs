//! Options of `clip-cli eval`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clip_search::evaluation::{EvaluationData, Prompts};

use crate::args::{ModelArgs, TruncateArgs};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli eval retrieval --data test.tar
  clip-cli eval zeroshot --data imagenet/test --templates openai-80 --output imagenet.json
  clip-cli eval zeroshot --data a.tar b.tar --labels dog-or-cat.tsv
  clip-cli eval linear-probe --train 'train-*.tar' --validation val.tar --data test.tar

Pictures are read exactly as the model's reference implementation does. Scores are in percent, with
95 % bootstrap intervals.")]
pub(crate) struct EvalArgs {
    #[command(subcommand)]
    pub(super) task: Task,
}

#[derive(Debug, Subcommand)]
pub(super) enum Task {
    /// How often a text finds its pictures and a picture its texts: recall at 1, 5 and 10
    Retrieval(RetrievalArgs),
    /// How often the right label is nearest to a picture
    Zeroshot(ZeroshotArgs),
    /// How well a linear classifier learns the labels from the pictures' vectors
    LinearProbe(ProbeArgs),
}

#[derive(Debug, Args)]
pub(super) struct RetrievalArgs {
    #[command(flatten)]
    pub(super) data: DataArgs,

    /// Ask with the captions of each picture, in a shard's .txt one a line, and count that picture
    /// alone as right; the default where the data has captions and no names
    #[arg(long, conflicts_with = "labels")]
    pub(super) captions: bool,

    #[command(flatten)]
    pub(super) prompts: PromptArgs,
    #[command(flatten)]
    pub(super) results: ResultArgs,
    #[command(flatten)]
    pub(super) model: ModelArgs,
}

#[derive(Debug, Args)]
pub(super) struct ZeroshotArgs {
    #[command(flatten)]
    pub(super) data: DataArgs,
    #[command(flatten)]
    pub(super) prompts: PromptArgs,
    #[command(flatten)]
    pub(super) confusions: ConfusionArgs,
    #[command(flatten)]
    pub(super) results: ResultArgs,
    #[command(flatten)]
    pub(super) model: ModelArgs,
}

#[derive(Debug, Args)]
pub(super) struct ProbeArgs {
    /// Pictures to learn from
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    pub(super) train: Vec<PathBuf>,

    /// Pictures to choose the strength of the penalty with [default: every tenth of --train]
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(super) validation: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) data: DataArgs,
    #[command(flatten)]
    pub(super) confusions: ConfusionArgs,
    #[command(flatten)]
    pub(super) results: ResultArgs,
    #[command(flatten)]
    pub(super) model: ModelArgs,
}

/// What is measured.
#[derive(Debug, Args)]
pub(super) struct DataArgs {
    /// Pictures to measure with: WebDataset shards, patterns such as 'test-*.tar', folders, or
    /// tables of files and names
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    pub(super) data: Vec<PathBuf>,

    /// A .tsv or .csv with the columns id and label, in place of the names in the data; pictures
    /// that it does not list are left out, and a column split, group or kind gives each group a
    /// result of its own
    #[arg(long, value_name = "FILE")]
    pub(super) labels: Option<PathBuf>,
}

impl DataArgs {
    pub(super) fn data(&self) -> EvaluationData {
        EvaluationData { paths: self.data.clone(), labels: self.labels.clone() }
    }
}

/// The sentences around a name.
#[derive(Debug, Args)]
pub(super) struct PromptArgs {
    /// Sentence around a name, with {} in its place; several are averaged (repeatable)
    #[arg(long, value_name = "TEMPLATE", conflicts_with = "templates")]
    pub(super) template: Vec<String>,

    /// A set of sentences: openai-80, openai-7, picture, generic, or a file with one a line
    /// [default: those that lie beside the data, else picture for retrieval and generic for zeroshot]
    #[arg(long, value_name = "NAME|FILE")]
    pub(super) templates: Option<String>,

    #[command(flatten)]
    pub(super) truncate: TruncateArgs,
}

impl PromptArgs {
    pub(super) fn prompts(&self) -> Prompts {
        Prompts { sentences: self.template.clone(), set: self.templates.clone() }
    }
}

#[derive(Debug, Args)]
pub(super) struct ConfusionArgs {
    /// List this many of the most frequent mistakes
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(super) top_confusions: usize,
}

#[derive(Debug, Args)]
pub(super) struct ResultArgs {
    /// Also write the results to this file, as JSON with the keys of CLIP_benchmark
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    /// Print that JSON instead of a table
    #[arg(long)]
    pub(super) json: bool,
}
