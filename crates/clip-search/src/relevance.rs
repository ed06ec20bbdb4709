//! What a score is compared with, and how terms of two kinds are weighed.

use clip::{Embedder, Embedding};
use clip_retrieval::{Background, Modality, Store};

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

/// The vectors of the reference queries, which are the same as long as the model is.
pub(crate) fn reference_queries(embedder: &Embedder) -> Result<Vec<Embedding>> {
    Ok(embedder.texts(&REFERENCE_QUERIES.lines().collect::<Vec<_>>())?)
}

/// Vectors of what is searched, one after the other.
pub(crate) fn sample(store: &dyn Store, modality: Option<Modality>) -> Result<Vec<f32>> {
    Ok(store.sample(SAMPLE, modality.unwrap_or(Modality::Image))?)
}

/// Whether there are both words and images, which have to be measured before they are added.
pub(crate) fn is_mixed(terms: &[Encoded]) -> bool {
    has(terms, Modality::Text) && has(terms, Modality::Image)
}

/// Whether there is a term of a kind.
pub(crate) fn has(terms: &[Encoded], modality: Modality) -> bool {
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

/// What scores of the query `vector` are compared with: halfway between what a sample of the collection
/// scores with it and with what is usually asked, by `references` in words or by images of the collection.
pub(crate) fn background(
    terms: &[Encoded],
    references: &[Embedding],
    vector: &Embedding,
    sample: &[f32],
    store: &dyn Store,
) -> Result<Option<Background>> {
    let dimension = vector.as_slice().len();
    let Some(own) = Background::of(&[vector.as_slice()], sample, dimension) else {
        return Ok(None);
    };
    let images = match has(terms, Modality::Image) {
        true => store.sample(REFERENCE_IMAGES, Modality::Image)?,
        false => Vec::new(),
    };
    let texts = references.iter().map(Embedding::as_slice);
    let usual: Vec<&[f32]> = texts.chain(images.chunks_exact(dimension)).collect();
    Ok(Background::of(&usual, sample, dimension).map(|usual| own.halfway(usual)))
}
