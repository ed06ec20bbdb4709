//! What a browser is shown.

/// Whether a path is of what a browser needs to ask its user for the key.
pub(crate) fn is_public(path: &str) -> bool {
    path == "/" || path.starts_with("/assets/")
}
