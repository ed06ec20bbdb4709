//! Answering a query from a collection.

use std::collections::HashSet;
use std::path::PathBuf;

use clip::{Embedder, Embedding};
use clip_retrieval::{Background, Filter, Hit, Modality, SearchOptions, Store};

use crate::relevance::{self, background, combine, has, is_mixed, sample};
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
    search_with(store, embedder, request, || relevance::reference_queries(embedder))
}

/// As [`search`], with the vectors of the reference queries from wherever they are.
pub(crate) fn search_with(
    store: &dyn Store,
    embedder: &Embedder,
    request: &SearchRequest,
    references: impl FnOnce() -> Result<Vec<Embedding>>,
) -> Result<SearchResponse> {
    let mut query = request.query.clone();
    query.encode(embedder, Some(store))?;
    let terms = query.encoded();
    let sample = match is_mixed(terms) || request.relevance.is_some() {
        true => sample(store, request.filter.modality)?,
        false => Vec::new(),
    };
    let vector = combine(terms, embedder, &sample)?;
    let background = match request.relevance {
        Some(_) => {
            let references = match has(terms, Modality::Text) {
                true => references()?,
                false => Vec::new(),
            };
            background(terms, &references, &vector, &sample, store)?
        }
        None => None,
    };
    let hits = nearest(store, &vector, request)?;
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
fn nearest(store: &dyn Store, vector: &Embedding, request: &SearchRequest) -> Result<Vec<Hit>> {
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
    let found = store.search_all(&queries, top, &request.filter, &options)?;
    let is_part = |hit: &Hit| {
        ids.contains(&*hit.item.id) || hit.item.path().is_some_and(|path| paths.contains(path))
    };
    let mut hits: Vec<Hit> = found.into_iter().flatten().collect();
    hits.retain(|hit| !is_part(hit));
    hits.truncate(request.top);
    Ok(hits)
}
