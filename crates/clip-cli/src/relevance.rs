//! What a score is compared with, and how terms of two kinds are weighed.

use std::path::PathBuf;

use anyhow::Result;
use clip::{Embedder, Embedding};
use clip_retrieval::{Background, Modality, Store};

use crate::query::{Content, Term};

/// Vectors of the library that scores are compared with.
const SAMPLE: usize = 2000;

/// Pictures of the library that stand for what else could have been asked.
const USUAL: usize = 100;

/// What people look for in pictures, of all sorts: what else could have been asked.
const USUAL_TEXTS: &str = include_str!("usual.txt");

/// The terms of a query, embedded.
#[derive(Debug)]
pub(crate) struct Terms {
    terms: Vec<Term>,
    embeddings: Vec<Embedding>,
}

impl Terms {
    pub(crate) fn new(terms: Vec<Term>, embeddings: Vec<Embedding>) -> Self {
        Self { terms, embeddings }
    }

    /// Whether there are both words and pictures, which have to be measured before they are added.
    pub(crate) fn is_mixed(&self) -> bool {
        let has = |modality| self.of(modality).next().is_some();
        has(Modality::Text) && has(Modality::Image)
    }

    /// The files of the terms that are pictures.
    pub(crate) fn pictures(&self) -> Vec<PathBuf> {
        let picture = |term: &Term| match &term.content {
            Content::Picture(path) => Some(path.clone()),
            Content::Text(_) => None,
        };
        self.terms.iter().filter_map(picture).collect()
    }

    /// The embeddings of one kind.
    fn of(&self, modality: Modality) -> impl Iterator<Item = &Embedding> {
        let both = self.terms.iter().zip(&self.embeddings);
        both.filter(move |(term, _)| term.modality() == modality).map(|(_, embedding)| embedding)
    }

    /// Where the weighted terms point together. Scores of pictures with pictures spread more than
    /// those of texts with pictures, so that a picture among texts would decide alone: where there are
    /// both, each is measured by how scores of its kind spread in the store.
    pub(crate) fn together(&self, embedder: &Embedder, sample: &[f32]) -> Result<Embedding> {
        if let ([Term { weight, .. }], [single]) = (self.terms.as_slice(), &*self.embeddings)
            && *weight > 0.0
        {
            // Nothing to add up, and no rounding.
            return Ok(single.clone());
        }
        let spread = |modality| {
            let queries: Vec<&[f32]> = self.of(modality).map(Embedding::as_slice).collect();
            let dimension = queries.first()?.len();
            Some(Background::of(&queries, sample, dimension)?.deviation)
        };
        let spreads = spread(Modality::Text).zip(spread(Modality::Image));
        let weight = |term: &Term| match (spreads, term.modality()) {
            (Some((texts, _)), Modality::Text) => term.weight / texts,
            (Some((_, pictures)), _) => term.weight / pictures,
            (None, _) => term.weight,
        };
        let weights = self.terms.iter().map(weight);
        let terms: Vec<(f32, &Embedding)> = weights.zip(&self.embeddings).collect();
        Ok(embedder.combine(&terms)?)
    }

    /// What scores of the query `vector` are compared with: halfway between what a sample of the store
    /// scores with it and with what is usually asked, in texts or by pictures of the store.
    pub(crate) fn background(
        &self,
        embedder: &Embedder,
        vector: &Embedding,
        sample: &[f32],
        store: &dyn Store,
    ) -> Result<Option<Background>> {
        let dimension = vector.as_slice().len();
        let Some(own) = Background::of(&[vector.as_slice()], sample, dimension) else {
            return Ok(None);
        };
        let has = |modality| self.of(modality).next().is_some();
        let mut texts = Vec::new();
        if has(Modality::Text) {
            texts = embedder.texts(&USUAL_TEXTS.lines().collect::<Vec<_>>())?;
        }
        let mut pictures = Vec::new();
        if has(Modality::Image) {
            pictures = store.sample(USUAL, Modality::Image)?;
        }
        let texts = texts.iter().map(Embedding::as_slice);
        let usual: Vec<&[f32]> = texts.chain(pictures.chunks_exact(dimension)).collect();
        Ok(Background::of(&usual, sample, dimension).map(|usual| own.halfway(usual)))
    }
}

impl Term {
    fn modality(&self) -> Modality {
        match self.content {
            Content::Text(_) => Modality::Text,
            Content::Picture(_) => Modality::Image,
        }
    }
}

/// Vectors of what is searched, one after the other.
pub(crate) fn sample(store: &dyn Store, modality: Option<Modality>) -> Result<Vec<f32>> {
    Ok(store.sample(SAMPLE, modality.unwrap_or(Modality::Image))?)
}
