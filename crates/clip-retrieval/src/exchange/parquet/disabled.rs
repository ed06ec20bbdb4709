//! Without the feature.

use std::path::Path;

use super::Names;
use crate::exchange::{Error, Provenance, Record, Result, Sink};

pub(in crate::exchange) fn create(path: &Path, _: &Provenance, _: Names) -> Result<Box<dyn Sink>> {
    refuse(path)
}

pub(in crate::exchange) fn read(
    path: &Path,
    _: &mut dyn FnMut(Record) -> Result<()>,
) -> Result<()> {
    refuse(path)
}

fn refuse<T>(path: &Path) -> Result<T> {
    Err(Error::Disabled { path: path.to_owned(), format: "Parquet", feature: "parquet" })
}
