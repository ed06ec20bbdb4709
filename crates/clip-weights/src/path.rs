//! Parts of the path of a file.

use std::path::Path;

/// The folder that a file lies in.
pub(crate) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The folder's name for the card, also where it is called `.`.
pub(crate) fn folder_name(folder: &Path) -> String {
    folder.canonicalize().map_or_else(|_| file_name(folder), |path| file_name(&path))
}

/// The name without folders, for messages and the card.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// The name without folders and ending.
pub(crate) fn file_stem(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
