//! The library as one of many kinds of [`Store`].

use std::path::Path;
use std::sync::Arc;

use super::library::Library;
use super::snapshot::LibrarySnapshot;
use super::writer::Writer;
use crate::{Failure, Item, KeptTags, Result, Snapshot, Store, StoreWriter};

impl Store for Library {
    fn fingerprint(&self) -> &str {
        &self.shared.kind.fingerprint
    }

    fn model_name(&self) -> &str {
        &self.shared.kind.model
    }

    fn dimension(&self) -> usize {
        self.shared.kind.dimension
    }

    fn place(&self) -> String {
        self.folder().display().to_string()
    }

    fn is_whole(&self) -> bool {
        self.lost().is_none()
    }

    fn snapshot(&self) -> Result<Arc<dyn Snapshot>> {
        Ok(Arc::new(LibrarySnapshot::newest(&self.shared)?))
    }

    fn reload(&self) -> Result<()> {
        LibrarySnapshot::newest(&self.shared).map(drop)
    }

    fn writer(&self) -> Result<Box<dyn StoreWriter>> {
        Ok(Box::new(self.write()?))
    }
}

impl StoreWriter for Writer {
    fn store(&self) -> &dyn Snapshot {
        self.snapshot()
    }

    fn upsert(&mut self, item: &Item, vector: &[f32]) -> Result<()> {
        self.upsert(item, vector)
    }

    fn rename(&mut self, id: &str, item: &Item) -> Result<bool> {
        self.rename(id, item)
    }

    fn remove(&mut self, id: &str) -> Result<bool> {
        self.remove(id)
    }

    fn fail(&mut self, failure: &Failure) -> Result<()> {
        self.fail(failure)
    }

    fn forgive(&mut self, path: &Path) -> Result<bool> {
        self.forgive(path)
    }

    fn keep_tags(&mut self, kept: &KeptTags) -> Result<()> {
        self.keep_tags(kept)
    }

    fn forget_tags(&mut self, path: &Path) -> Result<()> {
        self.forget_tags(path)
    }

    fn commit(&mut self) -> Result<()> {
        self.commit()
    }
}
