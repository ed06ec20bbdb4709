//! Answers page by page, and in the order of their dates.

use std::cmp::Reverse;

use clip_retrieval::{Background, Hit, Item};

use crate::{Error, Result, SearchRequest, SearchResponse};

/// Answers that are looked at first, where all that are good enough are wanted.
const FIRST: usize = 1024;

/// The order of answers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The best first.
    #[default]
    Score,
    /// The newest first, of those that are good enough; what has no date comes last, the best first.
    Date,
}

/// Some of the answers.
#[derive(Debug, Clone)]
pub struct Page {
    /// The answers of this page.
    pub hits: Vec<Hit>,
    /// Of so many, where the request says by a score or a relevance which are good enough.
    pub total: Option<usize>,
    /// As of [`SearchResponse`].
    pub background: Option<Background>,
}

pub(crate) fn page(
    search: impl Fn(&SearchRequest) -> Result<SearchResponse>,
    request: &SearchRequest,
    offset: usize,
    order: Order,
) -> Result<Page> {
    let end = offset.saturating_add(request.top);
    let (SearchResponse { mut hits, background }, total) =
        match (request.min_score.or(request.relevance), order) {
            (None, Order::Date) => return Err(Error::NoCut),
            (None, Order::Score) => (search(&SearchRequest { top: end, ..request.clone() })?, None),
            (Some(_), _) => {
                let all = good_enough(search, request, end)?;
                let total = all.hits.len();
                (all, Some(total))
            }
        };
    if order == Order::Date {
        // Stable: what has the same date stays in the order of scores.
        hits.sort_by_key(|hit| Reverse(hit.item.facts.taken));
    }
    hits.truncate(end);
    hits.drain(..offset.min(hits.len()));
    Ok(Page { hits, total, background })
}

/// All answers that are good enough.
fn good_enough(
    search: impl Fn(&SearchRequest) -> Result<SearchResponse>,
    request: &SearchRequest,
    least: usize,
) -> Result<SearchResponse> {
    let mut top = least.max(FIRST);
    loop {
        let response = search(&SearchRequest { top, ..request.clone() })?;
        if response.hits.len() < top {
            return Ok(response);
        }
        top = top.saturating_mul(4);
    }
}

/// The newest first, then those without a date.
pub(crate) fn browse(mut items: Vec<Item>, offset: usize, limit: usize) -> (Vec<Item>, usize) {
    items.sort_by_key(|item| Reverse(item.facts.taken));
    let total = items.len();
    (items.into_iter().skip(offset).take(limit).collect(), total)
}
