//! How good a model is, by measures that other programs report too.
//!
//! An embedder turns labeled data into vectors, images read exactly as the model's reference
//! implementation reads them; `clip-eval` measures those.

mod error;
mod images;
mod probe;
mod prompts;
mod results;
mod retrieval;
mod table;
mod zero_shot;

use std::path::PathBuf;

use clip::Embedder;
use clip_data::Dataset;
use clip_eval::{Classification, Report, Subject};

use crate::{Observer, Warning};
pub use error::EvaluationError;
use images::EncodedImages;
pub use probe::{LinearProbe, ProbeFit};
pub use prompts::Prompts;
pub use results::{ClassRecall, Confidence, Confusion, Fit, Group, Measure, Results, Trial};
pub use retrieval::{RANKS, Retrieval};
pub use zero_shot::ZeroShot;

/// What is measured.
#[derive(Debug, Default, Clone)]
pub struct EvaluationData {
    /// WebDataset shards, folders, or tables of files and names.
    pub paths: Vec<PathBuf>,
    /// A table of labels in place of the names in the data; images that it does not list are left out,
    /// and each of its groups gets a score of its own.
    pub labels: Option<PathBuf>,
}

/// What a run measured.
#[derive(Debug)]
pub struct Evaluation {
    /// The model and the data.
    pub subject: Subject,
    /// The sentences around a name; none where there was no need for any.
    pub templates: Vec<String>,
    /// How a linear probe was learned.
    pub probe: Option<ProbeFit>,
    /// The score of all images.
    pub all: Score,
    /// The score of each group alone, in the order of the table that names them.
    pub groups: Vec<(String, Score)>,
}

/// The score of some images.
#[derive(Debug)]
pub struct Score {
    /// How many there are.
    pub images: usize,
    /// Texts that ask, or labels to choose from.
    pub texts: usize,
    /// The measures, and between what they lie.
    pub report: Report,
    /// The answers, where each image had to be given a label, and the names of the labels.
    pub answers: Option<(Classification, Vec<String>)>,
}

/// Names the model and the data.
fn subject(embedder: &Embedder, data: &EvaluationData) -> Subject {
    let paths: Vec<_> = data.paths.iter().map(|path| path.to_string_lossy()).collect();
    let card = embedder.card();
    Subject {
        dataset: paths.join(", "),
        model: card.name.clone(),
        pretrained: card.source.origin.clone(),
        language: "en".to_owned(),
    }
}

/// Opens data, and says what was left out in it.
fn open(paths: &[PathBuf], observer: &mut dyn Observer) -> Result<Dataset, EvaluationError> {
    let dataset = Dataset::open(paths)?;
    for problem in dataset.problems() {
        observer.warning(Warning::Data { problem: problem.to_string() });
    }
    Ok(dataset)
}

/// What to say where names of classes are numbers: "a picture of a 3" tells a model nothing.
pub fn numeric_names(names: &[String]) -> Option<Warning> {
    let is_number = |name: &&String| {
        name.starts_with(|c: char| c.is_ascii_digit() || c == '-') && name.parse::<f64>().is_ok()
    };
    let numbers = names.iter().filter(is_number).count();
    (numbers > 0).then_some(Warning::NumericNames { numbers, names: names.len() })
}

/// Scores all images, then each group.
fn score(
    images: &EncodedImages,
    groups: &[String],
    score: impl Fn(&EncodedImages) -> crate::Result<Score>,
) -> crate::Result<(Score, Vec<(String, Score)>)> {
    let all = score(images)?;
    let mut each = Vec::new();
    for (number, group) in groups.iter().enumerate() {
        let members = images.subset(|_, row| row.group == Some(number));
        if !members.rows.is_empty() {
            each.push((group.clone(), score(&members)?));
        }
    }
    Ok((all, each))
}
