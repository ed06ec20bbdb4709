//! Answering a query from a collection.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use clip::{Embedder, Embedding};
use clip_retrieval::{Background, Filter, Hit, Modality, SearchOptions, Snapshot, Store};

use crate::relevance::{Cache, combine, is_mixed};
use crate::{Query, Result, TermContent, absolute};

/// What is looked for, and which answers count.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// What is looked for.
    pub query: Query,
    /// Among what.
    pub filter: Filter,
    /// At most this many answers.
    pub top: usize,
    /// Only answers that score at least so much.
    pub min_score: Option<f32>,
    /// Only answers that stand out of the collection by so many standard deviations: a level is about
    /// as strict for every query and every model.
    pub relevance: Option<f32>,
    /// Whether every vector is compared, also where the collection has a graph to search by.
    pub exact: bool,
}

impl SearchRequest {
    /// The ten images that fit best.
    pub fn new(query: Query) -> Self {
        let filter = Filter::of(Modality::Image);
        Self { query, filter, top: 10, min_score: None, relevance: None, exact: false }
    }
}

/// The answers, the best first.
#[derive(Debug, Clone)]
pub struct SearchResponse {
    /// The answers.
    pub hits: Vec<Hit>,
    /// What their scores were compared with, where that was asked for.
    pub background: Option<Background>,
}

impl SearchResponse {
    /// By how many standard deviations an answer stands out, where that was asked for.
    pub fn relevance(&self, hit: &Hit) -> Option<f32> {
        Some(self.background?.relevance(hit.score))
    }
}

/// Answers a request from a store. [`Engine::search`](crate::Engine::search) does it for many requests,
/// and computes what they have in common once.
///
/// # Errors
///
/// As [`Query::encode`]; [`Error::Clip`](crate::Error::Clip) where the terms cancel each other
/// out; [`Error::Retrieval`](crate::Error::Retrieval) where the store cannot be asked.
pub fn search(
    store: &dyn Store,
    embedder: &Embedder,
    request: &SearchRequest,
) -> Result<SearchResponse> {
    search_with(store, embedder, request, &Cache::default())
}

/// As [`search`], with what was kept of earlier ones.
pub(crate) fn search_with(
    store: &dyn Store,
    embedder: &Embedder,
    request: &SearchRequest,
    cache: &Cache,
) -> Result<SearchResponse> {
    let mut query = request.query.clone();
    // Before there is a snapshot, for as long as which the store keeps what is replaced.
    query.encode(embedder, None)?;
    let snapshot = &*store.snapshot()?;
    query.encode(embedder, Some(snapshot))?;
    let terms = query.encoded();
    let sample = match is_mixed(terms) || request.relevance.is_some() {
        true => cache.sample(snapshot, request.filter.modality)?,
        false => Arc::default(),
    };
    let vector = combine(terms, embedder, &sample)?;
    let background = match request.relevance {
        Some(_) => cache.background(terms, &vector, &sample, snapshot, embedder)?,
        None => None,
    };
    let hits = nearest(snapshot, &vector, request)?;
    let mut response = SearchResponse { hits: Vec::new(), background };
    let is_enough = |value: Option<f32>, least: Option<f32>| match (value, least) {
        (Some(value), Some(least)) => value >= least,
        _ => true,
    };
    response.hits = hits
        .into_iter()
        .filter(|hit| is_enough(Some(hit.score), request.min_score))
        .filter(|hit| is_enough(response.relevance(hit), request.relevance))
        .collect();
    Ok(response)
}

/// The nearest items that are no part of the query.
fn nearest(
    snapshot: &dyn Snapshot,
    vector: &Embedding,
    request: &SearchRequest,
) -> Result<Vec<Hit>> {
    let (mut paths, mut ids) = (HashSet::<PathBuf>::new(), HashSet::<&str>::new());
    for term in request.query.terms() {
        match &term.content {
            TermContent::Path(path) => {
                paths.insert(absolute(path).unwrap_or_else(|_| path.clone()));
            }
            TermContent::Item(id) => {
                ids.insert(id);
            }
            _ => {}
        }
    }
    let (queries, top) = ([vector.as_slice()], request.top + paths.len() + ids.len());
    let options = SearchOptions { exact: request.exact, ..SearchOptions::default() };
    let found = snapshot.search_all(&queries, top, &request.filter, &options)?;
    let is_part = |hit: &Hit| {
        ids.contains(&*hit.item.id) || hit.item.path().is_some_and(|path| paths.contains(path))
    };
    let mut hits: Vec<Hit> = found.into_iter().flatten().collect();
    hits.retain(|hit| !is_part(hit));
    hits.truncate(request.top);
    Ok(hits)
}
