//! The vectors of one model, wherever they are.

use std::path::Path;
use std::sync::Arc;

use clip::Checkpoint;
use clip_retrieval::Store;
#[cfg(feature = "sqlite")]
use clip_retrieval::{DataLoss, Library, Precision};

#[cfg(feature = "sqlite")]
use crate::workspace;
use crate::{Error, Location, Result};

/// The vectors of one model and what they stand for, in a folder or in a cluster.
///
/// This is a handle: clones are the same collection, and any number of threads may search them while one
/// writes.
#[derive(Clone)]
pub struct Collection {
    opened: Opened,
    location: Location,
    is_new: bool,
}

#[derive(Clone)]
enum Opened {
    #[cfg(feature = "sqlite")]
    Folder(Library),
    Cluster(Arc<dyn Store>),
}

impl Collection {
    /// Opens a collection, whichever model made it.
    ///
    /// # Errors
    ///
    /// [`Error::Retrieval`] where there is none or it is damaged; [`Error::NoClusters`] and
    /// [`Error::NoFolders`] in a program that was built without its kind.
    pub fn open(location: &Location) -> Result<Self> {
        match location {
            Location::Folder(folder) => Self::open_folder(folder, None),
            Location::Cluster(address) => {
                Ok(Self::of_cluster(cluster::open(address)?, location, false))
            }
        }
    }

    /// Opens the collection of a model.
    ///
    /// # Errors
    ///
    /// As [`Self::open`], and where it is another model's.
    pub fn open_for(location: &Location, checkpoint: &Checkpoint) -> Result<Self> {
        match location {
            Location::Folder(folder) => Self::open_folder(folder, Some(checkpoint)),
            Location::Cluster(_) => {
                let opened = Self::open(location)?;
                opened.check_model(checkpoint)?;
                Ok(opened)
            }
        }
    }

    /// Opens the collection of a model where there is one.
    ///
    /// # Errors
    ///
    /// As [`Self::open_for`], but where there is none.
    pub fn open_existing(location: &Location, checkpoint: &Checkpoint) -> Result<Option<Self>> {
        match Self::open_for(location, checkpoint) {
            Err(Error::Retrieval(clip_retrieval::Error::NoLibrary { .. })) => Ok(None),
            opened => Ok(Some(opened?)),
        }
    }

    /// Opens the collection of a model, or starts an empty one.
    ///
    /// # Errors
    ///
    /// As [`Self::open_for`], but where there is none.
    pub fn open_or_create(location: &Location, checkpoint: &Checkpoint) -> Result<Self> {
        match location {
            Location::Folder(folder) => Self::open_or_create_folder(folder, checkpoint),
            Location::Cluster(address) => {
                let store = cluster::open_or_create(address, checkpoint)?;
                let is_new = store.count()? == 0;
                Ok(Self::of_cluster(store, location, is_new))
            }
        }
    }

    #[cfg(feature = "sqlite")]
    fn open_folder(folder: &Path, checkpoint: Option<&Checkpoint>) -> Result<Self> {
        workspace::put_back(folder)?;
        let library = match checkpoint {
            None => Library::open(folder)?,
            Some(checkpoint) => {
                let name = &checkpoint.card().name;
                Library::open_for(folder, &checkpoint.fingerprint(), name)?
            }
        };
        Ok(Self::of_library(library, folder, false))
    }

    #[cfg(feature = "sqlite")]
    fn open_or_create_folder(folder: &Path, checkpoint: &Checkpoint) -> Result<Self> {
        workspace::put_back(folder)?;
        let is_new = !folder.exists();
        let (card, fingerprint) = (checkpoint.card(), checkpoint.fingerprint());
        let (name, dimension) = (&card.name, card.config.embed_dim);
        let library =
            Library::open_or_create(folder, &fingerprint, name, dimension, Precision::F32)?;
        Ok(Self::of_library(library, folder, is_new))
    }

    #[cfg(not(feature = "sqlite"))]
    fn open_folder(folder: &Path, _: Option<&Checkpoint>) -> Result<Self> {
        Err(Error::NoFolders { path: folder.to_owned() })
    }

    #[cfg(not(feature = "sqlite"))]
    fn open_or_create_folder(folder: &Path, _: &Checkpoint) -> Result<Self> {
        Self::open_folder(folder, None)
    }

    #[cfg(feature = "sqlite")]
    fn of_library(library: Library, folder: &Path, is_new: bool) -> Self {
        let location = Location::Folder(folder.to_owned());
        Self { opened: Opened::Folder(library), location, is_new }
    }

    fn of_cluster(store: Arc<dyn Store>, location: &Location, is_new: bool) -> Self {
        Self { opened: Opened::Cluster(store), location: location.clone(), is_new }
    }

    /// Refuses another model's collection.
    pub(crate) fn check_model(&self, checkpoint: &Checkpoint) -> Result<()> {
        let store = self.store();
        if store.fingerprint() == checkpoint.fingerprint() {
            return Ok(());
        }
        Err(Error::Retrieval(clip_retrieval::Error::OtherModel {
            path: self.location.as_path().to_owned(),
            found_name: store.model_name().to_owned(),
            wanted_name: checkpoint.card().name.clone(),
        }))
    }

    /// What every kind of collection can do.
    pub fn store(&self) -> &dyn Store {
        match &self.opened {
            #[cfg(feature = "sqlite")]
            Opened::Folder(library) => library,
            Opened::Cluster(store) => &**store,
        }
    }

    /// Where it is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Whether it was empty, or not there, when it was opened.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// What only a collection in a folder can do.
    ///
    /// # Errors
    ///
    /// [`Error::IsCluster`] where it is in a cluster.
    #[cfg(feature = "sqlite")]
    pub fn library(&self) -> Result<&Library> {
        match &self.opened {
            Opened::Folder(library) => Ok(library),
            Opened::Cluster(_) => Err(Error::IsCluster { address: self.location.to_string() }),
        }
    }

    /// What was lost of it, as was found when it was opened.
    #[cfg(feature = "sqlite")]
    pub fn lost(&self) -> Option<Arc<DataLoss>> {
        match &self.opened {
            Opened::Folder(library) => library.lost(),
            Opened::Cluster(_) => None,
        }
    }
}

#[cfg(feature = "milvus")]
mod cluster {
    use std::sync::Arc;

    use clip::Checkpoint;
    use clip_retrieval::{Address, Cluster, Store};

    use crate::Result;

    pub(super) fn open(address: &str) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(Cluster::open(&parse(address)?)?))
    }

    pub(super) fn open_or_create(address: &str, checkpoint: &Checkpoint) -> Result<Arc<dyn Store>> {
        let (card, fingerprint) = (checkpoint.card(), checkpoint.fingerprint());
        let dimension = card.config.embed_dim;
        let address = parse(address)?;
        Ok(Arc::new(Cluster::open_or_create(&address, &fingerprint, &card.name, dimension)?))
    }

    fn parse(address: &str) -> Result<Address> {
        Ok(address.parse::<Address>()?.with_environment())
    }
}

#[cfg(not(feature = "milvus"))]
mod cluster {
    use std::sync::Arc;

    use clip::Checkpoint;
    use clip_retrieval::Store;

    use crate::{Error, Result};

    pub(super) fn open(address: &str) -> Result<Arc<dyn Store>> {
        Err(Error::NoClusters { address: address.to_owned() })
    }

    pub(super) fn open_or_create(address: &str, _: &Checkpoint) -> Result<Arc<dyn Store>> {
        open(address)
    }
}
