//! A library in a cluster that is open.

use std::sync::{Arc, Mutex, MutexGuard};

use milvus::v2::prelude::{
    CreateCollectionRequest, CreateIndexRequest, CreatePartitionRequest, DescribeCollectionRequest,
    DescribeIndexRequest, DropCollectionRequest, HasCollectionRequest, HasPartitionRequest,
    LoadCollectionRequest,
};

use super::address::Address;
use super::batch::Batch;
use super::client::Client;
use super::schema::{self, FAILED, FORMAT, ITEMS, KEPT, Kind, Other, field};
use crate::{Error, Result};

/// Unit vectors of one model and what they stand for, in a collection of a Milvus cluster.
///
/// It does what [`Library`](crate::Library) does, for many programs on many machines at once: see
/// [`Store`](crate::Store). What differs:
///
/// - **What is committed** is in the log of the cluster when
///   [`commit`](crate::StoreWriter::commit) returns, and stays whatever happens to this program or to
///   the servers. Until then it goes out in batches, which are not taken back. Where a program dies
///   in the midst of one, an item that was renamed or changed its kind may be there twice until it is
///   written again; none is lost.
/// - **What is seen** depends on the [`Consistency`](crate::Consistency) of the address. A writer
///   sees what it has done. Programs may write at the same time; of two that write one item, the last
///   one stays. So a [`Snapshot`](crate::Snapshot) is no more than a way to ask, and has no version.
/// - **Searches** are exact with the index [`Flat`](crate::ClusterIndex::Flat), and nearly so with
///   [`Hnsw`](crate::ClusterIndex::Hnsw). A question has up to 16,384 answers. Patterns of paths are
///   looked at here: more is asked for until enough fits, up to those 16,384; then all paths are
///   read, and those that fit are searched among.
/// - **Items** are listed in an order that stays, and is not that of their insertion.
/// - **Sizes**: a text, a path, an id or the tags of an item have up to 65,535 bytes. What is longer
///   is refused before anything is sent.
/// - **Faults** that may pass (a connection that breaks, a server that starts, a collection that is
///   being loaded, which took half a minute after a server was killed) are waited for, with growing
///   pauses, as long as the address has patience. All that is asked may be asked twice.
///
/// Every call waits for its answer; programs that are asynchronous make it on a thread for such
/// (`spawn_blocking`).
///
/// | server | what was tested |
/// | --- | --- |
/// | Milvus 2.3.5, standalone | everything; also with TLS and a password |
/// | Milvus Lite 3.2.2 | everything but TLS and passwords, which it does not have |
///
/// Nothing here needs more than the protocol of 2.3, which newer servers speak too; they were not
/// tested.
#[derive(Clone)]
pub struct Cluster {
    pub(super) collection: Arc<Collection>,
}

/// A collection that is asked; by a writer, after what waits was sent.
pub(super) struct Collection {
    pub(super) client: Arc<Client>,
    pub(super) kind: Kind,
    pub(super) batch: Mutex<Batch>,
}

impl Cluster {
    /// Opens the collection of an address, or makes it, for vectors of `dimension` values of the model
    /// with this fingerprint; the name is for people.
    ///
    /// # Errors
    ///
    /// [`Error::OtherModel`], and those of [`Self::open`] but for [`Error::NoLibrary`].
    pub fn open_or_create(
        address: &Address,
        fingerprint: &str,
        model_name: &str,
        dimension: usize,
    ) -> Result<Self> {
        let client = Client::connect(address)?;
        if find(&client)?.is_none() {
            let (fingerprint, model) = (fingerprint.to_owned(), model_name.to_owned());
            let made = create(&client, &Kind { fingerprint, model, dimension });
            // Or another program has made it by now.
            if let Err(error) = made
                && find(&client)?.is_none()
            {
                return Err(error);
            }
        }
        Self::with(client)?.of_model(fingerprint, model_name)
    }

    /// Opens the collection of an address, of whatever model.
    ///
    /// # Errors
    ///
    /// [`Error::NoServer`] where none answers, [`Error::Forbidden`], [`Error::NoLibrary`] where there
    /// is no such collection, [`Error::OtherCollection`] and [`Error::Newer`] where it is not one of
    /// this program, [`Error::Unavailable`] where the cluster does not load it in time,
    /// [`Error::Refused`].
    pub fn open(address: &Address) -> Result<Self> {
        Self::with(Client::connect(address)?)
    }

    /// As [`Self::open`], of the model with this fingerprint. The name is for the message.
    ///
    /// # Errors
    ///
    /// [`Error::OtherModel`] where the fingerprint differs, and those of [`Self::open`].
    pub fn open_for(address: &Address, fingerprint: &str, model_name: &str) -> Result<Self> {
        Self::open(address)?.of_model(fingerprint, model_name)
    }

    /// Removes the collection with all that is in it.
    ///
    /// # Errors
    ///
    /// [`Error::Forbidden`], [`Error::Unavailable`], [`Error::Refused`].
    pub fn destroy(self) -> Result<()> {
        let Collection { client, .. } = &*self.collection;
        let name = client.address().collection();
        client.call("remove the collection", |sdk| async move {
            let request = DropCollectionRequest::builder().collection_name(name).build()?;
            sdk.drop_collection(request).await
        })
    }

    /// Its address.
    pub fn address(&self) -> &Address {
        self.collection.client.address()
    }

    fn with(client: Client) -> Result<Self> {
        let kind = find(&client)?
            .ok_or_else(|| Error::NoLibrary { path: client.address().to_string().into() })?;
        complete(&client)?;
        Ok(Self { collection: Arc::new(Collection::new(Arc::new(client), kind)) })
    }

    fn of_model(self, fingerprint: &str, model_name: &str) -> Result<Self> {
        let kind = &self.collection.kind;
        if kind.fingerprint == fingerprint {
            return Ok(self);
        }
        Err(Error::OtherModel {
            path: self.address().to_string().into(),
            found_name: kind.model.clone(),
            wanted_name: model_name.to_owned(),
        })
    }
}

impl Collection {
    fn new(client: Arc<Client>, kind: Kind) -> Self {
        Self { client, kind, batch: Mutex::default() }
    }

    /// The same, for one who writes.
    pub(super) fn to_write(&self) -> Self {
        Self::new(Arc::clone(&self.client), self.kind.clone())
    }

    pub(super) fn address(&self) -> &Address {
        self.client.address()
    }

    pub(super) fn name(&self) -> &str {
        self.address().collection()
    }

    pub(super) fn batch(&self) -> MutexGuard<'_, Batch> {
        // A panic while it was held leaves a batch that is sent again.
        self.batch.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Whose vectors the collection holds, if it is there.
fn find(client: &Client) -> Result<Option<Kind>> {
    let (name, action) = (client.address().collection(), "describe the collection");
    let is_there = client.call(action, |sdk| async move {
        let request = HasCollectionRequest::builder().collection_name(name).build()?;
        sdk.has_collection(request).await
    })?;
    if !is_there.exists() {
        return Ok(None);
    }
    let found = client.call(action, |sdk| async move {
        let request = DescribeCollectionRequest::builder().collection_name(name).build()?;
        sdk.describe_collection(request).await
    })?;
    let place = client.address().to_string();
    schema::kind(found.description()).map(Some).map_err(|other| match other {
        Other::Newer(found) => Error::Newer { path: place.into(), found, supported: FORMAT },
        Other::Shape(reason) => Error::OtherCollection { place, reason },
    })
}

fn create(client: &Client, kind: &Kind) -> Result<()> {
    let name = client.address().collection();
    client.call("make the collection", |sdk| async move {
        let request = CreateCollectionRequest::builder()
            .collection_name(name)
            .description(format!("Library of the model {}", kind.model))
            .schema(schema::schema(kind.dimension))
            .properties(schema::properties(kind))
            .build()?;
        sdk.create_collection(request).await
    })
}

/// Adds what a collection lacks whose maker was killed, or was of an earlier version, and loads it.
fn complete(client: &Client) -> Result<()> {
    let name = client.address().collection();
    for partition in ITEMS.iter().chain([&FAILED, &KEPT]).copied() {
        // One by one: the client cannot read the list that Milvus Lite gives.
        let is_there = client.call("look for a partition", |sdk| async move {
            let request = HasPartitionRequest::builder()
                .collection_name(name)
                .partition_name(partition)
                .build()?;
            sdk.has_partition(request).await
        })?;
        if !is_there.exists() {
            client.call("make a partition", |sdk| async move {
                let request = CreatePartitionRequest::builder()
                    .collection_name(name)
                    .partition_name(partition)
                    .build()?;
                sdk.create_partition(request).await
            })?;
        }
    }
    if !has_index(client)? {
        let made = client.call("make the index", |sdk| async move {
            let request = CreateIndexRequest::builder()
                .collection_name(name)
                .index_param(schema::index(client.address().index()))
                // Waiting for it takes a call that Milvus Lite does not have; loading waits too.
                .sync(false)
                .build()?;
            sdk.create_index(request).await
        });
        // Or another program has made it by now.
        if let Err(error) = made
            && !has_index(client)?
        {
            return Err(error);
        }
    }
    client.call("load the collection", |sdk| async move {
        let timeout = client.address().patience().as_millis() as i64;
        let request =
            LoadCollectionRequest::builder().collection_name(name).timeout_ms(timeout).build()?;
        sdk.load_collection(request).await
    })
}

fn has_index(client: &Client) -> Result<bool> {
    let name = client.address().collection();
    // Where there is none, that is an error.
    let found = client.call("describe the index", |sdk| async move {
        let request = DescribeIndexRequest::builder()
            .collection_name(name)
            .field_name(field::VECTOR)
            .build()?;
        sdk.describe_index(request).await
    });
    match found {
        Ok(found) => Ok(!found.indexes().is_empty()),
        Err(Error::Refused { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
