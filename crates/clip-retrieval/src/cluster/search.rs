//! Which vectors are nearest.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use milvus::v2::error::Error as Sdk;
use milvus::v2::prelude::{ResultRow, SearchRequest, SearchResponse, SearchVectors, SingleResult};

use super::collection::Collection;
use super::read::{Ask, PAGE, ROW};
use super::row::{self, ITEM};
use super::schema::field;
use super::wording::{LIST, all, condition, one_of, partitions};
use crate::top::Total;
use crate::vector::check_queries;
use crate::{Error, Filter, Hit, Item, PathGlob, Result, SearchOptions};

/// The most hits of one query.
const TOP: usize = 16_384;

/// How many candidates a graph keeps for each hit that is asked for: as many as make it miss few.
const CANDIDATES: usize = 4;

/// The fewest.
const FEWEST: usize = 256;

/// The number of answers that the candidates of [`SearchOptions`] are for.
const USUAL: usize = 10;

/// The most that every version of Milvus takes: 2.3 documents `[top_k, 32768]`, later ones any number, and
/// 2.3.5 dies of 2147483647, for candidates take memory. So a graph answers as a scan would over some ten
/// thousands of vectors a segment, and nearly so over more.
const MOST: usize = 32_768;

/// What the questions are about.
const ACTION: &str = "search";

/// A search that is the same for some queries.
struct Search<'a> {
    queries: &'a [&'a [f32]],
    partitions: &'a [&'static str],
    condition: &'a str,
    top: usize,
    /// How many candidates a graph keeps, or as many as make it miss few.
    ef_search: Option<usize>,
}

impl Collection {
    pub(super) fn nearest(
        &self,
        queries: &[&[f32]],
        top: usize,
        filter: &Filter,
        options: &SearchOptions,
    ) -> Result<Vec<Vec<Hit>>> {
        check_queries(queries, self.kind.dimension)?;
        if top > TOP {
            return Err(Error::TooMany { asked: top, limit: TOP });
        }
        if top == 0 || queries.is_empty() {
            return Ok(vec![Vec::new(); queries.len()]);
        }
        let (partitions, condition) = (partitions(filter), condition(filter)?);
        // In proportion, as SearchOptions has it.
        let ef_search = options.ef_search.map(|ef_search| ef_search.max(ef_search * top / USUAL));
        let ef_search = if options.exact { Some(MOST) } else { ef_search };
        let condition = &*condition;
        let search = Search { queries, partitions: &partitions, condition, top, ef_search };
        match &filter.only {
            Some(only) => {
                let fits = |path: &&PathBuf| fits(&filter.globs, path);
                let paths = only.iter().filter(fits).map(|path| row::encode(path));
                self.among(&search, field::PATH, paths.collect::<Result<_>>()?)
            }
            None if filter.globs.is_empty() => self.hits(&search),
            None => self.fitting(&search, &filter.globs),
        }
    }

    /// Among those rows of which a field is one of these texts.
    fn among(
        &self,
        search: &Search<'_>,
        name: &str,
        mut texts: Vec<String>,
    ) -> Result<Vec<Vec<Hit>>> {
        let mut best = vec![Vec::new(); search.queries.len()];
        // The same lists whenever it is asked.
        texts.sort_unstable();
        for list in texts.chunks(LIST) {
            // The path of a text is empty.
            let is_file = format!("{} == true", field::IS_FILE);
            let condition = all(&[search.condition, &is_file, &one_of(name, list)]);
            let found = self.hits(&Search { condition: &condition, ..*search })?;
            for (best, found) in best.iter_mut().zip(found) {
                best.extend(found);
                sort(best);
                best.truncate(search.top);
            }
        }
        Ok(best)
    }

    /// Those that fit a pattern. Asks for more than are wanted, and for more yet while too few fit.
    fn fitting(&self, search: &Search<'_>, globs: &[PathGlob]) -> Result<Vec<Vec<Hit>>> {
        let mut asked = (4 * search.top).clamp(FEWEST, TOP);
        loop {
            let mut found = self.hits(&Search { top: asked, ..*search })?;
            let are_all = found.iter().all(|hits| hits.len() < asked);
            for hits in &mut found {
                hits.retain(|hit| hit.item.path().is_some_and(|path| fits(globs, path)));
            }
            if are_all || found.iter().all(|hits| hits.len() >= search.top) {
                found.iter_mut().for_each(|hits| hits.truncate(search.top));
                return Ok(found);
            }
            if asked == TOP {
                break;
            }
            asked = (4 * asked).min(TOP);
        }
        let keys = self.keys(search, globs)?;
        self.among(search, field::KEY, keys)
    }

    /// Keys of the files that fit a pattern.
    fn keys(&self, search: &Search<'_>, globs: &[PathGlob]) -> Result<Vec<String>> {
        let is_file = format!("{} == true", field::IS_FILE);
        let condition = all(&[search.condition, &is_file]);
        let ask = Ask {
            fields: &[field::PATH],
            partitions: search.partitions,
            condition: &condition,
            level: self.level(),
        };
        let rows = self.rows(&ask, ROW, |row| {
            let fits = fits(globs, &row::path(row)?);
            Ok(fits.then_some(row.get_str(field::KEY)?.to_owned()))
        })?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// The nearest, best first; of equal scores the lower id first.
    fn hits(&self, search: &Search<'_>) -> Result<Vec<Vec<Hit>>> {
        let together = (PAGE / ROW / search.top).max(1);
        let mut all = Vec::with_capacity(search.queries.len());
        for queries in search.queries.chunks(together) {
            let search = Search { queries, ..*search };
            match self.try_search(&search, ITEM)? {
                Some(found) => all.extend(self.read_hits(&found)?),
                None => {
                    for query in queries {
                        all.push(self.long_hits(&Search { queries: &[query], ..search })?);
                    }
                }
            }
        }
        all.iter_mut().for_each(|hits| sort(hits));
        Ok(all)
    }

    /// For answers that are larger than a message may be: keys first, the items then.
    fn long_hits(&self, search: &Search<'_>) -> Result<Vec<Hit>> {
        let found = self.try_search(search, &[field::KEY])?;
        let found = found.ok_or_else(|| self.client.refused(ACTION, "the answer is too large"))?;
        let read = || {
            let mut scores = HashMap::new();
            for result in found.results().iter() {
                let result = named(result);
                for (row, score) in result.rows()?.zip(result.get_scores()) {
                    scores.insert(row_key(&row)?, *score);
                }
            }
            Ok(scores)
        };
        let scores = self.client.read(ACTION, read())?;
        let mut hits = Vec::new();
        let keys: Vec<String> = scores.keys().cloned().collect();
        for list in keys.chunks(LIST) {
            let ask = Ask {
                fields: ITEM,
                partitions: search.partitions,
                condition: &one_of(field::KEY, list),
                level: self.level(),
            };

            let items: Vec<(String, Item)> =
                self.rows(&ask, ROW, |row| Ok((row_key(row)?, row::item(row)?)))?;
            let hit = |(key, item)| scores.get(&key).map(|score| Hit { item, score: *score });
            hits.extend(items.into_iter().filter_map(hit));
        }
        Ok(hits)
    }

    fn read_hits(&self, found: &SearchResponse) -> Result<Vec<Vec<Hit>>> {
        let read = || {
            let mut all = Vec::new();
            for result in found.results().iter() {
                let result = named(result);
                let rows = result.rows()?.zip(result.get_scores());
                let mut seen = HashSet::new();
                let mut hits = Vec::with_capacity(result.len());
                for (row, score) in rows {
                    let item = row::item(&row)?;
                    if seen.insert(item.id.clone()) {
                        hits.push(Hit { item, score: *score });
                    }
                }
                all.push(hits);
            }
            Ok(all)
        };
        self.client.read(ACTION, read())
    }

    /// Nothing where the answer is larger than a message may be.
    fn try_search(&self, search: &Search<'_>, fields: &[&str]) -> Result<Option<SearchResponse>> {
        let usual = (CANDIDATES * search.top).clamp(FEWEST, MOST);
        let candidates = search.ef_search.unwrap_or(usual).min(MOST).max(search.top);
        self.client.try_call(ACTION, |sdk| async move {
            let vectors = search.queries.iter().map(|query| query.to_vec()).collect();
            let request = SearchRequest::builder()
                .collection_name(self.name())
                .partition_names(search.partitions.iter().copied())
                .vector_field(field::VECTOR)
                .vectors(SearchVectors::Float(vectors))
                .filter(search.condition)
                .limit(search.top as i64)
                .output_fields(fields.iter().copied())
                .extra_params(HashMap::from([("ef".to_owned(), candidates.to_string())]))
                .consistency_level(self.level())
                .build()?;
            sdk.search(request).await
        })
    }
}

/// With the names that the client wants and the servers of 2.3 do not send.
fn named(result: &SingleResult) -> SingleResult {
    result.clone().primary_field_name(field::KEY).score_field_name("score")
}

fn row_key(row: &ResultRow<'_>) -> Result<String, Sdk> {
    row.get_str(field::KEY).map(str::to_owned)
}

fn fits(globs: &[PathGlob], path: impl AsRef<std::path::Path>) -> bool {
    globs.is_empty() || globs.iter().any(|glob| glob.matches(&path))
}

/// Best first; of equal scores the lower id first.
fn sort(hits: &mut [Hit]) {
    hits.sort_by(|a, b| {
        Total(b.score).cmp(&Total(a.score)).then_with(|| a.item.id.cmp(&b.item.id))
    });
}
