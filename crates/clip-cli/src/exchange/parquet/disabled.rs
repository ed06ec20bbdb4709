//! Without the feature.

use std::path::Path;

use anyhow::{Result, bail};

use crate::exchange::{Origin, Record, Sink};

pub(in crate::exchange) fn create(path: &Path, _: &Origin) -> Result<Box<dyn Sink>> {
    refuse(path)
}

pub(in crate::exchange) fn read(
    path: &Path,
    _: &mut dyn FnMut(Record) -> Result<()>,
) -> Result<()> {
    refuse(path)
}

fn refuse<T>(path: &Path) -> Result<T> {
    bail!(
        "{} is Parquet, which this program was built without: build it with --features parquet, or use .jsonl",
        path.display()
    )
}
