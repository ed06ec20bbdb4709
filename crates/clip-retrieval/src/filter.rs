//! Which items a search is about.

use std::collections::HashSet;
#[cfg(any(feature = "milvus", feature = "sqlite"))]
use std::path::Path;
use std::path::PathBuf;

use crate::{Modality, PathGlob};

/// Which items a search is about; every condition that is set has to hold. The default takes all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Of this kind.
    pub modality: Option<Modality>,
    /// A file of one of these paths, or below it, where there are any. Paths are compared as they
    /// are written, component by component: `photos` holds `photos/dog.jpg`, and neither
    /// `photos2/dog.jpg` nor `./photos/dog.jpg`.
    pub under: Vec<PathBuf>,
    /// A file of this set, where there is one.
    pub only: Option<HashSet<PathBuf>>,
    /// A file that fits one of these patterns, where there are any.
    pub globs: Vec<PathGlob>,
    /// Taken at this time or later, in seconds since 1970 of the camera's own clock.
    pub taken_from: Option<i64>,
    /// Taken before this time.
    pub taken_before: Option<i64>,
    /// At least so many pixels on the longer side.
    pub min_side: Option<u32>,
    /// Of this shape.
    pub orientation: Option<Orientation>,
    /// With every one of these tags (see [`Item::tags`](crate::Item::tags)), in upper and lower case as
    /// written. Letters with marks are the same in both ways that Unicode writes them.
    pub tags: Vec<String>,
}

/// The shape of a picture, as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Orientation {
    /// Wider than high.
    Landscape,
    /// Higher than wide.
    Portrait,
    /// As wide as high.
    Square,
}

impl Filter {
    /// All items of one kind.
    pub fn of(modality: Modality) -> Self {
        Self { modality: Some(modality), ..Self::default() }
    }

    /// Whether there are conditions on paths that no index of them answers.
    #[cfg(feature = "sqlite")]
    pub(crate) fn looks_at_paths(&self) -> bool {
        self.only.is_some() || !self.globs.is_empty()
    }

    /// Whether a path is in the set and fits a pattern, where there are such.
    #[cfg(any(feature = "milvus", feature = "sqlite"))]
    pub(crate) fn takes(&self, path: Option<&Path>) -> bool {
        let is_in = |only: &HashSet<PathBuf>| path.is_some_and(|path| only.contains(path));
        let fits = || path.is_some_and(|path| self.globs.iter().any(|glob| glob.matches(path)));
        self.only.as_ref().is_none_or(is_in) && (self.globs.is_empty() || fits())
    }

    /// Whether every item passes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
