//! What a writer has gathered and not sent yet.

use std::collections::BTreeMap;

use super::row::Row;

/// Keys that are sent together: some 2000 new items, of which each may have had others.
const KEYS: usize = 6144;

/// Bytes that are sent together; servers take up to 64 MiB.
const BYTES: usize = 8 << 20;

/// What was not sent yet: for each key what becomes of its row. All of it may be done twice.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) rows: BTreeMap<String, Option<Row>>,
    bytes: usize,
}

impl Batch {
    pub(super) fn put(&mut self, row: Row) {
        self.bytes += row.bytes();
        self.rows.insert(row.key.clone(), Some(row));
    }

    pub(super) fn delete(&mut self, keys: impl IntoIterator<Item = String>) {
        self.rows.extend(keys.into_iter().map(|key| (key, None)));
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= KEYS || self.bytes >= BYTES
    }
}
