//! The vectors of a library, as of one commit.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::bits::Bits;
use super::catalog::{Catalog, Kind};
use super::files::{graph_path, segment_path, segments_folder};
use super::graph::Graph;
use super::scan::Place;
use super::segment::Segment;
use crate::{Error, Result, SearchOptions};

/// Where the vectors of one commit are, or of what a writer makes of it. Clones share what they can:
/// a writer changes its own, and readers keep theirs.
#[derive(Debug, Clone)]
pub(super) struct Vectors {
    /// The number of the commit.
    pub(super) commit: u64,
    pub(super) segments: Vec<SegmentHandle>,
    pub(super) mem_table: Arc<MemTable>,
    /// What is missing.
    pub(super) lost: Option<Arc<DataLoss>>,
}

/// What a library had and has no longer.
#[derive(Debug)]
pub struct DataLoss {
    /// Items without a vector: to be encoded again.
    pub items: usize,
    /// Why.
    pub cause: Error,
}

/// A segment, and which of its rows no longer count.
#[derive(Debug, Clone)]
pub(super) struct SegmentHandle {
    pub(super) number: i64,
    pub(super) segment: Arc<Segment>,
    /// Rows whose items are gone, or have a newer vector.
    pub(super) tombstones: Arc<Bits>,
    /// Whether the catalog does not know yet of some of them.
    pub(super) is_dirty: bool,
    /// Read when it is first asked for; none where there is none that can be used.
    graph: Arc<OnceLock<Option<Graph>>>,
}

/// How the vectors are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SearchMode {
    /// All of them are compared.
    Exact,
    /// By graphs where there are any, with so many candidates, or as many as each graph says.
    Graphs { ef_search: Option<usize> },
}

impl From<&SearchOptions> for SearchMode {
    fn from(options: &SearchOptions) -> Self {
        match *options {
            SearchOptions { exact: true, .. } => Self::Exact,
            SearchOptions { ef_search, .. } => Self::Graphs { ef_search },
        }
    }
}

/// Vectors that are in no segment yet, by key.
#[derive(Debug, Default, Clone)]
pub(super) struct MemTable {
    pub(super) keys: Vec<u64>,
    /// One after the other.
    pub(super) vectors: Vec<f32>,
}

/// How often a reader looks again where segments go while it opens them.
const TRIES: usize = 10;

impl Vectors {
    /// Reads where the vectors are. The catalog stays in that state until its transaction ends. What
    /// is open already in `known` is not opened again.
    pub(super) fn read(
        catalog: &Catalog,
        folder: &Path,
        kind: &Kind,
        known: Option<&Self>,
    ) -> Result<Self> {
        let mut vectors = Self::read_once(catalog, folder, kind, known)?;
        for _ in 0..TRIES {
            if vectors.lost.is_none() {
                break;
            }
            catalog.roll_back();
            let again = Self::read_once(catalog, folder, kind, known)?;
            if std::mem::replace(&mut vectors, again).commit == vectors.commit {
                break;
            }
            // Merged by a writer meanwhile: the catalog names other files now.
        }
        Ok(vectors)
    }

    fn read_once(
        catalog: &Catalog,
        folder: &Path,
        kind: &Kind,
        known: Option<&Self>,
    ) -> Result<Self> {
        let commit = catalog.begin_read()?;
        let (mut segments, mut unreadable) = (Vec::new(), None);
        for row in catalog.segments()? {
            let path = segment_path(folder, row.number);
            let damaged =
                |reason: &str| Error::Damaged { path: path.clone(), reason: reason.to_owned() };
            let open_already = known.and_then(|known| known.segment(row.number));
            let open = || {
                let handle = match open_already {
                    Some(handle) => handle.clone(),
                    None => {
                        let segment = Segment::open(&path, kind.dimension, kind.model_checksum())?;
                        SegmentHandle::new(row.number, segment)
                    }
                };
                let rows = handle.segment.rows();
                if rows != row.rows {
                    return Err(damaged("it has another number of rows than the catalog says"));
                }
                let tombstones = match &row.tombstones {
                    Some(bytes) => Bits::from_bytes(bytes, rows)
                        .ok_or_else(|| damaged("the catalog does not fit it"))?,
                    None => Bits::none(rows),
                };
                Ok(handle.with_tombstones(tombstones))
            };
            match open() {
                Ok(handle) => segments.push(handle),
                Err(error) => unreadable = unreadable.or(Some(error)),
            }
        }
        let mut mem_table = MemTable::default();
        for (key, vector) in catalog.pending()? {
            // One of another length would shift all after it.
            if vector.len() == kind.dimension {
                mem_table.put(key, &vector);
            }
        }
        let mut vectors = Self { commit, segments, mem_table: Arc::new(mem_table), lost: None };
        vectors.lost = vectors.loss(catalog.len()?, unreadable, folder).map(Arc::new);
        Ok(vectors)
    }

    fn segment(&self, number: i64) -> Option<&SegmentHandle> {
        self.segments.iter().find(|handle| handle.number == number)
    }

    /// Compares the number of items with that of vectors.
    fn loss(&self, items: usize, unreadable: Option<Error>, folder: &Path) -> Option<DataLoss> {
        let missing = items.saturating_sub(self.len());
        let disagreement = || {
            let reason = "the catalog and the vectors disagree".to_owned();
            Error::Damaged { path: segments_folder(folder), reason }
        };
        let cause = unreadable.or_else(|| (items != self.len()).then(disagreement))?;
        Some(DataLoss { items: missing, cause })
    }

    /// Number of vectors that count.
    pub(super) fn len(&self) -> usize {
        let live: usize = self.segments.iter().map(SegmentHandle::live_rows).sum();
        live + self.mem_table.keys.len()
    }

    /// Calls `search` with the places of the vectors of some keys, ascending, or of all.
    pub(super) fn with_places<T>(
        &self,
        keys: Option<&[u64]>,
        dimension: usize,
        mode: SearchMode,
        search: impl FnOnce(&[Place<'_>]) -> T,
    ) -> T {
        let live: Vec<Option<Bits>> =
            self.segments.iter().map(|handle| handle.live(keys)).collect();
        let chosen = keys.map(|keys| self.mem_table.only(keys, dimension));
        let MemTable { keys, vectors } = chosen.as_ref().unwrap_or(&self.mem_table);
        let mut places = vec![Place::Memory { keys, vectors }];
        let segments = self.segments.iter().zip(&live);
        places.extend(segments.map(|(handle, live)| Place::Segment {
            segment: &handle.segment,
            live: live.as_ref(),
            graph: match mode {
                SearchMode::Exact => None,
                SearchMode::Graphs { ef_search } => {
                    handle.graph().map(|graph| graph.looking(ef_search))
                }
            },
        }));
        search(&places)
    }

    /// The vector of a key.
    pub(super) fn vector(&self, key: u64, dimension: usize) -> Option<Vec<f32>> {
        if let Ok(at) = self.mem_table.keys.binary_search(&key) {
            return Some(self.mem_table.vectors[at * dimension..][..dimension].to_vec());
        }
        let mut rows =
            self.segments.iter().filter_map(|handle| Some((handle, handle.segment.row(key)?)));
        let (handle, row) = rows.find(|(handle, row)| !handle.tombstones.has(*row))?;
        Some(handle.segment.vector(row).into_owned())
    }

    /// Vectors of every so many of some keys, or of all, one after the other.
    pub(super) fn sample(&self, keys: Option<&[u64]>, count: usize, dimension: usize) -> Vec<f32> {
        let mut vectors = Vec::new();
        let mut put = |vector: &[f32]| vectors.extend_from_slice(vector);
        if let Some(keys) = keys {
            let chosen = spread(keys.len(), count).filter_map(|i| self.vector(keys[i], dimension));
            chosen.for_each(|vector| put(&vector));
            return vectors;
        }
        let mut places = spread(self.len(), count).peekable();
        let mut start = 0;
        for handle in &self.segments {
            let live = handle.tombstones.inverted();
            let end = start + live.count();
            // Rows that count are found by counting only where some do not.
            let mut rows = live.iter().zip(start..).peekable();
            while let Some(place) = places.next_if(|place| *place < end) {
                let row = match handle.tombstones.count() {
                    0 => place - start,
                    _ => loop {
                        match rows.next() {
                            Some((row, at)) if at == place => break row,
                            Some(_) => {}
                            None => return vectors,
                        }
                    },
                };
                put(&handle.segment.vector(row));
            }
            start = end;
        }
        for place in places {
            put(&self.mem_table.vectors[(place - start) * dimension..][..dimension]);
        }
        vectors
    }

    /// The vector of a key counts no longer.
    pub(super) fn mark_deleted(&mut self, key: u64, dimension: usize) {
        if self.mem_table.keys.binary_search(&key).is_ok() {
            Arc::make_mut(&mut self.mem_table).remove(key, dimension);
        }
        for handle in &mut self.segments {
            let row = handle.segment.row(key).filter(|row| !handle.tombstones.has(*row));
            if let Some(row) = row {
                Arc::make_mut(&mut handle.tombstones).insert(row);
                handle.is_dirty = true;
            }
        }
    }

    /// Gives a key its vector, which is in no segment yet.
    pub(super) fn put(&mut self, key: u64, vector: &[f32]) {
        self.mark_deleted(key, vector.len());
        Arc::make_mut(&mut self.mem_table).put(key, vector);
    }

    /// Every key whose vector counts, ascending.
    pub(super) fn keys(&self) -> Vec<u64> {
        let mut keys = self.mem_table.keys.clone();
        for handle in &self.segments {
            let all = handle.segment.keys();
            keys.extend(handle.tombstones.inverted().iter().map(|row| all[row]));
        }
        keys.sort_unstable();
        keys
    }
}

impl SegmentHandle {
    /// A segment all of whose rows count.
    pub(super) fn new(number: i64, segment: Segment) -> Self {
        let tombstones = Arc::new(Bits::none(segment.rows()));
        let (segment, graph) = (Arc::new(segment), Arc::default());
        Self { number, segment, tombstones, is_dirty: false, graph }
    }

    /// The segment with other rows that do not count, as the catalog has them. Where it had no graph it
    /// may have one by now.
    fn with_tombstones(self, tombstones: Bits) -> Self {
        let has_graph = self.graph.get().is_some_and(Option::is_some);
        let graph = if has_graph { self.graph } else { Arc::default() };
        Self { tombstones: Arc::new(tombstones), is_dirty: false, graph, ..self }
    }

    /// Number of rows that count.
    pub(super) fn live_rows(&self) -> usize {
        self.segment.rows() - self.tombstones.count()
    }

    /// Its graph, if there is one that can be used.
    pub(super) fn graph(&self) -> Option<&Graph> {
        let open = || Graph::open(&graph_path(&self.segment), &self.segment).ok();
        self.graph.get_or_init(open).as_ref()
    }

    /// Gives it a graph.
    #[cfg(feature = "hnsw")]
    pub(super) fn set_graph(&mut self, graph: Graph) {
        self.graph = Arc::new(OnceLock::from(Some(graph)));
    }

    /// The rows of some keys, or of all; nothing where every row counts.
    fn live(&self, keys: Option<&[u64]>) -> Option<Bits> {
        let Some(keys) = keys else {
            return (self.tombstones.count() > 0).then(|| self.tombstones.inverted());
        };
        let own = self.segment.keys();
        let mut live = Bits::none(own.len());
        // Both ascend: of the longer one only the part that the shorter one spans is looked at.
        let (Some(first), Some(last)) = (own.first(), own.last()) else { return Some(live) };
        let start = keys.partition_point(|key| key < first);
        let end = keys.partition_point(|key| key <= last);
        let mut row = 0;
        for key in &keys[start..end] {
            row += gallop(&own[row..], *key);
            if own.get(row) == Some(key) && !self.tombstones.has(row) {
                live.insert(row);
            }
        }
        Some(live)
    }
}

/// Up to `count` numbers below `of`, evenly spread.
pub(super) fn spread(of: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(of);
    (0..count).map(move |i| i * of / count)
}

/// How many of `keys`, which ascend, are below `key`, which is likely not far.
fn gallop(keys: &[u64], key: u64) -> usize {
    let mut step = 1;
    while step <= keys.len() && keys[step - 1] < key {
        step *= 2;
    }
    let (start, end) = (step / 2, keys.len().min(step));
    start + keys[start..end].partition_point(|other| *other < key)
}

impl MemTable {
    /// Adds a vector, or replaces it.
    pub(super) fn put(&mut self, key: u64, vector: &[f32]) {
        let width = vector.len();
        match self.keys.binary_search(&key) {
            Ok(at) => self.vectors[at * width..][..width].copy_from_slice(vector),
            Err(at) => {
                self.keys.insert(at, key);
                let place = at * width;
                self.vectors.splice(place..place, vector.iter().copied());
            }
        }
    }

    fn remove(&mut self, key: u64, dimension: usize) {
        if let Ok(at) = self.keys.binary_search(&key) {
            self.keys.remove(at);
            self.vectors.drain(at * dimension..(at + 1) * dimension);
        }
    }

    fn only(&self, keys: &[u64], dimension: usize) -> Self {
        let mut only = Self::default();
        for (key, vector) in self.keys.iter().zip(self.vectors.chunks_exact(dimension.max(1))) {
            if keys.binary_search(key).is_ok() {
                only.keys.push(*key);
                only.vectors.extend_from_slice(vector);
            }
        }
        only
    }
}

impl Kind {
    /// What tells a segment of this library from those of others.
    pub(super) fn model_checksum(&self) -> u32 {
        crc32fast::hash(self.fingerprint.as_bytes())
    }
}
