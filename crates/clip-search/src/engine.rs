//! What every front end calls.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use clip::{Embedder, Embedding};
use clip_retrieval::{Filter, Item};

use crate::shared::Shared;
use crate::{
    AddedTexts, Changes, Collection, Observer, Result, Scan, SearchRequest, SearchResponse,
    TagChange, TagsChanged, UpdateOptions, add_tags, add_texts, build_graph, change_tags, planned,
    relevance, search, update,
};

/// An embedder and a collection of its vectors. Clones share both; any number of threads may use one.
///
/// Today they take turns: while one updates the collection, others wait.
#[derive(Clone)]
pub struct Engine {
    embedder: Arc<Embedder>,
    collection: Shared,
    /// The vectors of the reference queries, once they are needed.
    references: Arc<OnceLock<Vec<Embedding>>>,
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
    pub fn new(embedder: Embedder, collection: Collection) -> Result<Self> {
        collection.check_model(embedder.checkpoint())?;
        let (embedder, collection) = (Arc::new(embedder), Shared::new(collection));
        Ok(Self { embedder, collection, references: Arc::default() })
    }

    /// What encodes.
    pub fn embedder(&self) -> &Embedder {
        &self.embedder
    }

    /// Looks at the collection, for what is not among the methods here; others wait meanwhile.
    pub fn read<R>(&self, read: impl FnOnce(&Collection) -> R) -> R {
        self.collection.read(read)
    }

    /// Changes the collection, as [`Self::read`].
    pub fn write<R>(&self, write: impl FnOnce(&mut Collection) -> R) -> R {
        self.collection.write(write)
    }

    /// Answers a request.
    ///
    /// # Errors
    ///
    /// As [`search()`](crate::search()).
    pub fn search(&self, request: &SearchRequest) -> Result<SearchResponse> {
        let references = || match self.references.get() {
            Some(references) => Ok(references.clone()),
            None => {
                let references = relevance::reference_queries(&self.embedder)?;
                Ok(self.references.get_or_init(|| references).clone())
            }
        };
        // Nobody has to wait for that.
        let mut request = request.clone();
        request.query.encode(&self.embedder, None)?;
        self.read(|collection| {
            search::search_with(collection.store(), &self.embedder, &request, references)
        })
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
        self.write(|to| update(to.store_mut(), &self.embedder, scan, options, observer))
    }

    /// What [`Self::update`] would do.
    ///
    /// # Errors
    ///
    /// As [`planned`].
    pub fn planned(&self, scan: &Scan, options: &UpdateOptions) -> Result<Changes> {
        self.read(|collection| planned(collection.store(), scan, options))
    }

    /// Adds texts that are not there yet, as of [`read_texts`](crate::read_texts).
    ///
    /// # Errors
    ///
    /// As [`add_texts`].
    pub fn add_texts(&self, texts: Vec<Item>, observer: &mut dyn Observer) -> Result<AddedTexts> {
        self.write(|to| add_texts(to.store_mut(), &self.embedder, texts, observer))
    }

    /// Builds a graph to search by over at least so many vectors.
    ///
    /// # Errors
    ///
    /// As [`build_graph`].
    pub fn build_graph(&self, least: usize, observer: &mut dyn Observer) -> Result<()> {
        self.write(|collection| build_graph(collection, least, observer))
    }

    /// Gives tags to images, by their paths.
    ///
    /// # Errors
    ///
    /// As [`add_tags`].
    pub fn add_tags(&self, images: &[PathBuf], tags: &[String]) -> Result<()> {
        self.write(|collection| add_tags(collection.store_mut(), images, tags))
    }

    /// Changes the tags of the images that pass a filter.
    ///
    /// # Errors
    ///
    /// As [`change_tags`].
    pub fn change_tags(&self, filter: &Filter, changes: &[TagChange<'_>]) -> Result<TagsChanged> {
        self.write(|collection| change_tags(collection.store_mut(), filter, changes))
    }

    /// Number of items.
    ///
    /// # Errors
    ///
    /// [`Error::Retrieval`](crate::Error::Retrieval) where the collection cannot be read.
    pub fn count(&self) -> Result<usize> {
        Ok(self.read(|collection| collection.store().count())?)
    }
}
