//! What others make in a cluster: tests that need more of the client than users of this crate have.

use std::collections::HashMap;

use milvus::v2::prelude::{
    CollectionSchema, CreateCollectionRequest, DataType, DropCollectionRequest, FieldSchema,
    ReleaseCollectionRequest,
};

use super::client::Client;
use super::schema::{self, Kind};
use super::{Address, Cluster};
use crate::{Error, Item, Store};

/// The address of a collection; none where no server is named.
fn address(collection: &str) -> Option<Address> {
    let server = std::env::var("CLIP_MILVUS_URL").ok()?;
    let name = format!("{}/{collection}_{}", server.trim_end_matches('/'), std::process::id());
    Some(name.parse::<Address>().unwrap().with_environment())
}

/// What opening a collection says that somebody made in this way.
fn check(
    name: &str,
    schema: CollectionSchema,
    properties: HashMap<String, String>,
    look: impl Fn(Error),
) {
    let Some(address) = address(name) else { return };
    let client = Client::connect(&address).unwrap();
    let name = address.collection();
    let (schema, properties) = (&schema, &properties);
    let made = client.call("make another collection", |sdk| async move {
        let request = CreateCollectionRequest::builder()
            .collection_name(name)
            .schema(schema.clone())
            .properties(properties.clone())
            .build()?;
        sdk.create_collection(request).await
    });
    made.unwrap();
    look(Cluster::open(&address).err().unwrap());
    look(Cluster::open_or_create(&address, "1", "tiny", 2).err().unwrap());
    let removed = client.call("remove it", |sdk| async move {
        let request = DropCollectionRequest::builder().collection_name(name).build()?;
        sdk.drop_collection(request).await
    });
    removed.unwrap();
}

fn properties() -> HashMap<String, String> {
    let (fingerprint, model) = ("1".to_owned(), "tiny".to_owned());
    schema::properties(&Kind { fingerprint, model, dimension: 2 })
}

#[test]
fn a_collection_of_some_other_program_is_refused() {
    let id = FieldSchema::new().name("id").data_type(DataType::Int64).primary_key(true);
    let vector = FieldSchema::new().name("v").data_type(DataType::FloatVector).dimension(2);
    let other = CollectionSchema::new().add_field(id).add_field(vector);
    check("clip_test_other", other.clone(), HashMap::new(), |error| {
        let expected = "is no collection of this program (it has no property clip.format)";
        assert!(error.to_string().contains(expected), "{error}");
    });
    check("clip_test_shape", other, properties(), |error| {
        assert!(error.to_string().contains("(it has no field key)"), "{error}");
    });
}

#[test]
fn a_collection_of_a_later_version_is_refused() {
    let mut newer = properties();
    newer.insert("clip.format".to_owned(), "7".to_owned());
    check("clip_test_newer", schema::schema(2), newer, |error| {
        assert!(matches!(error, Error::Newer { found: 7, supported: 1, .. }), "{error}");
    });
}

/// Its maker was killed before it had partitions and an index.
#[test]
fn a_collection_that_was_left_half_made_is_completed() {
    let Some(address) = address("clip_test_half") else { return };
    let client = Client::connect(&address).unwrap();
    let name = address.collection();
    let made = client.call("make half a collection", |sdk| async move {
        let request = CreateCollectionRequest::builder()
            .collection_name(name)
            .schema(schema::schema(2))
            .properties(properties())
            .build()?;
        sdk.create_collection(request).await
    });
    made.unwrap();
    let cluster = Cluster::open(&address).unwrap();
    let mut writer = cluster.writer().unwrap();
    writer.upsert(&Item::text("a"), &[1.0, 0.0]).unwrap();
    writer.commit().unwrap();
    drop(writer);
    assert_eq!(cluster.count().unwrap(), 1);
    // Somebody who has put it out of memory is no reason to fail either.
    let released = client.call("release the collection", |sdk| async move {
        let request = ReleaseCollectionRequest::builder().collection_name(name).build()?;
        sdk.release_collection(request).await
    });
    released.unwrap();
    let cluster = Cluster::open(&address).unwrap();
    assert_eq!(cluster.count().unwrap(), 1);
    cluster.destroy().unwrap();
}
