//! From names to vectors.

use std::path::Path;

use anyhow::Result;
use clip::Embedder;
use clip_eval::{ClassVectors, Matrix, Templates};

use super::args::PromptArgs;
use crate::commands::name_truncate;
use crate::report::Bar;

/// Prompts whose vectors are in memory at once; a thousand labels in eighty templates are many.
const CHUNK: usize = 1024;

/// The sentences that the options ask for, else those beside the data, else the default.
pub(super) fn templates(
    args: &PromptArgs,
    beside: Option<&[String]>,
    default: &str,
) -> Result<Templates> {
    if !args.template.is_empty() {
        return Ok(Templates::parse("--template", &args.template.join("\n"))?);
    }
    match (&args.templates, beside) {
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
) -> Result<Vec<f32>> {
    let width = embedder.card().config.embed_dim;
    let mut classes = ClassVectors::new(templates.len(), width)?;
    let bar = Bar::texts(names.len());
    for names in names.chunks(CHUNK.div_ceil(templates.len())) {
        let prompts: Vec<String> = names.iter().flat_map(|name| templates.fill(name)).collect();
        let vectors = embedder.texts(&prompts).map_err(name_truncate)?;
        let values: Vec<f32> =
            vectors.iter().flat_map(|vector| vector.as_slice()).copied().collect();
        classes.push(&Matrix::new("texts", &values, vectors.len(), width)?)?;
        bar.advance(names.len());
    }
    Ok(classes.finish()?)
}
