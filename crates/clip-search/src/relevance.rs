//! What a score is compared with, and how terms of two kinds are weighed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use clip::{Embedder, Embedding};
use clip_retrieval::{Background, Modality, Snapshot};

use crate::query::Encoded;
use crate::{Error, Query, Result};

/// Vectors of the collection that scores are compared with.
const SAMPLE: usize = 2000;

/// Images of the collection that stand for what else could have been asked.
const REFERENCE_IMAGES: usize = 100;

/// What people look for in images, of all sorts: what else could have been asked.
const REFERENCE_QUERIES: &str = include_str!("reference_queries.txt");

impl Query {
    /// Where the terms point together, without a collection that says how to weigh words with images.
    ///
    /// # Errors
    ///
    /// As [`Self::encode`]; [`Error::NoItem`] for an item of a collection; [`Error::Clip`] where the terms
    /// cancel each other out.
    pub fn embedding(mut self, embedder: &Embedder) -> Result<Embedding> {
        if let Some(id) = self.first_item() {
            return Err(Error::NoItem { id: id.to_owned() });
        }
        self.encode(embedder, None)?;
        combine(self.encoded(), embedder, &[])
    }
}

/// Vectors of a collection, with the version of it that they are of.
type Sample = (u64, Arc<[f32]>);

/// What searches have in common, of one model and one collection.
#[derive(Default)]
pub(crate) struct Cache {
    /// The vectors of the reference queries, which are the same as long as the model is.
    references: OnceLock<Vec<Embedding>>,
    /// By how many of which kind were asked for.
    samples: Mutex<HashMap<(usize, Modality), Sample>>,
}

impl Cache {
    fn references(&self, embedder: &Embedder) -> Result<&[Embedding]> {
        if let Some(references) = self.references.get() {
            return Ok(references);
        }
        let references = embedder.texts(&REFERENCE_QUERIES.lines().collect::<Vec<_>>())?;
        Ok(self.references.get_or_init(|| references))
    }

    /// As [`Snapshot::sample`], computed once for a version of the collection.
    fn vectors(
        &self,
        snapshot: &dyn Snapshot,
        count: usize,
        modality: Modality,
    ) -> Result<Arc<[f32]>> {
        let samples = || self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let version = snapshot.version();
        if let Some((of, vectors)) = samples().get(&(count, modality))
            && version == Some(*of)
        {
            return Ok(Arc::clone(vectors));
        }
        let vectors: Arc<[f32]> = snapshot.sample(count, modality)?.into();
        if let Some(version) = version {
            samples().insert((count, modality), (version, Arc::clone(&vectors)));
        }
        Ok(vectors)
    }

    /// Vectors of what is searched, one after the other.
    pub(crate) fn sample(
        &self,
        snapshot: &dyn Snapshot,
        modality: Option<Modality>,
    ) -> Result<Arc<[f32]>> {
        self.vectors(snapshot, SAMPLE, modality.unwrap_or(Modality::Image))
    }

    /// What scores of the query `vector` are compared with: halfway between what a sample of the
    /// collection scores with it and with what is usually asked, in words where there are words in the
    /// query, and by images of the collection where there are images.
    pub(crate) fn background(
        &self,
        terms: &[Encoded],
        vector: &Embedding,
        sample: &[f32],
        snapshot: &dyn Snapshot,
        embedder: &Embedder,
    ) -> Result<Option<Background>> {
        let dimension = vector.as_slice().len();
        let Some(own) = Background::of(&[vector.as_slice()], sample, dimension) else {
            return Ok(None);
        };
        let mut usual: Vec<&[f32]> = Vec::new();
        if has(terms, Modality::Text) {
            usual.extend(self.references(embedder)?.iter().map(Embedding::as_slice));
        }
        let images;
        if has(terms, Modality::Image) {
            images = self.vectors(snapshot, REFERENCE_IMAGES, Modality::Image)?;
            usual.extend(images.chunks_exact(dimension));
        }
        Ok(Background::of(&usual, sample, dimension).map(|usual| own.halfway(usual)))
    }
}

/// Whether there are both words and images, which have to be measured before they are added.
pub(crate) fn is_mixed(terms: &[Encoded]) -> bool {
    has(terms, Modality::Text) && has(terms, Modality::Image)
}

/// Whether there is a term of a kind.
fn has(terms: &[Encoded], modality: Modality) -> bool {
    terms.iter().any(|term| term.modality == modality)
}

/// Where the weighted terms point together. Scores of images with images spread more than those of texts
/// with images, so that an image among texts would decide alone: where there are both, each is measured by
/// how scores of its kind spread in the sample.
pub(crate) fn combine(terms: &[Encoded], embedder: &Embedder, sample: &[f32]) -> Result<Embedding> {
    if let [single] = terms
        && single.weight > 0.0
    {
        // Nothing to add up, and no rounding.
        return Ok(single.embedding.clone());
    }
    let spread = |modality| {
        let of_kind = terms.iter().filter(|term| term.modality == modality);
        let queries: Vec<&[f32]> = of_kind.map(|term| term.embedding.as_slice()).collect();
        let dimension = queries.first()?.len();
        Some(Background::of(&queries, sample, dimension)?.deviation)
    };
    let spreads = spread(Modality::Text).zip(spread(Modality::Image));
    let weight = |term: &Encoded| match (spreads, term.modality) {
        (Some((texts, _)), Modality::Text) => term.weight / texts,
        (Some((_, images)), _) => term.weight / images,
        (None, _) => term.weight,
    };
    let terms: Vec<(f32, &Embedding)> =
        terms.iter().map(|term| (weight(term), &term.embedding)).collect();
    Ok(embedder.combine(&terms)?)
}
