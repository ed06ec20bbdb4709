use std::path::Path;

use crate::source::Index;
use crate::{Error, Result};

/// There is none without the feature.
#[derive(Debug)]
pub(crate) enum Table {}

pub(crate) fn index(path: &Path, _: Option<&[String]>) -> Result<Index> {
    Err(Error::NeedsFeature { path: path.to_owned(), feature: "parquet" })
}

impl Table {
    pub(crate) fn path(&self) -> &Path {
        match *self {}
    }

    pub(crate) fn picture(&self, _: usize, _: usize) -> Result<Vec<u8>> {
        match *self {}
    }
}
