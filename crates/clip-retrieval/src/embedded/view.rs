//! The vectors of a library, as of one commit.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::atomic::UNFINISHED;
use super::bits::Bits;
use super::catalog::{Catalog, Kind};
use super::graph::Graph;
use super::scan::Place;
use super::segment::Segment;
use crate::{Error, Result};

/// Where the vectors are.
#[derive(Debug)]
pub(super) struct View {
    /// The catalog's version that this was read from.
    pub(super) version: i64,
    pub(super) parts: Vec<Part>,
    pub(super) pending: Pending,
    /// Segments that cannot be read, and why.
    pub(super) unreadable: Vec<(i64, Error)>,
}

/// A segment, and which of its rows no longer count.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) number: i64,
    pub(super) segment: Arc<Segment>,
    pub(super) dead: Bits,
    /// Whether the catalog does not know yet of some that are dead.
    pub(super) is_dirty: bool,
    /// Read when it is first asked for; none where there is none that can be used.
    graph: OnceLock<Option<Graph>>,
}

/// How the vectors are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// All of them are compared.
    Scan,
    /// By graphs where there are any, as broadly as this or as each of them says.
    Graphs(Option<usize>),
}

/// Vectors that are in no segment yet, by key.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) keys: Vec<u64>,
    /// One after the other.
    pub(super) vectors: Vec<f32>,
}

/// How often a reader looks again where segments go while it opens them.
const TRIES: usize = 10;

impl View {
    /// Reads where the vectors are.
    pub(super) fn read(catalog: &Catalog, folder: &Path, kind: &Kind) -> Result<Self> {
        let mut view = Self::read_once(catalog, folder, kind)?;
        for _ in 0..TRIES {
            if view.unreadable.is_empty() || catalog.version()? == view.version {
                break;
            }
            // Merged by a writer meanwhile: the catalog names other files now.
            view = Self::read_once(catalog, folder, kind)?;
        }
        Ok(view)
    }

    fn read_once(catalog: &Catalog, folder: &Path, kind: &Kind) -> Result<Self> {
        let version = catalog.version()?;
        let read = || Ok((catalog.segments()?, catalog.pending()?));
        let (rows, vectors) = catalog.at_once(read)?;
        let mut view = Self {
            version,
            parts: Vec::new(),
            pending: Pending::default(),
            unreadable: Vec::new(),
        };
        for row in rows {
            let path = segment_path(folder, row.number);
            let damaged =
                |reason: &str| Error::Damaged { path: path.clone(), reason: reason.to_owned() };
            let open = || {
                let segment = Segment::open(&path, kind.dimension, kind.model_checksum())?;
                if segment.rows() != row.rows {
                    return Err(damaged("it has another number of rows than the catalog says"));
                }
                let dead = match &row.dead {
                    Some(bytes) => Bits::from_bytes(bytes, row.rows)
                        .ok_or_else(|| damaged("the catalog does not fit it"))?,
                    None => Bits::none(row.rows),
                };
                Ok(Part::new(row.number, segment, dead))
            };
            match open() {
                Ok(part) => view.parts.push(part),
                Err(error) => view.unreadable.push((row.number, error)),
            }
        }
        for (key, vector) in vectors {
            // One of another length would shift all after it.
            if vector.len() == kind.dimension {
                view.pending.put(key, &vector);
            }
        }
        Ok(view)
    }

    /// Number of vectors that count.
    pub(super) fn len(&self) -> usize {
        let live = |part: &Part| part.segment.rows() - part.dead.count();
        self.parts.iter().map(live).sum::<usize>() + self.pending.keys.len()
    }

    /// Calls `search` with the places of the vectors of some keys, ascending, or of all.
    pub(super) fn with_places<T>(
        &self,
        keys: Option<&[u64]>,
        dimension: usize,
        way: Way,
        search: impl FnOnce(&[Place<'_>]) -> T,
    ) -> T {
        let live: Vec<Option<Bits>> = self.parts.iter().map(|part| part.live(keys)).collect();
        let chosen = keys.map(|keys| self.pending.only(keys, dimension));
        let pending = chosen.as_ref().unwrap_or(&self.pending);
        let mut places = vec![Place::Memory { keys: &pending.keys, vectors: &pending.vectors }];
        let parts = self.parts.iter().zip(&live);
        places.extend(parts.map(|(part, live)| Place::Segment {
            segment: &part.segment,
            live: live.as_ref(),
            graph: match way {
                Way::Scan => None,
                Way::Graphs(breadth) => part.graph().map(|graph| graph.looking(breadth)),
            },
        }));
        search(&places)
    }

    /// The vector of a key.
    pub(super) fn vector(&self, key: u64, dimension: usize) -> Option<Vec<f32>> {
        if let Ok(at) = self.pending.keys.binary_search(&key) {
            return Some(self.pending.vectors[at * dimension..][..dimension].to_vec());
        }
        let mut rows = self.parts.iter().filter_map(|part| Some((part, part.segment.row(key)?)));
        let (part, row) = rows.find(|(part, row)| !part.dead.has(*row))?;
        Some(part.segment.vector(row).into_owned())
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
        for part in &self.parts {
            let live = part.dead.inverted();
            let end = start + live.count();
            // Rows that count are found by counting only where some do not.
            let mut rows = live.iter().zip(start..).peekable();
            while let Some(place) = places.next_if(|place| *place < end) {
                let row = match part.dead.count() {
                    0 => place - start,
                    _ => loop {
                        match rows.next() {
                            Some((row, at)) if at == place => break row,
                            Some(_) => {}
                            None => return vectors,
                        }
                    },
                };
                put(&part.segment.vector(row));
            }
            start = end;
        }
        for place in places {
            put(&self.pending.vectors[(place - start) * dimension..][..dimension]);
        }
        vectors
    }

    /// The vector of a key counts no longer.
    pub(super) fn kill(&mut self, key: u64, dimension: usize) {
        self.pending.remove(key, dimension);
        for part in &mut self.parts {
            if let Some(row) = part.segment.row(key).filter(|row| !part.dead.has(*row)) {
                part.dead.insert(row);
                part.is_dirty = true;
            }
        }
    }

    /// Every key whose vector counts, ascending.
    pub(super) fn keys(&self) -> Vec<u64> {
        let mut keys = self.pending.keys.clone();
        for part in &self.parts {
            let all = part.segment.keys();
            keys.extend(part.dead.inverted().iter().map(|row| all[row]));
        }
        keys.sort_unstable();
        keys
    }
}

impl Part {
    pub(super) fn new(number: i64, segment: Segment, dead: Bits) -> Self {
        let segment = Arc::new(segment);
        Self { number, segment, dead, is_dirty: false, graph: OnceLock::new() }
    }

    /// Its graph, if there is one that can be used.
    pub(super) fn graph(&self) -> Option<&Graph> {
        let open = || Graph::open(&graph_path(&self.segment), &self.segment).ok();
        self.graph.get_or_init(open).as_ref()
    }

    /// Gives it a graph.
    #[cfg(feature = "hnsw")]
    pub(super) fn set_graph(&mut self, graph: Graph) {
        self.graph = OnceLock::from(Some(graph));
    }

    /// The rows of some keys, or of all; nothing where every row counts.
    fn live(&self, keys: Option<&[u64]>) -> Option<Bits> {
        let Some(keys) = keys else {
            return (self.dead.count() > 0).then(|| self.dead.inverted());
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
            if own.get(row) == Some(key) && !self.dead.has(row) {
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

impl Pending {
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

/// The folder of the segments.
pub(super) fn segments_folder(folder: &Path) -> PathBuf {
    folder.join("segments")
}

pub(super) fn segment_path(folder: &Path, number: i64) -> PathBuf {
    segments_folder(folder).join(format!("{number:08}.{ENDING}"))
}

/// The file of a segment's graph.
pub(super) fn graph_path(segment: &Segment) -> PathBuf {
    segment.path().with_extension(GRAPH)
}

/// The number in the name of a segment or of its graph; nothing for a file of another name.
pub(super) fn segment_number(path: &Path) -> Option<i64> {
    let is_ours = path.extension().is_some_and(|ending| ending == ENDING || ending == GRAPH);
    path.file_stem().filter(|_| is_ours)?.to_str()?.parse().ok()
}

/// What a library has put into the folder of its segments: segments, their graphs, and what is left of
/// those that could not be read or were not finished.
pub(super) fn segment_files(folder: &Path) -> Vec<PathBuf> {
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let stem = name.strip_suffix(".damaged").unwrap_or_default();
        let is_damaged = !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_digit());
        segment_number(path).is_some()
            || is_damaged
            || (name.starts_with('.') && name.ends_with(UNFINISHED))
    };
    let entries = folder.read_dir().into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(is_ours).collect()
}

const ENDING: &str = "vectors";

const GRAPH: &str = "graph";
