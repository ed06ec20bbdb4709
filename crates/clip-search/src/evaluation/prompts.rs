//! From names to vectors.

use std::path::Path;

use clip::Embedder;
use clip_eval::{ClassVectors, Matrix, Templates};

use super::EvaluationError as Error;
use crate::{Observer, Progress, Result, Task};

/// Prompts whose vectors are in memory at once; a thousand labels in eighty templates are many.
const CHUNK: usize = 1024;

/// The sentences around a name.
#[derive(Debug, Default, Clone)]
pub struct Prompts {
    /// Sentences with `{}` in the place of the name; several are averaged.
    pub sentences: Vec<String>,
    /// Where there are none: a set of sentences by its name, or a file with one a line.
    pub set: Option<String>,
}

/// The sentences that are asked for, else those beside the data, else the default.
pub(super) fn templates(
    prompts: &Prompts,
    beside: Option<&[String]>,
    default: &str,
) -> Result<Templates, Error> {
    if !prompts.sentences.is_empty() {
        return Ok(Templates::parse("the template", &prompts.sentences.join("\n"))?);
    }
    match (&prompts.set, beside) {
        (Some(name), _) if Path::new(name).is_file() => {
            Ok(Templates::parse(name, &clip_data::text::read(Path::new(name))?)?)
        }
        (Some(name), _) => Ok(Templates::named(name)?),
        (None, Some(lines)) => {
            Ok(Templates::parse("the templates of the data", &lines.join("\n"))?)
        }
        (None, None) => Ok(Templates::named(default)?),
    }
}

/// One unit vector a name, row after row: the mean over its sentences.
pub(super) fn encode(
    embedder: &Embedder,
    names: &[String],
    templates: &Templates,
    observer: &mut dyn Observer,
) -> Result<Vec<f32>> {
    let width = embedder.card().config.embed_dim;
    let mut classes = ClassVectors::new(templates.len(), width).map_err(Error::from)?;
    let (task, total, mut done) = (Task::Texts, names.len(), 0);
    observer.progress(Progress { task, done, total });
    for names in names.chunks(CHUNK.div_ceil(templates.len())) {
        let prompts: Vec<String> = names.iter().flat_map(|name| templates.fill(name)).collect();
        let vectors = embedder.texts(&prompts)?;
        let values: Vec<f32> =
            vectors.iter().flat_map(|vector| vector.as_slice()).copied().collect();
        let matrix = Matrix::new("texts", &values, vectors.len(), width).map_err(Error::from)?;
        classes.push(&matrix).map_err(Error::from)?;
        done += names.len();
        observer.progress(Progress { task, done, total });
    }
    Ok(classes.finish().map_err(Error::from)?)
}
