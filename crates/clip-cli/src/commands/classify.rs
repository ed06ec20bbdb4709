//! `clip-cli classify`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use clip::{Classifier, Embedding, Overflow};
use serde::Serialize;

use crate::args::{DetailArgs, ModelArgs};
use crate::report::{Bar, Skipped};
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

#[derive(Serialize)]
struct Picture<'a> {
    #[serde(serialize_with = "output::lossy")]
    path: PathBuf,
    labels: Vec<Label<'a>>,
}

#[derive(Serialize)]
struct Label<'a> {
    label: &'a str,
    probability: f32,
}

pub(crate) fn run(args: &ClassifyArgs) -> Result<Outcome> {
    let labels = read_labels(&args.labels)?;
    let embedder = model::embedder(&args.model, Overflow::Error)?;
    let classifier = embedder.classifier(&labels, &args.template)?;

    let mut skipped = Skipped::default();
    let bar = Bar::pictures(args.pictures.len());
    let mut pictures = Vec::new();
    let options = args.detail.reading(&embedder);
    embedder.stream(
        &args.pictures,
        |path, room| room.read(path, &options),
        |results| -> Result<()> {
            for result in results {
                match result? {
                    (path, Ok(embedding)) => {
                        pictures.push(answer(path, &embedding, &classifier, args.top));
                    }
                    (path, Err(error)) => skipped.add(&bar, path, error),
                }
                bar.advance(1);
            }
            Ok(())
        },
    )?;
    drop(bar);

    let mut out = output::stdout();
    if args.json {
        output::json(&mut out, &pictures)?;
    } else if args.jsonl {
        output::json_lines(&mut out, &pictures)?;
    } else {
        for picture in &pictures {
            for Label { label, probability } in &picture.labels {
                write!(out, "{probability:.3}\t")?;
                out.text(label)?;
                out.write_all(b"\t")?;
                out.path(&picture.path)?;
                out.write_all(b"\n")?;
            }
        }
    }
    out.flush()?;
    skipped.summarize();
    Ok(if skipped.count() > 0 { Outcome::Partial } else { Outcome::Found })
}

fn answer<'a>(
    path: &Path,
    picture: &Embedding,
    classifier: &'a Classifier,
    top: usize,
) -> Picture<'a> {
    let probabilities = classifier.probabilities(picture);
    let mut labels: Vec<Label<'_>> = classifier
        .labels()
        .iter()
        .zip(probabilities)
        .map(|(label, probability)| Label { label, probability })
        .collect();
    labels.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    labels.truncate(top);
    Picture { path: path.to_owned(), labels }
}

/// Labels between commas, and those of each `@FILE`, one a line; each label once.
fn read_labels(given: &[String]) -> Result<Vec<String>> {
    let mut labels: Vec<String> = Vec::new();
    for part in given.iter().flat_map(|given| given.split(',')).map(str::trim) {
        match part.strip_prefix('@') {
            Some(file) => {
                let text = clip_data::text::read(Path::new(file))
                    .with_context(|| format!("cannot read the labels in {file}"))?;
                labels.extend(text.lines().map(str::trim).map(str::to_owned));
            }
            None => labels.push(part.to_owned()),
        }
    }
    let mut seen = std::collections::HashSet::new();
    labels.retain(|label| !label.is_empty() && seen.insert(label.clone()));
    Ok(labels)
}
