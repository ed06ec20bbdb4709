//! Matrix products of whole numbers of 8 bits, for processors with AVX-512 VNNI.
//!
//! `vpdpbusd` multiplies four pairs at once, unsigned on the left and signed on the right, and adds
//! them up in 32 bits, so values are kept in fours along the inner axis. A row is read where it lies.

use std::arch::x86_64::{
    __m512i, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_si512,
    _mm512_storeu_si512,
};

use super::ahead::Ahead;

/// Columns of a panel: two registers.
pub(super) const COLUMNS: usize = 2 * LANES;

/// Rows of a tile: 24 sums, with two registers a row.
pub(super) const ROWS: usize = 12;

/// Lanes of a register.
const LANES: usize = 16;

/// Values that one instruction multiplies in each lane.
pub(super) const FOUR: usize = 4;

/// Whether this processor has the instruction.
pub(super) fn available() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni")
}

/// The right side of a product: panels of [`COLUMNS`] columns, four rows of the matrix a step.
pub(super) struct Panels {
    fours: Vec<[i8; FOUR]>,
    /// Fours along the inner axis.
    inner: usize,
}

impl Panels {
    /// Lays a row-major matrix out.
    pub(super) fn new(matrix: &[i8], columns: usize) -> Self {
        let inner = (matrix.len() / columns).div_ceil(FOUR);
        let mut fours = vec![[0; FOUR]; columns.div_ceil(COLUMNS) * inner * COLUMNS];
        for (row, line) in matrix.chunks_exact(columns).enumerate() {
            for (panel, line) in line.chunks(COLUMNS).enumerate() {
                let start = (panel * inner + row / FOUR) * COLUMNS;
                for (four, value) in fours[start..].iter_mut().zip(line) {
                    four[row % FOUR] = *value;
                }
            }
        }
        Self { fours, inner }
    }

    /// Where a panel lies.
    pub(super) fn ahead(&self, panel: usize) -> Ahead {
        Ahead::new(self.panel(panel))
    }

    fn panel(&self, panel: usize) -> &[[i8; FOUR]] {
        let size = self.inner * COLUMNS;
        &self.fours[panel * size..][..size]
    }

    /// The sums of up to [`ROWS`] rows, each filled up to fours, by one panel.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit, or without the instruction ([`available`]).
    pub(super) fn multiply(
        &self,
        rows: &[[u8; FOUR]],
        panel: usize,
        ahead: Ahead,
        sums: &mut [[i32; COLUMNS]],
    ) {
        assert!(available(), "products of 8 bits on a processor without them");
        assert_eq!(rows.len(), sums.len() * self.inner, "inner lengths of a product");
        let panel = self.panel(panel);
        macro_rules! by_rows {
            ($($n:literal)*) => {
                match sums.len() {
                    $(
                        #[expect(unsafe_code, reason = "vector instructions")]
                        // SAFETY: the instruction is there and the sizes fit, as checked above.
                        $n => unsafe { tile::<$n>(rows, panel, ahead, sums) },
                    )*
                    0 => {}
                    _ => panic!("at most {ROWS} rows"),
                }
            };
        }
        by_rows!(1 2 3 4 5 6 7 8 9 10 11 12);
    }
}

/// N rows by one panel, each as long as the panel has steps.
#[expect(unsafe_code, reason = "vector instructions")]
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn tile<const N: usize>(
    rows: &[[u8; FOUR]],
    panel: &[[i8; FOUR]],
    ahead: Ahead,
    out: &mut [[i32; COLUMNS]],
) {
    let inner = panel.len() / COLUMNS;
    let stride = ahead.stride(inner);
    let mut sums = [[_mm512_setzero_si512(); 2]; N];
    for (step, fours) in panel.chunks_exact(COLUMNS).enumerate() {
        ahead.ask(step * stride);
        // SAFETY: the callers checked that there are N rows of `inner` fours; a chunk of the panel
        // is two registers.
        unsafe {
            let b: [__m512i; 2] =
                [0, LANES].map(|lane| _mm512_loadu_si512(fours.as_ptr().add(lane).cast()));
            for (i, sums) in sums.iter_mut().enumerate() {
                let four = rows.as_ptr().add(i * inner + step).cast::<i32>().read_unaligned();
                let a = _mm512_set1_epi32(four);
                sums[0] = _mm512_dpbusd_epi32(sums[0], a, b[0]);
                sums[1] = _mm512_dpbusd_epi32(sums[1], a, b[1]);
            }
        }
    }
    for (sums, out) in sums.iter().zip(out) {
        for (half, sum) in sums.iter().enumerate() {
            // SAFETY: a line of `out` is two registers.
            unsafe { _mm512_storeu_si512(out.as_mut_ptr().add(half * LANES).cast(), *sum) };
        }
    }
}
