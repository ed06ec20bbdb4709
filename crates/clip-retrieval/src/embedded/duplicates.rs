//! Items that are the same, or nearly.

use std::collections::HashMap;

use super::library::Library;
use super::scan::nearest;
use super::view::Way;
use crate::{Filter, Item, Result};

/// Queries that read the vectors together.
const BATCH: usize = 64;

/// Neighbors of a picture that are looked at; a larger group hangs together by others.
const NEIGHBORS: usize = 17;

/// Items that are much alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Alike {
    /// In the order of their insertion.
    pub items: Vec<Item>,
    /// The least score by which one of them hangs together with another.
    pub score: f32,
}

impl Library {
    /// Files of one content: two or more with the same hash, each group and the groups in the order
    /// of their insertion.
    ///
    /// # Errors
    ///
    /// [`Error::Catalog`](crate::Error::Catalog).
    pub fn copies(&self, filter: &Filter) -> Result<Vec<Vec<Item>>> {
        let mut place: HashMap<[u8; 32], usize> = HashMap::new();
        let mut groups: Vec<Vec<Item>> = Vec::new();
        for item in self.items(filter)? {
            let Some(hash) = item.facts.hash else { continue };
            let at = *place.entry(hash).or_insert(groups.len());
            match groups.get_mut(at) {
                Some(group) => group.push(item),
                None => groups.push(vec![item]),
            }
        }
        groups.retain(|group| group.len() > 1);
        Ok(groups)
    }

    /// Items whose vectors score at least `least` with another's, in groups that hang together; of
    /// files of one content the first stands for all. `progress` hears how many of how many were
    /// compared with all.
    ///
    /// # Errors
    ///
    /// [`Error::Catalog`](crate::Error::Catalog).
    pub fn alike(
        &self,
        least: f32,
        filter: &Filter,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<Vec<Alike>> {
        let catalog = self.catalog();
        let keys = catalog.firsts(filter)?;
        let mut groups = Groups::new(keys.len());
        let dimension = self.kind.dimension;
        self.view.with_places(Some(&keys), dimension, Way::Graphs(None), |places| {
            for (batch, some) in keys.chunks(BATCH).enumerate() {
                let vectors = some.iter().map(|key| self.view.vector(*key, dimension));
                let vectors: Vec<Vec<f32>> = vectors.map(Option::unwrap_or_default).collect();
                let queries: Vec<&[f32]> = vectors.iter().map(Vec::as_slice).collect();
                // One whose vector was lost is like nothing.
                if queries.iter().all(|query| query.len() == dimension) {
                    let found = nearest(&queries, NEIGHBORS, places);
                    for (i, found) in found.into_iter().enumerate() {
                        let own = batch * BATCH + i;
                        for other in found.iter().filter(|other| other.score >= least) {
                            if let Ok(at) = keys.binary_search(&other.key) {
                                groups.join(own, at, other.score);
                            }
                        }
                    }
                }
                progress(keys.len().min((batch + 1) * BATCH), keys.len());
            }
        });
        let mut alike = Vec::new();
        for (members, score) in groups.finish() {
            let items = members.iter().map(|at| catalog.item(keys[*at]));
            let items = items.filter_map(Result::transpose).collect::<Result<Vec<Item>>>()?;
            alike.push(Alike { items, score });
        }
        Ok(alike)
    }
}

/// Numbers that hang together (a forest, by Galler and Fischer 1964, "An improved equivalence
/// algorithm").
struct Groups {
    parents: Vec<usize>,
    /// The least score within the group of a root.
    least: Vec<f32>,
}

impl Groups {
    fn new(count: usize) -> Self {
        Self { parents: (0..count).collect(), least: vec![f32::INFINITY; count] }
    }

    fn root(&mut self, of: usize) -> usize {
        let mut at = of;
        while self.parents[at] != at {
            self.parents[at] = self.parents[self.parents[at]];
            at = self.parents[at];
        }
        at
    }

    fn join(&mut self, a: usize, b: usize, score: f32) {
        let (a, b) = (self.root(a), self.root(b));
        if a != b {
            let (first, second) = (a.min(b), a.max(b));
            self.parents[second] = first;
            self.least[first] = score.min(self.least[first]).min(self.least[second]);
        }
    }

    /// Groups of two and more, in the order of their first.
    fn finish(mut self) -> Vec<(Vec<usize>, f32)> {
        let mut members: HashMap<usize, Vec<usize>> = HashMap::new();
        for at in 0..self.parents.len() {
            let root = self.root(at);
            members.entry(root).or_default().push(at);
        }
        let least = |root: usize| self.least[root];
        let groups = members.into_iter().filter(|(_, members)| members.len() > 1);
        let mut groups: Vec<(Vec<usize>, f32)> =
            groups.map(|(root, members)| (members, least(root))).collect();
        groups.sort_by_key(|(members, _)| members[0]);
        groups
    }
}
