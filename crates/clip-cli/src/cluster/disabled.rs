//! Without the feature.

use anyhow::{Result, bail};
use clip::Checkpoint;
use clip_retrieval::Store;

pub(crate) fn open(address: &str) -> Result<Box<dyn Store>> {
    refuse(address)
}

pub(crate) fn open_or_create(address: &str, _: &Checkpoint) -> Result<Box<dyn Store>> {
    refuse(address)
}

fn refuse<T>(address: &str) -> Result<T> {
    bail!(
        "{address} is a cluster, which this program was built without: build it with --features milvus"
    )
}
