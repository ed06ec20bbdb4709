//! Vectors and items in memory.

use std::collections::HashMap;

use crate::dot::dot;
use crate::{Error, Item, Result};

/// How far from 1 the length of a vector may be: vectors of half precision are within it.
const NORM_TOLERANCE: f32 = 1e-3;

/// Unit vectors of one model, each with its [`Item`], in the order of their insertion.
#[derive(Debug, Clone)]
pub struct Library {
    fingerprint: String,
    model_name: String,
    dimension: usize,
    items: Vec<Item>,
    /// Row-major `[items, dimension]`.
    vectors: Vec<f32>,
    /// Row of each id.
    rows: HashMap<String, usize>,
}

impl Library {
    /// An empty library for vectors of `dimension` values, made by the model of this fingerprint.
    /// The name is for people.
    pub fn new(fingerprint: &str, model_name: &str, dimension: usize) -> Self {
        let (fingerprint, model_name) = (fingerprint.to_owned(), model_name.to_owned());
        let (items, vectors, rows) = Default::default();
        Self { fingerprint, model_name, dimension, items, vectors, rows }
    }

    /// This library with all items and vectors at once. None where an id is there twice.
    pub(crate) fn filled(self, items: Vec<Item>, vectors: Vec<f32>) -> Option<Self> {
        let rows = index(&items);
        (rows.len() == items.len()).then_some(Self { items, vectors, rows, ..self })
    }

    /// What tells the weights of the model from all others, such as their checksum.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What people call the model.
    pub fn model_name(&self) -> &str {
        &self.model_name
    }

    /// Values of each vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The items in the order of their insertion.
    pub fn items(&self) -> impl ExactSizeIterator<Item = &Item> {
        self.items.iter()
    }

    /// All vectors, row-major `[items, dimension]`.
    pub fn vectors(&self) -> &[f32] {
        &self.vectors
    }

    /// The item of an id, and its vector.
    pub fn get(&self, id: &str) -> Option<(&Item, &[f32])> {
        let &row = self.rows.get(id)?;
        Some((self.items.get(row)?, self.vectors.get(self.range(row))?))
    }

    /// Adds an item with its vector `[dimension]`. One of the same id is replaced in its place.
    ///
    /// # Errors
    ///
    /// [`Error::Dimension`], [`Error::NotFinite`] or [`Error::NotUnit`], each with the item's name;
    /// the library is as before then.
    pub fn upsert(&mut self, item: Item, vector: &[f32]) -> Result<()> {
        let subject = || item.content.to_string();
        self.check(vector, subject)?;
        let norm = dot(vector, vector).sqrt();
        if (norm - 1.0).abs() > NORM_TOLERANCE {
            return Err(Error::NotUnit { subject: subject(), norm });
        }
        match self.rows.get(&item.id) {
            Some(&row) => {
                let range = self.range(row);
                self.vectors[range].copy_from_slice(vector);
                self.items[row] = item;
            }
            None => {
                self.rows.insert(item.id.clone(), self.items.len());
                self.items.push(item);
                self.vectors.extend_from_slice(vector);
            }
        }
        Ok(())
    }

    /// Removes the item of an id; says whether there was one.
    pub fn remove(&mut self, id: &str) -> bool {
        let found = self.rows.contains_key(id);
        if found {
            self.retain(|item| item.id != id);
        }
        found
    }

    /// Keeps the items that `keep` says, in their order.
    pub fn retain(&mut self, keep: impl Fn(&Item) -> bool) {
        let mut kept = 0;
        for row in 0..self.items.len() {
            if keep(&self.items[row]) {
                let vector = self.range(row);
                self.vectors.copy_within(vector, kept * self.dimension);
                self.items.swap(kept, row);
                kept += 1;
            }
        }
        self.items.truncate(kept);
        self.vectors.truncate(kept * self.dimension);
        self.rows = index(&self.items);
    }

    /// Checks what queries and items must have in common.
    pub(crate) fn check(&self, vector: &[f32], subject: impl Fn() -> String) -> Result<()> {
        let (found, expected) = (vector.len(), self.dimension);
        if found != expected {
            return Err(Error::Dimension { subject: subject(), found, expected });
        }
        match vector.iter().position(|value| !value.is_finite()) {
            Some(position) => {
                let value = vector[position];
                Err(Error::NotFinite { subject: subject(), position, value })
            }
            None => Ok(()),
        }
    }

    /// Where the vector of a row is.
    pub(crate) fn range(&self, row: usize) -> std::ops::Range<usize> {
        row * self.dimension..(row + 1) * self.dimension
    }
}

/// Row of each id.
fn index(items: &[Item]) -> HashMap<String, usize> {
    items.iter().enumerate().map(|(row, item)| (item.id.clone(), row)).collect()
}
