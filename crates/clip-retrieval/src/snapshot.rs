//! What a library holds at one moment.

use crate::{Failure, Filter, Item, KeptTags, KnownFile, Modality, Result};

/// One state of a [`Store`](crate::Store): all that is asked of it is answered from the same commit,
/// whatever is written meanwhile. [`Store::snapshot`](crate::Store::snapshot) gives the newest.
///
/// Threads that search at the same time take a snapshot each. While one is there, the store cannot
/// reuse the room of what was replaced since, so it is taken for a request and dropped after it.
pub trait Snapshot: Send + Sync {
    /// What tells the weights of the model from all others, such as their checksum.
    fn fingerprint(&self) -> &str;

    /// What people call the model.
    fn model_name(&self) -> &str;

    /// Values of each vector.
    fn dimension(&self) -> usize;

    /// Which commit this is of: what was computed from one snapshot holds for every other one with the
    /// same number, also in another program. None where the state may change without a commit: that
    /// of a writer, and a cluster, into which others write.
    fn version(&self) -> Option<u64>;

    /// Number of items.
    ///
    /// # Errors
    ///
    /// Where the store cannot be asked.
    fn count(&self) -> Result<usize>;

    /// The `top` items nearest to each query `[dimension]` among those that pass the filter, best
    /// first.
    ///
    /// # Errors
    ///
    /// [`Error::Dimension`](crate::Error::Dimension) or
    /// [`Error::NotFinite`](crate::Error::NotFinite) for a query that cannot be compared;
    /// [`Error::Glob`](crate::Error::Glob); where the store cannot be asked.
    fn search_all(
        &self,
        queries: &[&[f32]],
        top: usize,
        filter: &Filter,
        options: &SearchOptions,
    ) -> Result<Vec<Vec<Hit>>>;

    /// [`Self::search_all`] for one query, with the options that are usual.
    ///
    /// # Errors
    ///
    /// As [`Self::search_all`].
    fn search(&self, query: &[f32], top: usize, filter: &Filter) -> Result<Vec<Hit>> {
        let found = self.search_all(&[query], top, filter, &SearchOptions::default())?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    /// Vectors `[dimension]` of up to `count` items of a kind, spread over the store, the same ones
    /// for the same state, one after the other: what a score is compared with that is to say more than
    /// an order.
    ///
    /// # Errors
    ///
    /// Where the store cannot be asked.
    fn sample(&self, count: usize, modality: Modality) -> Result<Vec<f32>>;

    /// The items that pass the filter.
    ///
    /// # Errors
    ///
    /// [`Error::Glob`](crate::Error::Glob); where the store cannot be asked.
    fn items(&self, filter: &Filter) -> Result<Vec<Item>>;

    /// The item of an id, and its vector `[dimension]`.
    ///
    /// # Errors
    ///
    /// Where the store cannot be asked.
    fn get(&self, id: &str) -> Result<Option<(Item, Vec<f32>)>>;

    /// Every file that has a vector.
    ///
    /// # Errors
    ///
    /// Where the store cannot be asked.
    fn files(&self) -> Result<Vec<KnownFile>>;

    /// The files that could not be read.
    ///
    /// # Errors
    ///
    /// Where the store cannot be asked.
    fn failures(&self) -> Result<Vec<Failure>>;

    /// The tags of files that have no item, which
    /// [`StoreWriter::keep_tags`](crate::StoreWriter::keep_tags) kept.
    ///
    /// # Errors
    ///
    /// Where the store cannot be asked.
    fn kept_tags(&self) -> Result<Vec<KeptTags>>;
}

/// How a search looks for the nearest. They belong to the search, so that each of many at once has its
/// own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SearchOptions {
    /// Compares every vector, also those that have a graph. A cluster with graphs (its default) keeps as
    /// many candidates as Milvus takes instead, which is exact for all but very large segments; one
    /// that was made with `index=flat` is exact always.
    pub exact: bool,
    /// Candidates that a search by a graph keeps for ten answers, and more in proportion for more
    /// (`ef_search` of HNSW): more are slower and miss less. Without a number, as many as were chosen
    /// when the graph was made.
    pub ef_search: Option<usize>,
}

impl SearchOptions {
    /// Every vector is compared.
    pub fn exact() -> Self {
        Self { exact: true, ..Self::default() }
    }

    /// Graphs are searched with so many candidates.
    pub fn with_ef_search(ef_search: usize) -> Self {
        Self { ef_search: Some(ef_search), ..Self::default() }
    }
}

/// One answer of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// What was found.
    pub item: Item,
    /// Dot product of query and vector; the cosine, where the query has length 1.
    pub score: f32,
}
