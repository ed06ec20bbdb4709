//! Memory that is needed soon.

/// Bytes that memory comes in.
const LINE: usize = 64;

/// Asks for bytes that will be read: where many places far apart are read in turn, as in a walk over a
/// graph, they come at the same time.
#[inline(always)]
pub(crate) fn fetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for at in (0..size_of_val(values)).step_by(LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        #[expect(unsafe_code, reason = "there is no other way to say it")]
        // SAFETY: nothing is read through the address, which is one of the slice.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().cast::<i8>().add(at));
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, LINE);
}
