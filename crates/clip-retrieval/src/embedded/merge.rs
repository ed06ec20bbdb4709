//! Many segments into one, and what is pending into a segment.

use std::io;

use super::segment::Source;
use super::view::{Part, Pending};

/// Vectors that wait for a segment: as few as make a file worth while.
pub(super) const SEAL: usize = 4096;

/// Segments of about one size that are merged: a vector is written again each time its segment
/// grows by as much.
const FAN: usize = 8;

impl Source for Pending {
    fn for_each(&self, visit: &mut dyn FnMut(u64, &[f32]) -> io::Result<()>) -> io::Result<()> {
        let width = self.vectors.len() / self.keys.len().max(1);
        let rows = self.keys.iter().zip(self.vectors.chunks_exact(width.max(1)));
        rows.into_iter().try_for_each(|(key, vector)| visit(*key, vector))
    }
}

/// The rows of some segments that count, by key.
pub(super) struct Merged<'a> {
    parts: Vec<&'a Part>,
    /// Key, number among the parts, row.
    rows: Vec<(u64, u32, u32)>,
}

impl<'a> Merged<'a> {
    pub(super) fn new(parts: Vec<&'a Part>) -> Self {
        let mut rows = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            let keys = part.segment.keys();
            let live = part.dead.inverted();
            rows.extend(live.iter().map(|row| (keys[row], number as u32, row as u32)));
        }
        rows.sort_unstable();
        // A key counts once, whatever a damaged catalog says.
        rows.dedup_by_key(|row| row.0);
        Self { parts, rows }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}

impl Source for Merged<'_> {
    fn for_each(&self, visit: &mut dyn FnMut(u64, &[f32]) -> io::Result<()>) -> io::Result<()> {
        self.rows.iter().try_for_each(|(key, part, row)| {
            visit(*key, &self.parts[*part as usize].segment.vector(*row as usize))
        })
    }
}

/// Numbers of the segments to be merged next; none where it is not worth while.
pub(super) fn due(parts: &[Part]) -> Vec<i64> {
    let live = |part: &Part| part.segment.rows() - part.dead.count();
    // One that is half dead is written anew.
    if let Some(part) = parts.iter().find(|part| 2 * live(part) < part.segment.rows()) {
        return vec![part.number];
    }
    let tier = |part: &Part| (live(part) / SEAL).max(1).ilog(FAN);
    for of in 0..=usize::BITS {
        let same = parts.iter().filter(|part| tier(part) == of);
        let same: Vec<i64> = same.map(|part| part.number).collect();
        if same.len() >= FAN {
            return same;
        }
    }
    Vec::new()
}
