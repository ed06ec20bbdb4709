//! Graphs over large collections (HNSW).

use crate::{Collection, Observer, Result};

/// Vectors that are compared one by one in about a twentieth of a second: from there on a graph pays.
pub const GRAPH_ABOVE: usize = 4_000_000;

/// Builds a graph over the vectors of the collection that have none, where they are at least `least`.
/// A cluster has graphs of its own, and so a program without the feature `hnsw` builds none.
///
/// # Errors
///
/// [`Error::Cancelled`](crate::Error::Cancelled) where the observer asked for that;
/// [`Error::Retrieval`](crate::Error::Retrieval) where the graph cannot be written.
#[cfg(feature = "hnsw")]
pub fn build_graph(
    collection: &Collection,
    least: usize,
    observer: &mut dyn Observer,
) -> Result<()> {
    use std::sync::{Mutex, PoisonError};

    use crate::{Error, Progress, Task};

    let Ok(library) = collection.library() else { return Ok(()) };
    let (least, total) = (least.max(1), library.len());
    if total < least {
        return Ok(());
    }
    let task = Task::Graph;
    observer.progress(Progress { task, done: 0, total });
    // The graph grows on all cores.
    let heard = Mutex::new((observer, 0, total));
    let go_on = |done: usize, total: usize| {
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        (heard.1, heard.2) = (done, total);
        heard.0.progress(Progress { task, done, total });
        !heard.0.is_cancelled()
    };
    library.write()?.connect(least, &go_on)?;
    let (observer, done, total) = heard.into_inner().unwrap_or_else(PoisonError::into_inner);
    if observer.is_cancelled() {
        return Err(Error::Cancelled { task, done, total });
    }
    observer.progress(Progress { task, done: total, total });
    Ok(())
}

/// Builds no graph: this program was built without the feature `hnsw`.
///
/// # Errors
///
/// None.
#[cfg(not(feature = "hnsw"))]
pub fn build_graph(_: &Collection, _: usize, _: &mut dyn Observer) -> Result<()> {
    Ok(())
}
