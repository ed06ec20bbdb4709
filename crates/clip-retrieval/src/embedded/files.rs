//! What the files of a library are called.

use std::path::{Path, PathBuf};

use super::atomic::UNFINISHED;
use super::segment::Segment;

/// The catalog, in the folder of the library.
pub(super) const CATALOG: &str = "catalog.sqlite";

/// Endings of a segment and of its graph.
const ENDING: &str = "vectors";
const GRAPH: &str = "graph";

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
