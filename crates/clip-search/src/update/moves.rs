//! Files that are where others were, told by their content.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use clip_retrieval::KnownFile;

use super::pending::Pending;

/// More pairs of one content than this are not compared by their names.
const PAIRS: usize = 1 << 20;

/// For pending files, by their index, which of `vacated` has their content: files of the library that
/// are no longer where they were, or no longer what they were. Each has one successor at most. Of
/// several with one content, names decide, so that copies keep apart what was said of each.
pub(super) fn origins(pending: &[Pending], vacated: &[KnownFile]) -> HashMap<usize, usize> {
    let mut by_size: HashMap<u64, Vec<usize>> = HashMap::new();
    for (index, file) in vacated.iter().enumerate() {
        if let (Some(stamp), Some(_)) = (file.stamp, file.hash) {
            by_size.entry(stamp.size).or_default().push(index);
        }
    }
    // By content: the files that have it now, and those that had it.
    let mut groups: HashMap<[u8; 32], (Vec<usize>, Vec<usize>)> = HashMap::new();
    for (index, file) in pending.iter().enumerate() {
        let size = file.state.stamp.map(|stamp| stamp.size);
        let Some(candidates) = size.and_then(|size| by_size.get(&size)) else { continue };
        // One that was touched alone is where it was.
        let is_only_its_own = candidates.iter().all(|from| vacated[*from].path == file.path);
        if !is_only_its_own && let Some(hash) = file.hash() {
            groups.entry(hash).or_default().0.push(index);
        }
    }
    for (index, file) in vacated.iter().enumerate() {
        if let Some((_, had)) = file.hash.and_then(|hash| groups.get_mut(&hash)) {
            had.push(index);
        }
    }
    let mut origins = HashMap::new();
    for (have, had) in groups.values_mut() {
        have.sort_by(|a, b| pending[*a].path.cmp(&pending[*b].path));
        had.sort_by(|a, b| vacated[*a].path.cmp(&vacated[*b].path));
        let pairs = have.iter().flat_map(|to| had.iter().map(move |from| (*to, *from)));
        let mut pairs: Vec<(usize, usize)> = match have.len().saturating_mul(had.len()) {
            0..=PAIRS => pairs.collect(),
            _ => have.iter().copied().zip(had.iter().copied()).collect(),
        };
        pairs.sort_by_key(|(to, from)| Reverse(likeness(&pending[*to].path, &vacated[*from].path)));
        let mut taken = HashSet::new();
        for (to, from) in pairs {
            if !origins.contains_key(&to) && taken.insert(from) {
                origins.insert(to, from);
            }
        }
    }
    origins
}

/// How much two paths have in common, from their ends; most where they are the same.
pub(super) fn likeness(a: &Path, b: &Path) -> usize {
    if a == b {
        return usize::MAX;
    }
    a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count()
}
