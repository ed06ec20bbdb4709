//! Files that are whole or not there.

use std::fs::File;
use std::io;
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

use crate::Result;
use crate::error::{folder_of, io_error};

/// Ending of a file that has not got its name yet.
pub(super) const UNFINISHED: &str = ".new";

/// Writes a file into the place of `path`, whole or not at all: `fill` gets one beside it, which takes
/// its name when it is on the disk.
///
/// # Errors
///
/// [`crate::Error::Io`]; nothing is left behind then.
pub(super) fn write_whole(
    path: &Path,
    fill: impl FnOnce(&NamedTempFile) -> io::Result<()>,
) -> Result<()> {
    let io = io_error("write", path);
    let folder = folder_of(path);
    let mut builder = Builder::new();
    builder.prefix(".").suffix(UNFINISHED);
    readable(&mut builder);
    let file = builder.tempfile_in(folder).map_err(&io)?;
    fill(&file).and_then(|()| file.as_file().sync_all()).map_err(&io)?;
    file.persist(path).map_err(|error| io(error.error))?;
    sync(folder).map_err(&io)
}

/// Whoever may read the catalog may read the vectors: temporary files are their owner's alone.
#[cfg(unix)]
fn readable(builder: &mut Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt;
    // Less what the user takes away from every new file.
    builder.permissions(std::fs::Permissions::from_mode(0o666));
}

/// Other systems pass on what the folder allows.
#[cfg(not(unix))]
fn readable(_: &mut Builder<'_, '_>) {}

/// Makes the names in a folder as lasting as the files they name.
#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Other systems do not open folders, and keep names as they keep files.
#[cfg(not(unix))]
fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}
