//! The micro-kernels of x86-64: sums of `f32`, weights of 32 or 16 bits.

use std::arch::x86_64::{
    _mm_loadu_si128, _mm256_broadcast_ss, _mm256_castsi256_ps, _mm256_cvtepu16_epi32,
    _mm256_cvtph_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_setzero_ps,
    _mm256_slli_epi32, _mm256_storeu_ps, _mm512_castsi512_ps, _mm512_cvtepu16_epi32,
    _mm512_cvtph_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_slli_epi32, _mm512_storeu_ps,
};

use half::{bf16, f16};

use crate::gemm::microkernel::microkernel;

/// A kernel in 512-bit registers, where each weight is loaded as `f32`.
macro_rules! avx512 {
    ($(#[$doc:meta])* $name:ident, $weight:ty, load |$weights:ident| $load:expr) => {
        microkernel! {
            $(#[$doc])*
            $name: Avx512 with "avx512f", [f32, $weight] => f32,
            groups of 1, 16 lanes, rows 1 2 3 4 5 6 7 8 9 10 11 12 up to 12,
            sums |from| _mm512_loadu_ps(from), |to, sum| _mm512_storeu_ps(to, sum),
                _mm512_setzero_ps(),
            broadcast |value| _mm512_set1_ps(*value),
            load |$weights| $load,
            dot |sum, a, b| _mm512_fmadd_ps(a, b, sum)
        }
    };
}

/// A kernel in 256-bit registers, where each weight is loaded as `f32`.
macro_rules! avx2 {
    ($(#[$doc:meta])* $name:ident, $weight:ty, load |$weights:ident| $load:expr) => {
        microkernel! {
            $(#[$doc])*
            $name: Avx2 with "avx2,fma,f16c", [f32, $weight] => f32,
            groups of 1, 8 lanes, rows 1 2 3 4 5 6 up to 6,
            sums |from| _mm256_loadu_ps(from), |to, sum| _mm256_storeu_ps(to, sum),
                _mm256_setzero_ps(),
            broadcast |value| _mm256_broadcast_ss(&*value),
            load |$weights| $load,
            dot |sum, a, b| _mm256_fmadd_ps(a, b, sum)
        }
    };
}

avx512! {
    /// Weights of `f32`.
    AVX512, f32, load |weights| _mm512_loadu_ps(weights)
}

avx512! {
    /// Weights of `f16`.
    AVX512_F16, f16, load |weights| _mm512_cvtph_ps(_mm256_loadu_si256(weights.cast()))
}

avx512! {
    /// Weights of `bf16`: the upper half of an `f32`.
    AVX512_BF16, bf16, load |weights| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(
        _mm512_cvtepu16_epi32(_mm256_loadu_si256(weights.cast())),
    ))
}

avx2! {
    /// Weights of `f32`.
    AVX2, f32, load |weights| _mm256_loadu_ps(weights)
}

avx2! {
    /// Weights of `f16`.
    AVX2_F16, f16, load |weights| _mm256_cvtph_ps(_mm_loadu_si128(weights.cast()))
}

avx2! {
    /// Weights of `bf16`: the upper half of an `f32`.
    AVX2_BF16, bf16, load |weights| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(
        _mm256_cvtepu16_epi32(_mm_loadu_si128(weights.cast())),
    ))
}
