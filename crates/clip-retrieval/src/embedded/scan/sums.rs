//! The arithmetic of the scan.

use clip_kernels::arch;
use pulp::{Simd, WithSimd};

#[cfg(feature = "hnsw")]
use super::codes::ZERO;

/// Products of whole numbers: of each row of codes with the digits of a query.
pub(crate) struct Sums<'a> {
    pub(crate) codes: &'a [u8],
    pub(crate) digits: &'a [i16],
    /// One a row.
    pub(crate) out: &'a mut [i32],
}

impl Sums<'_> {
    /// Adds them up, with the widest instructions of the machine.
    pub(crate) fn run(self) {
        arch().dispatch(self);
    }
}

impl WithSimd for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { codes, digits, out } = self;
        for (row, out) in codes.chunks_exact(digits.len()).zip(out) {
            *out = sum(row, digits);
        }
    }
}

/// As one sum, which the compiler may take apart: whole numbers add up in any order.
#[inline(always)]
fn sum(codes: &[u8], digits: &[i16]) -> i32 {
    codes.iter().zip(digits).map(|(code, digit)| i32::from(*code) * i32::from(*digit)).sum()
}

/// As [`Sums`], of some rows alone.
pub(crate) struct SumsOf<'a> {
    /// Of all rows.
    pub(crate) codes: &'a [u8],
    pub(crate) digits: &'a [i16],
    pub(crate) rows: &'a [u32],
    /// One for each of them.
    pub(crate) out: &'a mut [i32],
}

impl SumsOf<'_> {
    /// Adds them up, with the widest instructions of the machine.
    pub(crate) fn run(self) {
        arch().dispatch(self);
    }
}

impl WithSimd for SumsOf<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { codes, digits, rows, out } = self;
        for (row, out) in rows.iter().zip(out) {
            let row = &codes[*row as usize * digits.len()..][..digits.len()];
            *out = sum(row, digits);
        }
    }
}

/// The dot product of two rows of codes, as distances from [`ZERO`].
#[cfg(feature = "hnsw")]
pub(crate) struct Product<'a>(pub(crate) &'a [u8], pub(crate) &'a [u8]);

#[cfg(feature = "hnsw")]
impl Product<'_> {
    /// Computes it, with the widest instructions of the machine.
    pub(crate) fn run(self) -> i32 {
        arch().dispatch(self)
    }
}

#[cfg(feature = "hnsw")]
impl WithSimd for Product<'_> {
    type Output = i32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> i32 {
        let value = |code: u8| i16::from(code) - i16::from(ZERO);
        let products =
            self.0.iter().zip(self.1).map(|(a, b)| i32::from(value(*a)) * i32::from(value(*b)));
        products.sum()
    }
}

#[cfg(test)]
mod tests {
    use clip_kernels::{Isa, MAX_CPU_ISA};
    use clip_testkit::rerun_tests;

    use super::*;

    /// The other tests again, with each instruction set that this processor has.
    #[test]
    fn every_instruction_set_agrees() {
        rerun_tests("every_instruction_set", MAX_CPU_ISA, Isa::enabled().map(Isa::name));
    }

    #[test]
    fn sums_are_those_of_a_loop() {
        for (rows, width) in [(1, 64), (5, 128), (13, 512), (3, 7)] {
            let codes: Vec<u8> = (0..rows * width).map(|i| (i * 31 % 256) as u8).collect();
            let digits: Vec<i16> = (0..width).map(|i| (i * 77 % 8001) as i16 - 4000).collect();
            let mut sums = vec![0; rows];
            Sums { codes: &codes, digits: &digits, out: &mut sums }.run();
            let mut last = [0];
            let only = [rows as u32 - 1];
            SumsOf { codes: &codes, digits: &digits, rows: &only, out: &mut last }.run();
            assert_eq!(last[0], sums[rows - 1]);
            for (row, sum) in codes.chunks(width).zip(sums) {
                let products = row.iter().zip(&digits).map(|(a, b)| i32::from(*a) * i32::from(*b));
                assert_eq!(sum, products.sum::<i32>());
            }
        }
    }
}
