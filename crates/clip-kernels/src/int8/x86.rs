//! The microkernels of x86-64: one body, and for each instruction set its registers.

use std::arch::x86_64::{
    _mm_loadu_si128, _mm256_add_epi32, _mm256_cvtepi8_epi16, _mm256_dpbusd_avx_epi32,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_set1_epi32, _mm256_setzero_si256,
    _mm256_storeu_si256, _mm512_add_epi32, _mm512_cvtepi8_epi16, _mm512_dpbusd_epi32,
    _mm512_loadu_si512, _mm512_madd_epi16, _mm512_set1_epi32, _mm512_setzero_si512,
    _mm512_storeu_si512,
};

/// A microkernel of `lanes` sums a register, two registers a row, and as many rows as are listed.
/// `load` makes a register of weights of `lanes` groups, `dot` adds the products of one group of
/// activations, which stands in every lane, to the sums.
macro_rules! microkernel {
    (
        $(#[$doc:meta])*
        $name:ident, $features:literal, $lanes:literal lanes, groups of $group:literal $type:ty,
        rows $($rows:literal)*,
        zero $zero:ident, broadcast $broadcast:ident, store $store:ident,
        load |$weights:ident| $load:expr,
        dot |$sum:ident, $a:ident, $b:ident| $dot:expr
    ) => {
        $(#[$doc])*
        pub(super) mod $name {
            use super::*;
            use crate::Prefetch;

            const LANES: usize = $lanes;
            const COLUMNS: usize = 2 * LANES;
            const GROUP: usize = $group;

            /// Writes the sums of rows by a panel.
            ///
            /// # Panics
            ///
            /// Where the sizes do not fit.
            ///
            /// # Safety
            ///
            /// The processor has the instruction set.
            #[expect(unsafe_code, reason = "vector instructions")]
            pub(in crate::int8) unsafe fn multiply(
                rows: &[$type],
                panel: &[i8],
                prefetch: Prefetch,
                sums: &mut [i32],
            ) {
                let length = panel.len() / COLUMNS;
                let (sums, rest) = sums.as_chunks_mut::<COLUMNS>();
                assert!(rest.is_empty() && rows.len() == sums.len() * length, "rows of a product");
                match sums.len() {
                    $(
                        // SAFETY: the caller vouches for the instructions; the sizes fit.
                        $rows => unsafe { tile::<$rows>(rows, panel, prefetch, sums) },
                    )*
                    0 => {}
                    count => panic!("{count} rows are more than a tile has"),
                }
            }

            /// N rows by one panel, each as long as the panel has steps.
            #[expect(unsafe_code, reason = "vector instructions")]
            #[target_feature(enable = $features)]
            unsafe fn tile<const N: usize>(
                rows: &[$type],
                panel: &[i8],
                prefetch: Prefetch,
                out: &mut [[i32; COLUMNS]],
            ) {
                let steps = panel.len() / (COLUMNS * GROUP);
                let stride = prefetch.stride(steps);
                let mut sums = [[$zero(); 2]; N];
                for (step, groups) in panel.chunks_exact(COLUMNS * GROUP).enumerate() {
                    prefetch.hint(step * stride);
                    // SAFETY: `multiply` checked that there are N rows of as many groups as the
                    // panel has steps; a step of the panel is two registers of groups.
                    unsafe {
                        let b = [0, LANES * GROUP].map(|at| {
                            let $weights = groups.as_ptr().add(at);
                            $load
                        });
                        for (i, sums) in sums.iter_mut().enumerate() {
                            let group = rows.as_ptr().add((i * steps + step) * GROUP);
                            let a = $broadcast(group.cast::<i32>().read_unaligned());
                            for (sum, b) in sums.iter_mut().zip(b) {
                                let ($sum, $a, $b) = (*sum, a, b);
                                *sum = $dot;
                            }
                        }
                    }
                }
                for (sums, out) in sums.iter().zip(out) {
                    for (half, sum) in sums.iter().enumerate() {
                        // SAFETY: a row of `out` is two registers.
                        unsafe { $store(out.as_mut_ptr().add(half * LANES).cast(), *sum) };
                    }
                }
            }
        }
    };
}

microkernel! {
    /// AVX-512 VNNI.
    avx512_vnni, "avx512f,avx512vnni", 16 lanes, groups of 4 u8,
    rows 1 2 3 4 5 6 7 8 9 10 11 12,
    zero _mm512_setzero_si512, broadcast _mm512_set1_epi32, store _mm512_storeu_si512,
    load |weights| _mm512_loadu_si512(weights.cast()),
    dot |sum, a, b| _mm512_dpbusd_epi32(sum, a, b)
}

microkernel! {
    /// AVX-512 without VNNI.
    avx512, "avx512f,avx512bw", 16 lanes, groups of 2 i16,
    rows 1 2 3 4 5 6 7 8 9 10 11 12,
    zero _mm512_setzero_si512, broadcast _mm512_set1_epi32, store _mm512_storeu_si512,
    load |weights| _mm512_cvtepi8_epi16(_mm256_loadu_si256(weights.cast())),
    dot |sum, a, b| _mm512_add_epi32(sum, _mm512_madd_epi16(a, b))
}

microkernel! {
    /// AVX-VNNI.
    avx2_vnni, "avx2,avxvnni", 8 lanes, groups of 4 u8,
    rows 1 2 3 4 5 6,
    zero _mm256_setzero_si256, broadcast _mm256_set1_epi32, store _mm256_storeu_si256,
    load |weights| _mm256_loadu_si256(weights.cast()),
    dot |sum, a, b| _mm256_dpbusd_avx_epi32(sum, a, b)
}

microkernel! {
    /// AVX2.
    avx2, "avx2", 8 lanes, groups of 2 i16,
    rows 1 2 3 4 5 6,
    zero _mm256_setzero_si256, broadcast _mm256_set1_epi32, store _mm256_storeu_si256,
    load |weights| _mm256_cvtepi8_epi16(_mm_loadu_si128(weights.cast())),
    dot |sum, a, b| _mm256_add_epi32(sum, _mm256_madd_epi16(a, b))
}
