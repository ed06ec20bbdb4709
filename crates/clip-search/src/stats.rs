//! How large a collection is, and whose.

use std::fmt;
use std::path::PathBuf;

use clip_retrieval::Failure;
use serde::Serialize;

use crate::models::lossy;
use crate::{Collection, Result, count};

/// Questions by which a graph is compared with a scan.
#[cfg(feature = "sqlite")]
const QUESTIONS: usize = 200;

/// How large a collection is, and whose.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CollectionStats {
    /// Where it is.
    pub library: String,
    /// The model that made the vectors.
    pub model: String,
    /// Numbers in a vector.
    pub dimension: usize,
    /// Images and texts.
    pub items: usize,
    /// Files that could not be read.
    pub failures: usize,
    /// What only a collection in a folder knows.
    #[serde(flatten)]
    pub folder: Option<FolderStats>,
}

/// How a collection lies in its folder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FolderStats {
    /// Number format of the vectors.
    pub precision: &'static str,
    /// Files of vectors.
    pub segments: usize,
    /// Vectors that are in none of them yet.
    pub unsealed: usize,
    /// Vectors in them that no longer count.
    pub dead: usize,
    /// Bytes of those files.
    pub vector_bytes: u64,
    /// Bytes of the catalog.
    pub catalog_bytes: u64,
    /// What is found by the graph, where there is one.
    pub graph: Option<GraphStats>,
}

/// How much of a collection has a graph, and what is found by it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GraphStats {
    /// Vectors in graphs.
    pub vectors: usize,
    /// Share of the ten nearest that are found, from 0 to 1.
    pub recall_at_10: f32,
    /// Vectors whose nearest were looked for.
    pub questions: usize,
}

/// A file that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnreadableFile {
    /// Its name.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Why.
    pub error: String,
}

/// A number of bytes, for people.
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

impl fmt::Display for CollectionStats {
    /// Lines of a name and what it is; the last has no end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "library   {}", self.library)?;
        writeln!(f, "model     {}", self.model)?;
        write!(f, "items     {} of {} numbers", self.items, self.dimension)?;
        if let Some(folder) = &self.folder {
            write!(f, "{folder}")?;
        }
        write!(f, "\nunread    {}", count(self.failures, "file"))
    }
}

impl fmt::Display for FolderStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { precision, unsealed, dead, .. } = self;
        let (bytes, files) = (megabytes(self.vector_bytes), count(self.segments, "file"));
        writeln!(f, ", {precision}")?;
        write!(
            f,
            "vectors   {bytes} in {files}; {unsealed} not in one yet, {dead} no longer wanted"
        )?;
        write!(f, "\ncatalog   {}", megabytes(self.catalog_bytes))?;
        self.graph.map_or(Ok(()), |graph| write!(f, "\ngraph     {graph}"))
    }
}

impl fmt::Display for GraphStats {
    /// `over 3 vectors: finds 99.1 % of the ten nearest (200 questions)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (vectors, questions) =
            (count(self.vectors, "vector"), count(self.questions, "question"));
        let recall = 100.0 * self.recall_at_10;
        write!(f, "over {vectors}: finds {recall:.1} % of the ten nearest ({questions})")
    }
}

impl Collection {
    /// How large it is. A graph is compared with a scan of every vector, for some hundred of them.
    ///
    /// # Errors
    ///
    /// [`Error::Retrieval`](crate::Error::Retrieval) where the collection cannot be read.
    pub fn stats(&self) -> Result<CollectionStats> {
        let store = self.store();
        Ok(CollectionStats {
            library: store.place(),
            model: store.model_name().to_owned(),
            dimension: store.dimension(),
            items: store.count()?,
            failures: store.failures()?.len(),
            folder: self.folder_stats()?,
        })
    }

    /// The files that could not be read, by their paths.
    ///
    /// # Errors
    ///
    /// [`Error::Retrieval`](crate::Error::Retrieval) where the collection cannot be read.
    pub fn unreadable_files(&self) -> Result<Vec<UnreadableFile>> {
        let failures = self.store().failures()?.into_iter();
        let mut files: Vec<UnreadableFile> =
            failures.map(|Failure { path, error, .. }| UnreadableFile { path, error }).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    #[cfg(feature = "sqlite")]
    fn folder_stats(&self) -> Result<Option<FolderStats>> {
        let Ok(library) = self.library() else { return Ok(None) };
        let stats = library.stats()?;
        let graph = library.recall(QUESTIONS)?.map(|recall| GraphStats {
            vectors: recall.connected,
            recall_at_10: recall.at_10,
            questions: recall.queries,
        });
        Ok(Some(FolderStats {
            precision: library.precision().name(),
            segments: stats.segments,
            unsealed: stats.unflushed,
            dead: stats.tombstones,
            vector_bytes: stats.vector_bytes,
            catalog_bytes: stats.catalog_bytes,
            graph,
        }))
    }

    #[cfg(not(feature = "sqlite"))]
    #[expect(clippy::unnecessary_wraps, reason = "as where there are folders")]
    fn folder_stats(&self) -> Result<Option<FolderStats>> {
        Ok(None)
    }
}
