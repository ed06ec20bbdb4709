//! One state of a library in a folder.

use std::sync::{Arc, Mutex, MutexGuard};

use super::scan::nearest;
use super::shared::{Connection, Shared, lock};
use super::vectors::{SearchMode, Vectors};
use crate::top::Scored;
use crate::vector::check_queries;
use crate::{
    Failure, Filter, Hit, Item, KeptTags, KnownFile, Modality, Result, SearchOptions, Snapshot,
};

/// A [`Library`](crate::Library) as of one commit, or as its writer has it. See [`Snapshot`].
///
/// Items are listed in the order of their insertion; of equal scores the earlier inserted comes first.
/// Every vector is compared, on all cores where there are many, but for those that have a graph (see
/// [`Writer::connect`](crate::Writer)): of these some of the nearest may be missed.
#[derive(Debug)]
pub struct LibrarySnapshot {
    pub(super) shared: Arc<Shared>,
    /// In the state of the vectors; locked while it is asked, and not while vectors are compared.
    catalog: Mutex<Connection>,
    pub(super) vectors: Arc<Vectors>,
    version: Option<u64>,
}

impl LibrarySnapshot {
    pub(super) fn new(
        shared: Arc<Shared>,
        catalog: Connection,
        vectors: Arc<Vectors>,
        version: Option<u64>,
    ) -> Self {
        Self { shared, catalog: Mutex::new(catalog), vectors, version }
    }

    /// The newest state.
    pub(super) fn newest(shared: &Arc<Shared>) -> Result<Self> {
        let catalog = shared.connect()?;
        let commit = catalog.begin_read()?;
        let vectors = match shared.published(commit) {
            Some(vectors) => vectors,
            None => shared.load(&catalog)?,
        };
        let version = Some(vectors.commit);
        Ok(Self::new(Arc::clone(shared), catalog, vectors, version))
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.vectors.len()
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn catalog(&self) -> MutexGuard<'_, Connection> {
        lock(&self.catalog)
    }

    /// The catalog, and the vectors to be changed.
    pub(super) fn parts_mut(&mut self) -> (&Connection, &mut Arc<Vectors>) {
        let catalog = self.catalog.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        (catalog, &mut self.vectors)
    }
}

impl Snapshot for LibrarySnapshot {
    fn fingerprint(&self) -> &str {
        &self.shared.kind.fingerprint
    }

    fn model_name(&self) -> &str {
        &self.shared.kind.model
    }

    fn dimension(&self) -> usize {
        self.shared.kind.dimension
    }

    fn version(&self) -> Option<u64> {
        self.version
    }

    fn count(&self) -> Result<usize> {
        Ok(self.len())
    }

    /// The vectors are read once for all queries.
    fn search_all(
        &self,
        queries: &[&[f32]],
        top: usize,
        filter: &Filter,
        options: &SearchOptions,
    ) -> Result<Vec<Vec<Hit>>> {
        let dimension = self.dimension();
        check_queries(queries, dimension)?;
        let keys = self.catalog().keys(filter)?;
        let mode = SearchMode::from(options);
        let best = self
            .vectors
            .with_places(keys.as_deref(), dimension, mode, |places| nearest(queries, top, places));
        let catalog = self.catalog();
        let hit = |scored: Scored| {
            let item = catalog.item(scored.key).transpose()?;
            Some(item.map(|item| Hit { item, score: scored.score }))
        };
        best.into_iter().map(|best| best.into_iter().filter_map(hit).collect()).collect()
    }

    /// Every so many in the order of their keys.
    fn sample(&self, count: usize, modality: Modality) -> Result<Vec<f32>> {
        let keys = self.catalog().keys(&Filter::of(modality))?;
        Ok(self.vectors.sample(keys.as_deref(), count, self.dimension()))
    }

    fn items(&self, filter: &Filter) -> Result<Vec<Item>> {
        self.catalog().items(filter)
    }

    fn get(&self, id: &str) -> Result<Option<(Item, Vec<f32>)>> {
        let catalog = self.catalog();
        let Some(key) = catalog.key_of(id)? else { return Ok(None) };
        let vector = self.vectors.vector(key, self.dimension());
        Ok(catalog.item(key)?.zip(vector))
    }

    fn files(&self) -> Result<Vec<KnownFile>> {
        self.catalog().files()
    }

    fn failures(&self) -> Result<Vec<Failure>> {
        self.catalog().failures()
    }

    fn kept_tags(&self) -> Result<Vec<KeptTags>> {
        self.catalog().kept_tags()
    }
}
