//! Graphs over large libraries.

use anyhow::Result;
use clip_retrieval::Library;

use crate::shelf::Shelf;

/// Makes a graph over the vectors of the library that have none, where they are at least so many.
pub(crate) fn connect(shelf: &mut Shelf, least: usize) -> Result<()> {
    match shelf.folder() {
        Some(library) => connect_folder(library, least),
        // A cluster has graphs of its own.
        None => Ok(()),
    }
}

#[cfg(feature = "hnsw")]
pub(crate) fn connect_folder(library: &mut Library, least: usize) -> Result<()> {
    use anyhow::bail;

    use crate::interrupt::Interrupt;
    use crate::report::Bar;

    if library.len() < least.max(1) {
        return Ok(());
    }
    let bar = Bar::vectors(library.len());
    let interrupt =
        Interrupt::listen(bar.noting("leaves the graph; Ctrl-C again ends it at once"))?;
    let go_on = |done: usize, of: usize| {
        bar.stand(done, of);
        !interrupt.came()
    };
    library.write()?.connect(least.max(1), &go_on)?;
    if interrupt.came() {
        bail!("stopped before the graph was made: the same command makes it");
    }
    Ok(())
}

#[cfg(not(feature = "hnsw"))]
pub(crate) fn connect_folder(_: &mut Library, _: usize) -> Result<()> {
    Ok(())
}
