//! The library as one of many kinds of [`Store`].

use std::path::Path;

use super::library::Library;
use super::writer::Writer;
use crate::{
    Failure, Filter, Hit, Item, KeptTags, KnownFile, Modality, Result, Store, StoreWriter,
};

impl Store for Library {
    fn fingerprint(&self) -> &str {
        self.fingerprint()
    }

    fn model_name(&self) -> &str {
        self.model_name()
    }

    fn dimension(&self) -> usize {
        self.dimension()
    }

    fn place(&self) -> String {
        self.folder().display().to_string()
    }

    fn count(&self) -> Result<usize> {
        Ok(self.len())
    }

    fn search_all(&self, queries: &[&[f32]], top: usize, filter: &Filter) -> Result<Vec<Vec<Hit>>> {
        self.search_all(queries, top, filter)
    }

    fn scan_all(&self, queries: &[&[f32]], top: usize, filter: &Filter) -> Result<Vec<Vec<Hit>>> {
        self.scan_all(queries, top, filter)
    }

    fn is_whole(&self) -> bool {
        self.lost().is_empty()
    }

    fn sample(&self, count: usize, modality: Modality) -> Result<Vec<f32>> {
        self.sample(count, modality)
    }

    fn items(&self, filter: &Filter) -> Result<Vec<Item>> {
        self.items(filter)
    }

    fn get(&self, id: &str) -> Result<Option<(Item, Vec<f32>)>> {
        self.get(id)
    }

    fn files(&self) -> Result<Vec<KnownFile>> {
        self.files()
    }

    fn failures(&self) -> Result<Vec<Failure>> {
        self.failures()
    }

    fn kept_tags(&self) -> Result<Vec<KeptTags>> {
        self.kept_tags()
    }

    fn writer(&mut self) -> Result<Box<dyn StoreWriter + '_>> {
        Ok(Box::new(self.write()?))
    }
}

impl StoreWriter for Writer<'_> {
    fn store(&self) -> &dyn Store {
        self.library()
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
