use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clip_preprocess::RgbImage;

/// Decoded pictures by sample, up to a number of bytes.
///
/// A full cache takes no more and forgets nothing: each epoch comes by every sample once, and of
/// that the least recently used is just what is needed next.
#[derive(Debug)]
pub(crate) struct Cache {
    limit: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    pictures: HashMap<usize, Arc<RgbImage>>,
    bytes: usize,
}

impl Cache {
    pub(crate) fn new(mib: usize) -> Self {
        Self { limit: mib.saturating_mul(1 << 20), kept: Mutex::default() }
    }

    pub(crate) fn get(&self, index: usize) -> Option<Arc<RgbImage>> {
        self.lock().pictures.get(&index).cloned()
    }

    /// Keeps a picture if there is room.
    pub(crate) fn keep(&self, index: usize, picture: &Arc<RgbImage>) {
        let mut kept = self.lock();
        let bytes = kept.bytes + picture.as_raw().len();
        if bytes <= self.limit && !kept.pictures.contains_key(&index) {
            kept.bytes = bytes;
            kept.pictures.insert(index, Arc::clone(picture));
        }
    }

    /// Nothing under the lock leaves a half-made state, so a panic elsewhere is no reason to stop.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_cache_keeps_what_it_has() {
        let cache = Cache::new(1);
        let picture = Arc::new(RgbImage::new(512, 400));
        for index in [3, 3, 4] {
            cache.keep(index, &picture);
        }
        assert!(cache.get(3).is_some());
        assert!(cache.get(4).is_none(), "two are more than a MiB");
        Cache::new(0).keep(0, &picture);
    }
}
