//! Matrix products of bf16 values with sums in f32, for processors with AVX-512 BF16.
//!
//! Twice the products of f32 a cycle (`vdpbf16ps`), at eight bits of precision: enough to train
//! with (Kalamkar et al. 2019, arXiv:1905.12322), and never used to serve. The instruction
//! multiplies two values at once, so they are paired along the inner axis.

use std::arch::x86_64::{
    __m256i, __m512bh, __m512i, _mm256_storeu_si256, _mm512_add_ps, _mm512_cvtepu16_epi32,
    _mm512_cvtneps_pbh, _mm512_dpbf16_ps, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_maskz_loadu_ps, _mm512_or_si512, _mm512_set1_epi32, _mm512_setzero_ps,
    _mm512_slli_epi32, _mm512_storeu_ps, _mm512_storeu_si512,
};

use clip_kernels::Isa;

use super::product::{Into, Matrix};

/// Columns of a panel: two registers.
const COLUMNS: usize = 2 * LANES;

/// Rows of a tile: 24 sums, with two registers a row.
const ROWS: usize = 12;

/// Lanes of a register.
const LANES: usize = 16;

/// Whether this processor has the instruction.
pub(super) fn available() -> bool {
    Isa::Avx512Bf16.is_enabled()
}

/// The right side of a product: panels of [`COLUMNS`] columns, one row of pairs after the other.
#[derive(Default)]
pub(super) struct Right {
    pairs: Vec<u32>,
    /// Pairs along the inner axis.
    inner: usize,
    columns: usize,
}

/// The left side of a product.
#[derive(Default)]
pub(super) struct Left {
    pairs: Vec<u32>,
    inner: usize,
    rows: usize,
    /// From a row to the next, and from a pair to the next of the same row.
    strides: [usize; 2],
}

impl Right {
    /// Rounds a matrix and lays it out.
    ///
    /// # Panics
    ///
    /// Without the instruction ([`available`]).
    pub(super) fn fill(&mut self, matrix: Matrix<'_>) {
        assert!(available(), "bf16 products on a processor without them");
        (self.inner, self.columns) = (matrix.rows().div_ceil(2), matrix.columns());
        let panels = self.columns.div_ceil(COLUMNS);
        // What an earlier matrix left behind the last column changes no column that is read.
        self.pairs.resize(panels * self.inner * COLUMNS, 0);
        let mut line = vec![0; matrix.rows().div_ceil(2).max(matrix.columns())];
        if matrix.has_contiguous_rows() {
            for pair in 0..self.inner {
                let line = &mut line[..self.columns];
                across(matrix.row(2 * pair), matrix.row_or_empty(2 * pair + 1), line);
                for (panel, part) in line.chunks(COLUMNS).enumerate() {
                    let start = (panel * self.inner + pair) * COLUMNS;
                    self.pairs[start..start + part.len()].copy_from_slice(part);
                }
            }
        } else {
            let columns = matrix.transposed();
            for column in 0..self.columns {
                let line = &mut line[..self.inner];
                along(columns.row(column), line);
                let start = column / COLUMNS * self.inner * COLUMNS + column % COLUMNS;
                for (pair, value) in line.iter().enumerate() {
                    self.pairs[start + pair * COLUMNS] = *value;
                }
            }
        }
    }
}

impl Left {
    /// Rounds a matrix.
    ///
    /// # Panics
    ///
    /// Without the instruction ([`available`]).
    pub(super) fn fill(&mut self, matrix: Matrix<'_>) {
        assert!(available(), "bf16 products on a processor without them");
        (self.inner, self.rows) = (matrix.columns().div_ceil(2), matrix.rows());
        self.pairs.resize(self.inner * self.rows, 0);
        if matrix.has_contiguous_rows() {
            self.strides = [self.inner, 1];
            for (i, line) in self.pairs.chunks_exact_mut(self.inner).enumerate() {
                along(matrix.row(i), line);
            }
        } else {
            self.strides = [1, self.rows];
            let inner = matrix.transposed();
            for (pair, line) in self.pairs.chunks_exact_mut(self.rows).enumerate() {
                across(inner.row(2 * pair), inner.row_or_empty(2 * pair + 1), line);
            }
        }
    }
}

/// `out = a · b`, or `out + a · b`; rows of `out` begin `stride` apart.
///
/// # Panics
///
/// Where the inner lengths differ, `out` is too short, or without the instruction.
pub(super) fn multiply(a: &Left, b: &Right, mode: Into, out: &mut [f32], stride: usize) {
    assert!(available(), "bf16 products on a processor without them");
    assert_eq!(a.inner, b.inner, "inner lengths of a product");
    if a.rows == 0 || b.columns == 0 {
        return;
    }
    assert!((a.rows - 1) * stride + b.columns <= out.len(), "room for a product");
    let mut edge = [0.0; ROWS * COLUMNS];
    for (panel, pairs) in b.pairs.chunks_exact(b.inner * COLUMNS).enumerate() {
        let column = panel * COLUMNS;
        let width = COLUMNS.min(b.columns - column);
        for row in (0..a.rows).step_by(ROWS) {
            let rows = ROWS.min(a.rows - row);
            let left = &a.pairs[row * a.strides[0]..];
            let start = row * stride + column;
            if width == COLUMNS {
                tile(rows, left, a.strides, pairs, mode, &mut out[start..], stride);
            } else {
                tile(rows, left, a.strides, pairs, Into::Replace, &mut edge, COLUMNS);
                for (line, found) in
                    out[start..].chunks_mut(stride).zip(edge.chunks(COLUMNS)).take(rows)
                {
                    for (out, found) in line[..width].iter_mut().zip(found) {
                        *out = if mode == Into::Add { *out + found } else { *found };
                    }
                }
            }
        }
    }
}

/// Up to [`ROWS`] rows by one panel.
fn tile(
    rows: usize,
    left: &[u32],
    strides: [usize; 2],
    panel: &[u32],
    mode: Into,
    out: &mut [f32],
    stride: usize,
) {
    let inner = panel.len() / COLUMNS;
    assert!((rows - 1) * strides[0] + (inner - 1) * strides[1] < left.len());
    assert!((rows - 1) * stride + COLUMNS <= out.len());
    let add = mode == Into::Add;
    macro_rules! by_rows {
        ($($n:literal)*) => {
            match rows {
                $(
                    #[expect(unsafe_code, reason = "vector instructions; checked by the callers")]
                    // SAFETY: the instruction is there (`multiply`), the sizes were checked above.
                    $n => unsafe { tile_of::<$n>(left, strides, panel, add, out, stride) },
                )*
                _ => unreachable!("at most {ROWS} rows"),
            }
        };
    }
    by_rows!(1 2 3 4 5 6 7 8 9 10 11 12);
}

#[expect(unsafe_code, reason = "vector instructions")]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn tile_of<const N: usize>(
    left: &[u32],
    [row, step]: [usize; 2],
    panel: &[u32],
    add: bool,
    out: &mut [f32],
    stride: usize,
) {
    let mut sums = [[_mm512_setzero_ps(); 2]; N];
    let mut left = left.as_ptr();
    for pairs in panel.chunks_exact(COLUMNS) {
        // SAFETY: `tile` checked that N rows of this many pairs lie in `left` and N rows of
        // `COLUMNS` values in `out`; a chunk of the panel is two registers.
        unsafe {
            let b: [__m512bh; 2] = [0, LANES].map(|i| {
                let pairs: __m512i = _mm512_loadu_si512(pairs.as_ptr().add(i).cast());
                std::mem::transmute(pairs)
            });
            for (i, sums) in sums.iter_mut().enumerate() {
                let a = _mm512_set1_epi32((*left.add(i * row)).cast_signed());
                let a: __m512bh = std::mem::transmute(a);
                sums[0] = _mm512_dpbf16_ps(sums[0], a, b[0]);
                sums[1] = _mm512_dpbf16_ps(sums[1], a, b[1]);
            }
            left = left.wrapping_add(step);
        }
    }
    for (i, sums) in sums.iter().enumerate() {
        for (half, sum) in sums.iter().enumerate() {
            // SAFETY: as above.
            unsafe {
                let place = out.as_mut_ptr().add(i * stride + half * LANES);
                let sum = if add { _mm512_add_ps(_mm512_loadu_ps(place), *sum) } else { *sum };
                _mm512_storeu_ps(place, sum);
            }
        }
    }
}

/// `out[j]` is the pair of `first[j]` and `second[j]`; zeros where there is no second row.
fn across(first: &[f32], second: &[f32], out: &mut [u32]) {
    assert!(first.len() == out.len() && (second.is_empty() || second.len() == out.len()));
    #[expect(unsafe_code, reason = "vector instructions; the lengths were checked")]
    // SAFETY: the callers asked for the instruction.
    unsafe {
        across_of(first, second, out);
    }
}

#[expect(unsafe_code, reason = "vector instructions")]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn across_of(first: &[f32], second: &[f32], out: &mut [u32]) {
    let whole = out.len() / LANES * LANES;
    for at in (0..out.len()).step_by(LANES) {
        let left = out.len() - at;
        let high = if second.is_empty() { 0 } else { left };
        // SAFETY: masked loads touch what the lengths allow; the last store goes to a buffer.
        unsafe {
            let low = rounded(first.as_ptr().wrapping_add(at), left);
            let high = rounded(second.as_ptr().wrapping_add(at), high);
            let (low, high) = (_mm512_cvtepu16_epi32(low), _mm512_cvtepu16_epi32(high));
            let pairs = _mm512_or_si512(low, _mm512_slli_epi32::<16>(high));
            if at < whole {
                _mm512_storeu_si512(out.as_mut_ptr().add(at).cast(), pairs);
            } else {
                let mut last = [0_u32; LANES];
                _mm512_storeu_si512(last.as_mut_ptr().cast(), pairs);
                out[at..].copy_from_slice(&last[..left]);
            }
        }
    }
}

/// `out[j]` is the pair of `row[2j]` and `row[2j + 1]`; zero where the row ends before.
fn along(row: &[f32], out: &mut [u32]) {
    assert_eq!(row.len().div_ceil(2), out.len());
    #[expect(unsafe_code, reason = "vector instructions; the lengths were checked")]
    // SAFETY: the callers asked for the instruction.
    unsafe {
        along_of(row, out);
    }
}

#[expect(unsafe_code, reason = "vector instructions")]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn along_of(row: &[f32], out: &mut [u32]) {
    const PAIRS: usize = LANES / 2;
    for (at, out) in out.chunks_mut(PAIRS).enumerate() {
        let at = at * LANES;
        // SAFETY: masked loads touch what the length allows; short stores go to a buffer.
        unsafe {
            let pairs = rounded(row.as_ptr().wrapping_add(at), row.len() - at);
            if out.len() == PAIRS {
                _mm256_storeu_si256(out.as_mut_ptr().cast(), pairs);
            } else {
                let mut last = [0_u32; PAIRS];
                _mm256_storeu_si256(last.as_mut_ptr().cast(), pairs);
                out.copy_from_slice(&last[..out.len()]);
            }
        }
    }
}

/// Up to 16 values from `place`, rounded to bf16; zeros after `count`.
#[expect(unsafe_code, reason = "vector instructions")]
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn rounded(place: *const f32, count: usize) -> __m256i {
    let mask = if count >= LANES { u16::MAX } else { (1 << count) - 1 };
    // SAFETY: the caller vouches for `count` values at `place`; the rest is masked.
    unsafe { std::mem::transmute(_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, place))) }
}
