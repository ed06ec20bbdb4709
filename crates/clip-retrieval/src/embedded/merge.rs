//! Many segments into one, and the table in memory into a segment.

use std::io;

use super::segment::Source;
use super::vectors::{MemTable, SegmentHandle};

/// Vectors of a table in memory that are written into a segment: as few as make a file worth while.
pub(super) const FLUSH: usize = 4096;

/// Segments of about one size that are merged: a vector is written again each time its segment
/// grows by as much.
const FAN: usize = 8;

impl Source for MemTable {
    fn for_each(&self, visit: &mut dyn FnMut(u64, &[f32]) -> io::Result<()>) -> io::Result<()> {
        let width = self.vectors.len() / self.keys.len().max(1);
        let rows = self.keys.iter().zip(self.vectors.chunks_exact(width.max(1)));
        rows.into_iter().try_for_each(|(key, vector)| visit(*key, vector))
    }
}

/// The rows of some segments that count, by key.
pub(super) struct Merged<'a> {
    segments: Vec<&'a SegmentHandle>,
    /// Key, number among the segments, row.
    rows: Vec<(u64, u32, u32)>,
}

impl<'a> Merged<'a> {
    pub(super) fn new(segments: Vec<&'a SegmentHandle>) -> Self {
        let mut rows = Vec::new();
        for (number, handle) in segments.iter().enumerate() {
            let keys = handle.segment.keys();
            let live = handle.tombstones.inverted();
            rows.extend(live.iter().map(|row| (keys[row], number as u32, row as u32)));
        }
        rows.sort_unstable();
        // A key counts once, whatever a damaged catalog says.
        rows.dedup_by_key(|row| row.0);
        Self { segments, rows }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}

impl Source for Merged<'_> {
    fn for_each(&self, visit: &mut dyn FnMut(u64, &[f32]) -> io::Result<()>) -> io::Result<()> {
        self.rows.iter().try_for_each(|(key, number, row)| {
            visit(*key, &self.segments[*number as usize].segment.vector(*row as usize))
        })
    }
}

/// Numbers of the segments to be merged next; none where it is not worth while.
pub(super) fn due(segments: &[SegmentHandle]) -> Vec<i64> {
    let live = SegmentHandle::live_rows;
    // One that is half deleted is written anew.
    if let Some(handle) = segments.iter().find(|handle| 2 * live(handle) < handle.segment.rows()) {
        return vec![handle.number];
    }
    let tier = |handle: &SegmentHandle| (live(handle) / FLUSH).max(1).ilog(FAN);
    for of in 0..=usize::BITS {
        let same = segments.iter().filter(|handle| tier(handle) == of);
        let same: Vec<i64> = same.map(|handle| handle.number).collect();
        if same.len() >= FAN {
            return same;
        }
    }
    Vec::new()
}
