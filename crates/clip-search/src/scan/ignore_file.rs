//! Files that say what below their folder is left out, as `.gitignore` does.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ignore::{IncrementalIgnore, WalkBuilder};

/// Name of the files that say what a scan leaves out below their folder, written like `.gitignore`.
pub const NAME: &str = ".clipignore";

/// A walk below a folder which leaves out what the ignore files in it and in the folders above it say.
pub(super) fn walk(root: &Path) -> WalkBuilder {
    let mut walk = WalkBuilder::new(root);
    // No .gitignore: pictures are often what a repository leaves out.
    walk.standard_filters(false).parents(true).add_custom_ignore_filename(NAME);
    walk
}

/// Tells for single files below a folder whether such a walk would leave them out.
pub(super) fn matcher(root: &Path) -> IncrementalIgnore {
    walk(root).build_matchers().remove(0)
}

/// Tells whether ignore files leave out files that are anywhere.
#[derive(Debug, Default)]
pub(super) struct Ignored {
    /// For each root of the file system.
    matchers: Vec<IncrementalIgnore>,
}

impl Ignored {
    pub(super) fn has(&mut self, path: &Path) -> bool {
        let Some(root) = path.ancestors().last().filter(|root| root.is_absolute()) else {
            return false;
        };
        if self.matchers.iter().all(|matcher| matcher.root() != root) {
            self.matchers.push(matcher(root));
        }
        self.matchers.iter_mut().any(|matcher| is_ignored(matcher, path))
    }
}

/// Whether ignore files leave out a file below the root of a matcher.
pub(crate) fn is_ignored(matcher: &mut IncrementalIgnore, path: &Path) -> bool {
    let relative: Option<PathBuf> = path.strip_prefix(matcher.root()).ok().map(Path::to_owned);
    relative.is_some_and(|relative| matcher.matched(relative, false).is_ignore())
}

/// Why the ignore file of a folder cannot be read as a whole; the walk itself does not say.
pub(super) fn error(folder: &Path) -> Option<String> {
    let path = folder.join(NAME);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return None;
        }
        // A folder that may not be entered is named by the walk.
        Err(_) if path.symlink_metadata().is_err() => return None,
        Err(error) => return Some(format!("cannot read {}: {error}", path.display())),
    };
    let is_text = std::str::from_utf8(&bytes).is_ok();
    (!is_text).then(|| format!("{} is not UTF-8: save it as that", path.display()))
}
