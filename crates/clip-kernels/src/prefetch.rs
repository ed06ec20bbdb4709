//! Hints to load memory before it is read.
//!
//! The weights of a tower do not fit into the cache, and each is read once in a pass. Without
//! prefetching, a product waits for a panel of weights while its first rows pass over it.

/// Memory that will be read next.
#[derive(Debug, Clone, Copy)]
pub struct Prefetch {
    start: *const u8,
    bytes: usize,
}

impl Prefetch {
    /// All of a slice.
    pub fn new<T>(values: &[T]) -> Self {
        Self { start: values.as_ptr().cast(), bytes: size_of_val(values) }
    }

    /// One of `count` parts of about one size.
    pub fn part(self, part: usize, count: usize) -> Self {
        let bytes = self.bytes.div_ceil(count);
        Self { start: self.start.wrapping_add(part * bytes), bytes }
    }

    /// Bytes between the hints, where a loop gives `times` hints.
    pub fn stride(self, times: usize) -> usize {
        self.bytes.div_ceil(times.max(1))
    }

    /// Hints that the cache line `offset` bytes from the start will be read.
    #[inline(always)]
    pub fn hint(self, offset: usize) {
        let address = self.start.wrapping_add(offset);
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        #[expect(unsafe_code, reason = "a hint")]
        // SAFETY: nothing is read: a hint is allowed for any address, and every x86-64 has it.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T1>(address.cast());
        }
        let _ = address;
    }
}
