//! The micro-kernels of x86-64.

use std::arch::x86_64::{
    _mm_loadu_si128, _mm256_add_epi32, _mm256_cvtepi8_epi16, _mm256_dpbusd_avx_epi32,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_set1_epi32, _mm256_setzero_si256,
    _mm256_storeu_si256, _mm512_add_epi32, _mm512_cvtepi8_epi16, _mm512_dpbusd_epi32,
    _mm512_loadu_si512, _mm512_madd_epi16, _mm512_set1_epi32, _mm512_setzero_si512,
    _mm512_storeu_si512,
};

use crate::gemm::microkernel::microkernel;

microkernel! {
    /// AVX-512 VNNI.
    AVX512_VNNI: Avx512Vnni with "avx512f,avx512vnni", [u8, [i8; 4]] => i32,
    groups of 4, 16 lanes, rows 1 2 3 4 5 6 7 8 9 10 11 12 up to 12,
    sums |from| _mm512_loadu_si512(from.cast()), |to, sum| _mm512_storeu_si512(to.cast(), sum),
        _mm512_setzero_si512(),
    broadcast |group| _mm512_set1_epi32(group.cast::<i32>().read_unaligned()),
    load |weights| _mm512_loadu_si512(weights.cast()),
    dot |sum, a, b| _mm512_dpbusd_epi32(sum, a, b)
}

microkernel! {
    /// AVX-512 without VNNI.
    AVX512: Avx512 with "avx512f,avx512bw", [i16, [i8; 2]] => i32,
    groups of 2, 16 lanes, rows 1 2 3 4 5 6 7 8 9 10 11 12 up to 12,
    sums |from| _mm512_loadu_si512(from.cast()), |to, sum| _mm512_storeu_si512(to.cast(), sum),
        _mm512_setzero_si512(),
    broadcast |group| _mm512_set1_epi32(group.cast::<i32>().read_unaligned()),
    load |weights| _mm512_cvtepi8_epi16(_mm256_loadu_si256(weights.cast())),
    dot |sum, a, b| _mm512_add_epi32(sum, _mm512_madd_epi16(a, b))
}

microkernel! {
    /// AVX-VNNI.
    AVX2_VNNI: Avx2Vnni with "avx2,avxvnni", [u8, [i8; 4]] => i32,
    groups of 4, 8 lanes, rows 1 2 3 4 5 6 up to 6,
    sums |from| _mm256_loadu_si256(from.cast()), |to, sum| _mm256_storeu_si256(to.cast(), sum),
        _mm256_setzero_si256(),
    broadcast |group| _mm256_set1_epi32(group.cast::<i32>().read_unaligned()),
    load |weights| _mm256_loadu_si256(weights.cast()),
    dot |sum, a, b| _mm256_dpbusd_avx_epi32(sum, a, b)
}

microkernel! {
    /// AVX2.
    AVX2: Avx2 with "avx2", [i16, [i8; 2]] => i32,
    groups of 2, 8 lanes, rows 1 2 3 4 5 6 up to 6,
    sums |from| _mm256_loadu_si256(from.cast()), |to, sum| _mm256_storeu_si256(to.cast(), sum),
        _mm256_setzero_si256(),
    broadcast |group| _mm256_set1_epi32(group.cast::<i32>().read_unaligned()),
    load |weights| _mm256_cvtepi8_epi16(_mm_loadu_si128(weights.cast())),
    dot |sum, a, b| _mm256_add_epi32(sum, _mm256_madd_epi16(a, b))
}
