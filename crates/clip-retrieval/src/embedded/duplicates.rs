//! Items that are nearly the same.

use std::collections::HashMap;

use super::library::Library;
use super::scan::nearest;
use super::snapshot::LibrarySnapshot;
use super::vectors::SearchMode;
use crate::Result;
use crate::dot::dot;

/// Queries that read the vectors together.
const BATCH: usize = 64;

/// Neighbors of an item that are looked at; a larger group is connected through others.
const NEIGHBORS: usize = 17;

/// An item and what is nearly the same.
#[derive(Debug, Clone, PartialEq)]
pub struct NearDuplicates {
    /// Index of the item, among the ids that were given.
    pub best: usize,
    /// Indices of the others, ascending, each with the score of its vector with that of the best.
    pub others: Vec<(usize, f32)>,
}

impl Library {
    /// Groups of items that are nearly the same, for those who keep the first of each group: `ids` come
    /// best first, each item of a group scores at least `min_score` with the best of its group, and an
    /// item is in one group at most. So whatever is dropped, something like it is kept; items that are
    /// connected through others alone are not grouped. `progress` is told how many of how many items
    /// have been compared with all. An id without an item, or whose vector was lost, is in no group.
    ///
    /// # Errors
    ///
    /// [`Error::Catalog`](crate::Error::Catalog).
    pub fn near_duplicates(
        &self,
        ids: &[&str],
        min_score: f32,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<Vec<NearDuplicates>> {
        let snapshot = LibrarySnapshot::newest(&self.shared)?;
        let (keys, index_of) = snapshot.keys_of(ids)?;
        let (dimension, vectors) = (self.shared.kind.dimension, &snapshot.vectors);
        let vector = |key: u64| vectors.vector(key, dimension);
        let mode = SearchMode::Graphs { ef_search: None };
        let mut components = Components::new(ids.len());
        vectors.with_places(Some(&keys), dimension, mode, |places| {
            for (batch, some) in keys.chunks(BATCH).enumerate() {
                let known = some.iter().filter_map(|key| Some((index_of[key], vector(*key)?)));
                let known: Vec<(usize, Vec<f32>)> = known.collect();
                let queries: Vec<&[f32]> = known.iter().map(|(_, vector)| &vector[..]).collect();
                let found = nearest(&queries, NEIGHBORS, places);
                for ((index, _), found) in known.iter().zip(found) {
                    let others = found.iter().filter(|other| other.score >= min_score);
                    others
                        .filter_map(|other| index_of.get(&other.key))
                        .for_each(|other| components.join(*index, *other));
                }
                progress(keys.len().min((batch + 1) * BATCH), keys.len());
            }
        });
        let key_of: HashMap<usize, u64> = index_of.iter().map(|(key, at)| (*at, *key)).collect();
        let components = components.finish().into_iter();
        let mut groups: Vec<NearDuplicates> = components
            .flat_map(|members| stars(&members, min_score, |index| vector(key_of[&index])))
            .collect();
        groups.sort_by_key(|group| group.best);
        Ok(groups)
    }
}

impl LibrarySnapshot {
    /// The keys of items, ascending, and the index of each among the ids.
    fn keys_of(&self, ids: &[&str]) -> Result<(Vec<u64>, HashMap<u64, usize>)> {
        let catalog = self.catalog();
        let mut index_of = HashMap::with_capacity(ids.len());
        for (index, id) in ids.iter().enumerate() {
            if let Some(key) = catalog.key_of(id)? {
                index_of.entry(key).or_insert(index);
            }
        }
        let mut keys: Vec<u64> = index_of.keys().copied().collect();
        keys.sort_unstable();
        Ok((keys, index_of))
    }
}

/// Parts connected items, best first, into groups whose best is like every other member: each item
/// joins the most similar of those that are kept so far, or is kept itself.
fn stars(
    members: &[usize],
    min_score: f32,
    vector: impl Fn(usize) -> Option<Vec<f32>>,
) -> Vec<NearDuplicates> {
    let mut kept: Vec<(Vec<f32>, NearDuplicates)> = Vec::new();
    for index in members {
        let Some(vector) = vector(*index) else { continue };
        // Of equals the last is found: the better one.
        let scores = kept.iter().map(|(best, _)| dot(best, &vector)).enumerate().rev();
        match scores.max_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, score)| *score >= min_score) {
            Some((at, score)) => kept[at].1.others.push((*index, score)),
            None => kept.push((vector, NearDuplicates { best: *index, others: Vec::new() })),
        }
    }
    let groups = kept.into_iter().map(|(_, group)| group);
    groups.filter(|group| !group.others.is_empty()).collect()
}

/// Indices that are connected (a forest, by Galler and Fischer 1964, "An improved equivalence
/// algorithm").
struct Components {
    parents: Vec<usize>,
}

impl Components {
    fn new(count: usize) -> Self {
        Self { parents: (0..count).collect() }
    }

    fn root(&mut self, of: usize) -> usize {
        let mut at = of;
        while self.parents[at] != at {
            self.parents[at] = self.parents[self.parents[at]];
            at = self.parents[at];
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b)] = a.min(b);
    }

    /// Components of two and more, each ascending.
    fn finish(mut self) -> Vec<Vec<usize>> {
        let mut members: HashMap<usize, Vec<usize>> = HashMap::new();
        for at in 0..self.parents.len() {
            let root = self.root(at);
            members.entry(root).or_default().push(at);
        }
        members.into_values().filter(|members| members.len() > 1).collect()
    }
}
