//! What a library holds, into files.

use std::path::Path;

use super::{Entry, Error, Format, Provenance, Result, Size, create};
use crate::{Item, Modality, Snapshot};

/// Writes items with their vectors. `progress` is told how many are written, and says whether to go on.
///
/// # Errors
///
/// [`Error::Write`]; [`Error::Disabled`]; [`Error::Gone`] where an item is there no longer, or has
/// lost its vector; [`Error::Cancelled`]; [`Error::Library`].
pub fn export(
    snapshot: &dyn Snapshot,
    items: &[Item],
    path: &Path,
    format: Format,
    progress: &mut dyn FnMut(usize) -> bool,
) -> Result<()> {
    let images = items.iter().filter(|item| item.modality == Modality::Image).count();
    let texts = items.len() - images;
    let size = Size { images, texts, dimension: snapshot.dimension() };
    let mut sink = create(path, format, &Provenance::of(snapshot), size)?;
    for (done, item) in (1..).zip(items) {
        // Items have vectors, but for those that were lost when the library was opened.
        let found = snapshot.get(&item.id)?;
        let (item, vector) = found.ok_or_else(|| Error::Gone { id: item.id.clone() })?;
        sink.put(&Entry { item, vector })?;
        if !progress(done) {
            return Err(Error::Cancelled { done });
        }
    }
    sink.finish()
}
