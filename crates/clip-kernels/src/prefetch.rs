//! Hints to load memory before it is read.
//!
//! The weights of a tower do not fit into the cache, and each is read once in a pass. Without
//! prefetching, a product waits for a panel of weights while its first rows pass over it.

/// Bytes that memory comes in.
pub(crate) const LINE: usize = 64;

/// Memory that will be read next.
#[derive(Debug, Clone, Copy)]
pub struct Prefetch {
    start: Line,
    bytes: usize,
}

/// A cache line by an address in it, which may lie anywhere.
#[derive(Debug, Clone, Copy)]
pub struct Line(*const u8);

/// Hints that all of a slice will be read soon: where many places far apart are read in turn, as in a
/// walk over a graph, they come at the same time.
#[inline(always)]
pub fn prefetch<T>(values: &[T]) {
    Prefetch::new(values).near();
}

impl Prefetch {
    /// All of a slice.
    pub fn new<T>(values: &[T]) -> Self {
        Self { start: Line(values.as_ptr().cast()), bytes: size_of_val(values) }
    }

    /// So many bytes from a place on.
    pub(crate) fn at<T>(start: *const T, bytes: usize) -> Self {
        Self { start: Line(start.cast()), bytes }
    }

    /// Hints that all of it will be read very soon.
    #[inline(always)]
    pub(crate) fn near(self) {
        for at in (0..self.bytes).step_by(LINE) {
            self.start.wrapping_add(at).hint_near();
        }
    }

    /// One of `count` parts of about one size.
    #[must_use]
    pub fn part(self, part: usize, count: usize) -> Self {
        let bytes = self.bytes.div_ceil(count);
        Self { start: self.start.wrapping_add(part * bytes), bytes }
    }

    /// Where a loop begins that gives `times` hints, and by how many bytes it goes on after each.
    pub fn steps(self, times: usize) -> (Line, usize) {
        (self.start, self.bytes.div_ceil(times.max(1)))
    }
}

impl Line {
    /// The line so many bytes on.
    #[inline(always)]
    #[must_use]
    pub fn wrapping_add(self, bytes: usize) -> Self {
        Self(self.0.wrapping_add(bytes))
    }

    /// Hints that it will be read very soon, so that it comes into the first-level cache.
    #[inline(always)]
    pub(crate) fn hint_near(self) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        #[expect(unsafe_code, reason = "a hint")]
        // SAFETY: nothing is read: a hint is allowed for any address, and every x86-64 has it.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(self.0.cast());
        }
    }

    /// Hints that it will be read, by way of the second-level cache.
    #[inline(always)]
    pub fn hint(self) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        #[expect(unsafe_code, reason = "a hint")]
        // SAFETY: nothing is read: a hint is allowed for any address, and every x86-64 has it.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T1>(self.0.cast());
        }
    }
}
