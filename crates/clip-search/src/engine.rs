//! What every front end calls.

use std::path::PathBuf;
use std::sync::Arc;

use clip::Embedder;
use clip_retrieval::{Filter, Item};

use crate::page::{self, Order, Page};
use crate::relevance::Cache;
use crate::{
    AddedTexts, Changes, Collection, Observer, Result, Scan, SearchRequest, SearchResponse,
    TagChange, TagsChanged, UpdateOptions, add_tags, add_texts, build_graph, change_tags, planned,
    search, update,
};

/// An embedder and a collection of its vectors. Clones share both; any number of threads may use one.
///
/// Nobody waits to search: while one updates the collection, others find what was committed last. Those
/// who write take turns.
#[derive(Clone)]
pub struct Engine {
    embedder: Arc<Embedder>,
    collection: Collection,
    cache: Arc<Cache>,
}

const _: fn() = || {
    fn check<T: Send + Sync + Clone>() {}
    check::<Engine>();
};

impl Engine {
    /// Joins the two.
    ///
    /// # Errors
    ///
    /// [`Error::Retrieval`](crate::Error::Retrieval) where the collection is another model's.
    pub fn new(embedder: impl Into<Arc<Embedder>>, collection: Collection) -> Result<Self> {
        let embedder = embedder.into();
        collection.check_model(embedder.checkpoint())?;
        Ok(Self { embedder, collection, cache: Arc::default() })
    }

    /// What encodes.
    pub fn embedder(&self) -> &Arc<Embedder> {
        &self.embedder
    }

    /// The collection, for what is not among the methods here.
    pub fn collection(&self) -> &Collection {
        &self.collection
    }

    /// Answers a request.
    ///
    /// # Errors
    ///
    /// As [`search()`](crate::search()).
    pub fn search(&self, request: &SearchRequest) -> Result<SearchResponse> {
        search::search_with(self.collection.store(), &self.embedder, request, &self.cache)
    }

    /// Answers a request page by page: the `top` answers behind the first `offset`.
    ///
    /// # Errors
    ///
    /// As [`Self::search`]; [`Error::NoCut`](crate::Error::NoCut) for an order by date of all there is.
    pub fn page(&self, request: &SearchRequest, offset: usize, order: Order) -> Result<Page> {
        page::page(|request| self.search(request), request, offset, order)
    }

    /// The items that pass a filter, page by page: the newest images first, then texts and images of no
    /// date as they were inserted.
    ///
    /// # Errors
    ///
    /// [`Error::Retrieval`](crate::Error::Retrieval) where the collection cannot be read.
    pub fn browse(
        &self,
        filter: &Filter,
        offset: usize,
        limit: usize,
    ) -> Result<(Vec<Item>, usize)> {
        Ok(page::browse(self.collection.store().items(filter)?, offset, limit))
    }

    /// Brings the collection in step with what a scan listed.
    ///
    /// # Errors
    ///
    /// As [`update`].
    pub fn update(
        &self,
        scan: &Scan,
        options: &UpdateOptions,
        observer: &mut dyn Observer,
    ) -> Result<Changes> {
        update(self.collection.store(), &self.embedder, scan, options, observer)
    }

    /// What [`Self::update`] would do.
    ///
    /// # Errors
    ///
    /// As [`planned`].
    pub fn planned(&self, scan: &Scan, options: &UpdateOptions) -> Result<Changes> {
        planned(self.collection.store(), scan, options)
    }

    /// Adds texts that are not there yet, as of [`read_texts`](crate::read_texts).
    ///
    /// # Errors
    ///
    /// As [`add_texts`].
    pub fn add_texts(&self, texts: Vec<Item>, observer: &mut dyn Observer) -> Result<AddedTexts> {
        add_texts(self.collection.store(), &self.embedder, texts, observer)
    }

    /// Builds a graph to search by over at least so many vectors.
    ///
    /// # Errors
    ///
    /// As [`build_graph`].
    pub fn build_graph(&self, least: usize, observer: &mut dyn Observer) -> Result<()> {
        build_graph(&self.collection, least, observer)
    }

    /// Gives tags to images, by their paths.
    ///
    /// # Errors
    ///
    /// As [`add_tags`].
    pub fn add_tags(&self, images: &[PathBuf], tags: &[String]) -> Result<()> {
        add_tags(self.collection.store(), images, tags)
    }

    /// Changes the tags of the images that pass a filter.
    ///
    /// # Errors
    ///
    /// As [`change_tags`].
    pub fn change_tags(&self, filter: &Filter, changes: &[TagChange<'_>]) -> Result<TagsChanged> {
        change_tags(self.collection.store(), filter, changes)
    }

    /// Number of items.
    ///
    /// # Errors
    ///
    /// [`Error::Retrieval`](crate::Error::Retrieval) where the collection cannot be read.
    pub fn count(&self) -> Result<usize> {
        Ok(self.collection.store().count()?)
    }
}
