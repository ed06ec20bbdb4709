//! `clip-cli classify`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use clip::Overflow;
use clip_search::{Classified, LabelProbability, classify_files, read_labels};

use crate::args::{DetailArgs, Format, ModelArgs};
use crate::progress::Reporter;
use crate::{Outcome, model, output};

#[derive(Debug, Args)]
pub(crate) struct ClassifyArgs {
    /// The pictures
    #[arg(value_name = "PICTURE", required = true)]
    pictures: Vec<PathBuf>,

    /// Labels with commas between them; @FILE reads one a line (repeatable)
    #[arg(short, long, value_name = "LABELS", required = true)]
    labels: Vec<String>,

    /// Sentence around a label, with {} in its place; several are averaged (repeatable)
    #[arg(long, value_name = "TEMPLATE", default_value = clip::DEFAULT_TEMPLATE)]
    template: Vec<String>,

    /// Print at most this many labels for each picture
    #[arg(short, long, value_name = "N", default_value_t = 5)]
    top: usize,

    /// Print one JSON array
    #[arg(long, conflicts_with = "jsonl")]
    json: bool,

    /// Print one JSON object a line
    #[arg(long)]
    jsonl: bool,

    #[command(flatten)]
    detail: DetailArgs,
    #[command(flatten)]
    model: ModelArgs,
}

pub(crate) fn run(args: &ClassifyArgs) -> Result<Outcome> {
    let labels = read_labels(&args.labels)?;
    let embedder = model::embedder(&args.model, Overflow::Error)?;
    let classifier = embedder.classifier(&labels, &args.template)?;
    let options = args.detail.reading(&embedder);
    let mut reporter = Reporter::new();
    let (pictures, top) = (&args.pictures, args.top);
    let pictures = classify_files(&embedder, &classifier, pictures, top, &options, &mut reporter)?;
    let format = if args.jsonl { Format::JsonLines } else { Format::json(args.json) };
    output::list(format, &pictures, |out| {
        for Classified { path, labels } in &pictures {
            for LabelProbability { label, probability } in labels {
                write!(out, "{probability:.3}\t")?;
                out.text(label)?;
                out.write_all(b"\t")?;
                out.line(path)?;
            }
        }
        Ok(())
    })?;
    Ok(reporter.outcome())
}
