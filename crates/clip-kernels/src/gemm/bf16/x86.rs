//! The micro-kernel of x86-64.

use std::arch::x86_64::{
    __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_set1_epi32,
    _mm512_setzero_ps, _mm512_storeu_ps,
};
use std::mem::transmute;

use half::bf16;

use super::Pair;
use crate::gemm::microkernel::microkernel;

microkernel! {
    /// AVX-512 BF16: two products a lane.
    AVX512_BF16: Avx512Bf16 with "avx512f,avx512bf16", [bf16, Pair] => f32,
    groups of 2, 16 lanes, rows 1 2 3 4 5 6 7 8 9 10 11 12 up to 12,
    sums |from| _mm512_loadu_ps(from), |to, sum| _mm512_storeu_ps(to, sum), _mm512_setzero_ps(),
    broadcast |pair| transmute::<__m512i, __m512bh>(
        _mm512_set1_epi32(pair.cast::<i32>().read_unaligned()),
    ),
    load |weights| transmute::<__m512i, __m512bh>(_mm512_loadu_si512(weights.cast())),
    dot |sum, a, b| _mm512_dpbf16_ps(sum, a, b)
}
