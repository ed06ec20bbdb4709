//! With the feature.

use anyhow::Result;
use clip::Checkpoint;
use clip_retrieval::{Address, Cluster, Store};

pub(crate) fn open(address: &str) -> Result<Box<dyn Store>> {
    Ok(Box::new(Cluster::open(&parse(address)?)?))
}

pub(crate) fn open_or_create(address: &str, checkpoint: &Checkpoint) -> Result<Box<dyn Store>> {
    let (card, fingerprint) = (checkpoint.card(), checkpoint.fingerprint());
    let dimension = card.config.embed_dim;
    let address = parse(address)?;
    Ok(Box::new(Cluster::open_or_create(&address, &fingerprint, &card.name, dimension)?))
}

fn parse(address: &str) -> Result<Address> {
    Ok(address.parse::<Address>()?.with_environment())
}
