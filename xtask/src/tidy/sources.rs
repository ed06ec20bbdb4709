//! The Rust files of the workspace.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Calls `found` with the path below `root` and the text of each Rust file below `folder`, but for what is
/// in a folder of the name `except`.
pub(super) fn visit(
    root: &Path,
    folder: &Path,
    except: &str,
    found: &mut dyn FnMut(&str, &str),
) -> Result<()> {
    if !folder.is_dir() || folder.ends_with(except) {
        return Ok(());
    }
    let context = || format!("cannot read {}", folder.display());
    let mut entries = fs::read_dir(folder)
        .and_then(|entries| entries.collect::<std::io::Result<Vec<_>>>())
        .with_context(context)?;
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type().with_context(context)?);
        if kind.is_dir() && entry.file_name() != "target" {
            visit(root, &path, except, found)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let shown = path.strip_prefix(root).unwrap_or(&path);
            found(&shown.display().to_string(), &text);
        }
    }
    Ok(())
}
