//! Changing a library in a cluster.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;

use milvus::v2::prelude::{ConsistencyLevel, DeleteRequest, InsertRequest, UpsertRequest};

use super::batch::Batch;
use super::collection::Collection;
use super::key;
use super::read::Ask;
use super::row::{Row, columns, encode, vector};
use super::schema::{FAILED, ITEMS, field};
use super::wording::one_of;
use crate::vector::check_unit;
use crate::{Failure, Item, KeptTags, Result, Snapshot, StoreWriter};

impl Collection {
    /// Sends what waits: first what is new, then what is gone, so that nothing is lost in between.
    pub(super) fn send(&self) -> Result<()> {
        let mut batch = self.batch();
        if batch.rows.is_empty() {
            return Ok(());
        }
        let mut gone: Vec<String> = Vec::new();
        let mut of_partition: BTreeMap<&'static str, Vec<&Row>> = BTreeMap::new();
        for (key, row) in &batch.rows {
            match row {
                Some(row) => of_partition.entry(row.partition).or_default().push(row),
                None => gone.push(key.clone()),
            }
        }
        for (partition, rows) in &of_partition {
            self.upsert_rows(partition, rows)?;
        }
        if !gone.is_empty() {
            self.delete_rows(&gone)?;
        }
        *batch = Batch::default();
        Ok(())
    }

    fn upsert_rows(&self, partition: &str, rows: &[&Row]) -> Result<()> {
        self.client.call("store items", |sdk| async move {
            let insert = InsertRequest::builder()
                .collection_name(self.name())
                .partition_name(partition)
                .columns(columns(rows))
                .build()?;
            sdk.upsert(UpsertRequest::builder().insert(insert).build()?).await
        })?;
        Ok(())
    }

    fn delete_rows(&self, keys: &[String]) -> Result<()> {
        let condition = one_of(field::KEY, keys);
        let condition = condition.as_str();
        self.client.call("remove items", |sdk| async move {
            let request =
                DeleteRequest::builder().collection_name(self.name()).filter(condition).build()?;
            sdk.delete(request).await
        })?;
        Ok(())
    }
}

/// A cluster that is written to.
pub(super) struct Writer {
    collection: Collection,
    /// Whether it has asked for what others have committed.
    is_current: Cell<bool>,
}

impl Writer {
    pub(super) fn new(collection: Collection) -> Self {
        Self { collection, is_current: Cell::new(false) }
    }

    /// How fresh an answer has to be on which something is decided. The first sees what all others
    /// have committed; after that, waiting each time would make a thousand renamed files take minutes.
    fn level(&self) -> ConsistencyLevel {
        match self.is_current.replace(true) {
            true => ConsistencyLevel::Session,
            false => ConsistencyLevel::Strong,
        }
    }

    /// The vector of the row that has one of some keys, if there is one.
    fn vector(&self, keys: &[String], partitions: &[&str]) -> Result<Option<Vec<f32>>> {
        let mut unknown = Vec::new();
        for key in keys {
            match self.collection.batch().rows.get(key) {
                Some(Some(row)) => return Ok(Some(row.vector.clone())),
                Some(None) => {}
                None => unknown.push(key.clone()),
            }
        }
        if unknown.is_empty() {
            return Ok(None);
        }
        let condition = one_of(field::KEY, &unknown);
        let fields = &[field::VECTOR];
        let ask = Ask { fields, partitions, condition: &condition, level: self.level() };
        self.collection.first(&ask, vector)
    }

    /// Sends what waits where it is enough.
    fn send_if_full(&self) -> Result<()> {
        let is_full = self.collection.batch().is_full();
        if is_full { self.collection.send() } else { Ok(()) }
    }
}

impl StoreWriter for Writer {
    fn store(&self) -> &dyn Snapshot {
        &self.collection
    }

    fn upsert(&mut self, item: &Item, vector: &[f32]) -> Result<()> {
        check_unit(vector, self.collection.kind.dimension, || item.content.to_string())?;
        let row = Row::of_item(item, vector)?;
        let failure = item.path().map(encode).transpose()?.map(|path| key::of_failure(&path));
        let mut batch = self.collection.batch();
        batch.delete(key::of_items(&item.id));
        batch.delete(failure);
        batch.put(row);
        drop(batch);
        self.send_if_full()
    }

    fn rename(&mut self, id: &str, item: &Item) -> Result<bool> {
        let old = key::of_items(id);
        let Some(vector) = self.vector(&old, ITEMS)? else { return Ok(false) };
        let row = Row::of_item(item, &vector)?;
        let mut batch = self.collection.batch();
        batch.delete(old);
        batch.delete(key::of_items(&item.id));
        batch.put(row);
        drop(batch);
        self.send_if_full()?;
        Ok(true)
    }

    fn remove(&mut self, id: &str) -> Result<bool> {
        let keys = key::of_items(id);
        let was_there = self.vector(&keys, ITEMS)?.is_some();
        self.collection.batch().delete(keys);
        self.send_if_full()?;
        Ok(was_there)
    }

    fn fail(&mut self, failure: &Failure) -> Result<()> {
        let row = Row::of_failure(failure, self.collection.kind.dimension)?;
        let mut batch = self.collection.batch();
        batch.delete(key::of_items(&Item::path_id(&failure.path)));
        batch.put(row);
        drop(batch);
        self.send_if_full()
    }

    fn forgive(&mut self, path: &Path) -> Result<bool> {
        let keys = [key::of_failure(&encode(path)?)];
        let was_there = self.vector(&keys, &[FAILED])?.is_some();
        self.collection.batch().delete(keys);
        self.send_if_full()?;
        Ok(was_there)
    }

    fn keep_tags(&mut self, kept: &KeptTags) -> Result<()> {
        let row = Row::of_kept(kept, self.collection.kind.dimension)?;
        self.collection.batch().put(row);
        self.send_if_full()
    }

    fn forget_tags(&mut self, path: &Path) -> Result<()> {
        let key = key::of_kept(&encode(path)?);
        self.collection.batch().delete([key]);
        self.send_if_full()
    }

    fn commit(&mut self) -> Result<()> {
        self.collection.send()
    }
}
