//! Vectors of files that are not kept.

use std::path::{Path, PathBuf};

use clip::{Classifier, Embedder, Embedding, ReadOptions};
use clip_data::text;
use clip_retrieval::Content;
use serde::{Serialize, Serializer};

use crate::models::lossy;
use crate::{Answer, Error, Found, Observer, Progress, Result, SearchRequest, Task};

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

/// The vectors of texts and image files, in their order. The observer hears of what cannot be read, which
/// has none.
///
/// # Errors
///
/// As [`encode_files`]; [`Error::Clip`] for a text that is too long.
pub fn encode_inputs(
    embedder: &Embedder,
    inputs: &[Content],
    options: &ReadOptions,
    observer: &mut dyn Observer,
) -> Result<Vec<Encoded>> {
    let (mut texts, mut paths) = (Vec::new(), Vec::new());
    for input in inputs {
        match input {
            Content::Text(text) => texts.push(text),
            Content::Path(path) => paths.push(path.clone()),
        }
    }
    let mut texts = embedder.texts(&texts)?.into_iter();
    let mut images = encode_files(embedder, &paths, options, observer)?.into_iter();
    let encoded = inputs.iter().filter_map(|input| match input {
        Content::Text(text) => {
            Some(Encoded { input: text.clone(), modality: "text", embedding: texts.next()? })
        }
        Content::Path(path) => Some(Encoded {
            input: path.to_string_lossy().into_owned(),
            modality: "image",
            embedding: images.next()??,
        }),
    });
    Ok(encoded.collect())
}

/// A text or an image file with its vector.
#[derive(Debug, Clone, Serialize)]
pub struct Encoded {
    /// The text, or the name of the file as well as Unicode has it.
    pub input: String,
    /// `text` or `image`.
    pub modality: &'static str,
    /// The vector.
    #[serde(serialize_with = "numbers")]
    pub embedding: Embedding,
}

fn numbers<S: Serializer>(embedding: &Embedding, serializer: S) -> Result<S::Ok, S::Error> {
    embedding.as_slice().serialize(serializer)
}

/// An image, and the labels that fit it.
#[derive(Debug, Clone, Serialize)]
pub struct Classified {
    /// Its file.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// The labels, the likeliest first.
    pub labels: Vec<LabelProbability>,
}

/// How likely a label is.
#[derive(Debug, Clone, Serialize)]
pub struct LabelProbability {
    /// The label.
    pub label: String,
    /// Its probability among all labels.
    pub probability: f32,
}

/// The `top` labels that fit each image file best. The observer hears of what cannot be read, which is
/// left out.
///
/// # Errors
///
/// As [`encode_files`].
pub fn classify_files(
    embedder: &Embedder,
    classifier: &Classifier,
    paths: &[PathBuf],
    top: usize,
    options: &ReadOptions,
    observer: &mut dyn Observer,
) -> Result<Vec<Classified>> {
    let embeddings = encode_files(embedder, paths, options, observer)?;
    let classified = paths.iter().zip(embeddings).filter_map(|(path, embedding)| {
        let ranked = classifier.ranked(&embedding?, top).into_iter();
        let labels = ranked
            .map(|(label, probability)| LabelProbability { label: label.to_owned(), probability });
        Some(Classified { path: path.clone(), labels: labels.collect() })
    });
    Ok(classified.collect())
}

/// The lines of a file that fit the query of a request, by its `min_score` and `top`, best first. Nothing
/// is kept of them.
///
/// # Errors
///
/// [`Error::Texts`] where the file cannot be read, [`Error::Clip`] where a line cannot be encoded.
pub fn rank_texts(
    embedder: &Embedder,
    request: &SearchRequest,
    file: &Path,
) -> Result<Vec<Answer>> {
    let mut query = request.query.clone();
    query.encode(embedder, None)?;
    let query = query.embedding(embedder)?;
    let content = text::read(file)
        .map_err(|error| Error::Texts { path: file.to_owned(), source: error.into() })?;
    let lines: Vec<&str> = content.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let embeddings = embedder.texts(&lines)?;
    let scores = embeddings.iter().map(|text| query.similarity(text));
    let mut ranked: Vec<(f32, &str)> = scores.zip(lines).collect();
    ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let enough = |(score, _): &(f32, &str)| request.min_score.is_none_or(|least| *score >= least);
    let best = ranked.into_iter().take_while(enough).take(request.top).zip(1..);
    let answer = |((score, text), rank): ((f32, &str), usize)| {
        let found = Found::Text { text: text.to_owned(), id: None };
        Answer { rank, score, relevance: None, found }
    };
    Ok(best.map(answer).collect())
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
