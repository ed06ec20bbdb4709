//! Asking for memory before it is needed.
//!
//! Weights are too many for the cache and each is read once in a pass: without asking, a product
//! waits for them while its first rows pass over a panel.

/// Memory that will be read next.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    start: *const u8,
    bytes: usize,
}

impl Ahead {
    pub(super) fn new<T>(values: &[T]) -> Self {
        Self { start: values.as_ptr().cast(), bytes: size_of_val(values) }
    }

    /// One of `count` parts of about one size.
    pub(super) fn part(self, part: usize, count: usize) -> Self {
        let bytes = self.bytes.div_ceil(count);
        Self { start: self.start.wrapping_add(part * bytes), bytes }
    }

    /// Distance of the places to ask for, where a loop asks `times` times.
    pub(super) fn stride(self, times: usize) -> usize {
        self.bytes.div_ceil(times.max(1))
    }

    /// Asks for the memory at a distance.
    #[inline(always)]
    pub(super) fn ask(self, distance: usize) {
        let place = self.start.wrapping_add(distance);
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        #[expect(unsafe_code, reason = "a hint")]
        // SAFETY: nothing is read: a hint is allowed for any address and every x86-64 has it.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T1>(place.cast());
        }
        let _ = place;
    }
}
