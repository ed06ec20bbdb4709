//! Vectors of files that are not kept.

use std::path::{Path, PathBuf};

use clip::{Embedder, Embedding, ReadOptions};
use clip_data::text;
use clip_retrieval::Content;

use crate::{Error, Observer, Progress, Query, Result, Task};

/// The vectors of image files, in their order. The observer hears of what cannot be read, which has none.
///
/// # Errors
///
/// [`Error::Clip`] where the device failed; [`Error::Cancelled`].
pub fn encode_files(
    embedder: &Embedder,
    paths: &[PathBuf],
    options: &ReadOptions,
    observer: &mut dyn Observer,
) -> Result<Vec<Option<Embedding>>> {
    let (task, total) = (Task::Encoding, paths.len());
    let mut embeddings = Vec::with_capacity(total);
    embedder.stream(
        paths,
        |path, room| room.read(path, options),
        |results| -> Result<()> {
            for (done, result) in (1..).zip(results) {
                let (path, embedding) = result?;
                if let Err(error) = &embedding {
                    observer.skipped(&Content::Path(path.clone()), error);
                }
                embeddings.push(embedding.ok());
                observer.progress(Progress { task, done, total });
                if observer.is_cancelled() {
                    return Err(Error::Cancelled { task, done, total });
                }
            }
            Ok(())
        },
    )?;
    Ok(embeddings)
}

/// The lines of a file, each with how well it fits a query, best first. Nothing is kept of them.
///
/// # Errors
///
/// [`Error::Texts`] where the file cannot be read, [`Error::Clip`] where a line cannot be encoded.
pub fn rank_texts(
    embedder: &Embedder,
    mut query: Query,
    file: &Path,
) -> Result<Vec<(f32, String)>> {
    query.encode(embedder, None)?;
    let query = query.embedding(embedder)?;
    let content = text::read(file)
        .map_err(|error| Error::Texts { path: file.to_owned(), source: error.into() })?;
    let lines: Vec<&str> = content.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let embeddings = embedder.texts(&lines)?;
    let scores = embeddings.iter().map(|text| query.similarity(text));
    let mut ranked: Vec<(f32, String)> = scores.zip(lines.into_iter().map(str::to_owned)).collect();
    ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    Ok(ranked)
}

/// Labels with commas between them, and those of each `@FILE`, one a line; each label once.
///
/// # Errors
///
/// [`Error::Labels`] where a file cannot be read.
pub fn read_labels(given: &[String]) -> Result<Vec<String>> {
    let mut labels: Vec<String> = Vec::new();
    for part in given.iter().flat_map(|given| given.split(',')).map(str::trim) {
        match part.strip_prefix('@').map(Path::new) {
            Some(file) => {
                let text = text::read(file).map_err(|error| Error::Labels {
                    path: file.to_owned(),
                    source: error.into(),
                })?;
                labels.extend(text.lines().map(|line| line.trim().to_owned()));
            }
            None => labels.push(part.to_owned()),
        }
    }
    let mut seen = std::collections::HashSet::new();
    labels.retain(|label| !label.is_empty() && seen.insert(label.clone()));
    Ok(labels)
}
