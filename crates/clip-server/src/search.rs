//! `POST /v1/search`: what of the library is like texts and images.

use axum::extract::State;
use clip_retrieval::Modality;
use clip_search::{Order, Query, SearchRequest, Term, TermContent};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::embeddings::image_of_text;
use crate::encode::Input;
use crate::errors::{ApiError, ApiResult, ErrorBody};
use crate::item::{FilterBody, ItemBody, library_id};
use crate::json::Json;
use crate::state::Server;

/// Results of a page where no number is given, and at most.
const LIMIT: [usize; 2] = [50, 1000];

/// The deepest result of a page.
const DEEPEST: usize = 1_000_000;

/// Terms of a query.
const TERMS: usize = 32;

/// What is looked for, and which results are wanted. Without terms it is everything that passes the filter,
/// the newest first.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchBody {
    /// What results are like, all together.
    #[schema(max_items = 32)]
    #[serde(default)]
    terms: Vec<TermBody>,
    /// Among which items.
    #[serde(default)]
    filter: FilterBody,
    /// Results of a page: 50 where it is left out.
    #[schema(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Results before the first of this page.
    #[schema(maximum = 1_000_000)]
    #[serde(default)]
    offset: usize,
    /// Only what stands out of the library by so many standard deviations: 4 is a good beginning, whatever
    /// the query and the model.
    relevance: Option<f32>,
    /// Only what has at least this cosine similarity.
    min_score: Option<f32>,
    /// The order. By date it needs a `relevance` or a `min_score`.
    sort: Option<Sort>,
    /// Whether every vector is compared, also where the library has a graph to search by.
    #[serde(default)]
    exact: bool,
}

/// A text, an image or an item of the library, with its weight.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TermBody {
    /// How much it counts: 1 where it is left out, and what is below 0 pushes away.
    weight: Option<f32>,
    /// Words.
    text: Option<String>,
    /// An image, as a data URI or Base64.
    image: Option<String>,
    /// The id of an item. It is no result itself.
    item: Option<String>,
}

/// The order of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Sort {
    Score,
    Date,
}

/// A page of results.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchResults {
    results: Vec<SearchResult>,
    /// Of how many, where `relevance`, `min_score` or no terms were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<usize>,
    /// Results before the first of this page.
    offset: usize,
    /// What scores were compared with, where `relevance` was given:
    /// relevance = (score - mean) / deviation.
    #[serde(skip_serializing_if = "Option::is_none")]
    background: Option<BackgroundBody>,
    /// The model.
    model: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct SearchResult {
    #[serde(flatten)]
    item: ItemBody,
    /// Cosine similarity with the query; none without terms.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
    /// By how many standard deviations it stands out, where `relevance` was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    relevance: Option<f32>,
}

/// How scores of the library lie.
#[derive(Debug, Serialize, ToSchema)]
struct BackgroundBody {
    mean: f32,
    deviation: f32,
}

/// The images and texts of the library that are most like the terms.
#[utoipa::path(
    post,
    path = "/v1/search",
    tag = "library",
    request_body(
        content = SearchBody,
        example = json!({"terms": [{"text": "a dog on a beach"}, {"text": "people", "weight": -0.5}], "relevance": 4, "limit": 20}),
    ),
    responses(
        (status = 200, description = "The results, the best first", body = SearchResults),
        (status = 400, description = "The request means nothing", body = ErrorBody),
        (status = 404, description = "There is no such item, or no library", body = ErrorBody),
        (status = 413, description = "Too much at once", body = ErrorBody),
        (status = 415, description = "The body is not JSON", body = ErrorBody),
        (status = 429, description = "Too much waits already", body = ErrorBody),
        (status = 503, description = "The model was not free in time", body = ErrorBody),
    )
)]
pub(crate) async fn search(
    State(server): State<Server>,
    Json(body): Json<SearchBody>,
) -> ApiResult<Json<SearchResults>> {
    answer(&server, body).await.map(Json)
}

/// A page of results.
pub(crate) async fn answer(server: &Server, body: SearchBody) -> ApiResult<SearchResults> {
    let engine = server.engine()?.clone();
    let limit = body.limit.unwrap_or(LIMIT[0]);
    let (offset, model) = (body.offset, server.model().to_owned());
    if !(1..=LIMIT[1]).contains(&limit) {
        return Err(
            ApiError::invalid(format!("`limit` is from 1 to {}", LIMIT[1])).with_param("limit")
        );
    }
    if offset > DEEPEST {
        return Err(
            ApiError::invalid(format!("`offset` is at most {DEEPEST}")).with_param("offset")
        );
    }
    let filter = body.filter.filter()?;
    if body.terms.is_empty() {
        body.refuse_without_terms()?;
        let browse = move || Ok(engine.browse(&filter, offset, limit)?);
        let (items, total) = Server::blocking(browse).await?;
        let result =
            |item| SearchResult { item: ItemBody::from(&item), score: None, relevance: None };
        let results = items.into_iter().map(result).collect();
        let total = Some(total);
        return Ok(SearchResults { results, total, offset, background: None, model });
    }
    let order = if body.sort == Some(Sort::Date) { Order::Date } else { Order::Score };
    let (min_score, relevance, exact) = (body.min_score, body.relevance, body.exact);
    let query = Query::new(server.terms(body.terms).await?);
    let request = SearchRequest { query, filter, top: limit, min_score, relevance, exact };
    let page = Server::blocking(move || Ok(engine.page(&request, offset, order)?)).await?;
    let background = page.background;
    let results = page.hits.iter().map(|hit| SearchResult {
        item: ItemBody::from(&hit.item),
        score: Some(hit.score),
        relevance: background.map(|background| background.relevance(hit.score)),
    });
    let results = results.collect();
    let background = background.map(|background| BackgroundBody {
        mean: background.mean,
        deviation: background.deviation,
    });
    Ok(SearchResults { results, total: page.total, offset, background, model })
}

impl SearchBody {
    /// What means nothing where there is no query.
    fn refuse_without_terms(&self) -> ApiResult<()> {
        let given = [
            ("relevance", self.relevance.is_some()),
            ("min_score", self.min_score.is_some()),
            ("sort", self.sort == Some(Sort::Score)),
            ("exact", self.exact),
        ];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            None => Ok(()),
            Some((name, _)) => {
                let message =
                    format!("`{name}` means nothing without `terms`: add one, or leave it out");
                Err(ApiError::invalid(message).with_param(name))
            }
        }
    }
}

impl Server {
    /// Terms whose texts and images are vectors already, made in batches with those of other requests.
    pub(crate) async fn terms(&self, terms: Vec<TermBody>) -> ApiResult<Vec<Term>> {
        if terms.len() > TERMS {
            return Err(
                ApiError::invalid(format!("a query has at most {TERMS} terms")).with_param("terms")
            );
        }
        let (mut texts, mut images) = (Vec::new(), Vec::new());
        let mut read = Vec::with_capacity(terms.len());
        for (at, term) in terms.into_iter().enumerate() {
            let param = format!("terms[{at}]");
            let wrong = |message: &str| ApiError::invalid(message).with_param(&*param);
            let weight = term.weight.unwrap_or(1.0);
            if !weight.is_finite() || weight == 0.0 {
                return Err(wrong("a weight is a number, and not 0"));
            }
            let content = match (term.text, term.image, term.item) {
                (Some(text), None, None) => {
                    texts.push(text);
                    TermContent::Vector(Vec::new(), Modality::Text)
                }
                (None, Some(image), None) => {
                    let image = image_of_text(&image, &format!("{param}.image"))?;
                    images.push(Input::Image(image));
                    TermContent::Vector(Vec::new(), Modality::Image)
                }
                (None, None, Some(id)) => TermContent::Item(library_id(&id)?),
                _ => return Err(wrong("a term has one of `text`, `image` and `item`")),
            };
            read.push(Term { weight, content });
        }
        let mut texts = match texts.is_empty() {
            true => Vec::new().into_iter(),
            false => self.encode_queries(&texts).await?.into_iter(),
        };
        let mut images = match images.is_empty() {
            true => Vec::new().into_iter(),
            false => self.encode(images).await?.embeddings.into_iter(),
        };
        for term in &mut read {
            if let TermContent::Vector(vector, modality) = &mut term.content {
                let next = if *modality == Modality::Text { texts.next() } else { images.next() };
                *vector = next.map(clip::Embedding::into_vec).unwrap_or_default();
            }
        }
        Ok(read)
    }
}
