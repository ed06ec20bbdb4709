//! Where a store is while it is tested.

#[cfg(feature = "milvus")]
#[path = "../common/collection.rs"]
mod collection;

#[cfg(feature = "milvus")]
use clip_retrieval::Cluster;
#[cfg(feature = "sqlite")]
use clip_retrieval::{Library, Precision};
use clip_retrieval::{Result, Store};
use clip_testkit::Random;

#[cfg(feature = "milvus")]
pub(crate) use collection::Collection;

/// Where a store can be opened again and again.
pub(crate) trait Place: Sync {
    /// Opens the store of a model, or makes it.
    fn open_for(&self, model: [&str; 2], dimension: usize) -> Result<Box<dyn Store>>;

    /// Opens the store of the model that most tests have.
    fn open(&self, dimension: usize) -> Box<dyn Store> {
        self.open_for(["1", "tiny"], dimension).unwrap()
    }
}

/// A folder.
#[cfg(feature = "sqlite")]
pub(crate) struct Folder(tempfile::TempDir);

#[cfg(feature = "sqlite")]
impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

#[cfg(feature = "sqlite")]
impl Place for Folder {
    fn open_for(&self, [fingerprint, name]: [&str; 2], dimension: usize) -> Result<Box<dyn Store>> {
        let path = self.0.path();
        let library = Library::open_or_create(path, fingerprint, name, dimension, Precision::F32);
        Ok(Box::new(library?))
    }
}

/// Exact, so that its answers can be compared.
#[cfg(feature = "milvus")]
impl Place for Collection {
    fn open_for(&self, [fingerprint, name]: [&str; 2], dimension: usize) -> Result<Box<dyn Store>> {
        let address = self.address("index=flat");
        Ok(Box::new(Cluster::open_or_create(&address, fingerprint, name, dimension)?))
    }
}

/// A vector of length 1.
pub(crate) fn unit(random: &mut Random, dimension: usize) -> Vec<f32> {
    let vector = random.values(dimension);
    let norm = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
    vector.into_iter().map(|v| v / norm).collect()
}
