//! The arithmetic of the scan.

use pulp::{Arch, Simd, WithSimd};

/// Codes that are multiplied between additions to a sum.
const STEP: usize = 64;

/// Products of whole numbers: of each row of codes with the digits of a query. Both are filled up
/// to whole [`STEP`]s.
pub(crate) struct Sums<'a> {
    pub(crate) codes: &'a [u8],
    pub(crate) digits: &'a [i16],
    /// One a row.
    pub(crate) out: &'a mut [i32],
}

impl Sums<'_> {
    /// Adds them up, with the widest instructions of the machine.
    pub(crate) fn run(self) {
        Arch::new().dispatch(self);
    }
}

impl WithSimd for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { codes, digits, out } = self;
        let (digits, _) = digits.as_chunks::<STEP>();
        for (row, out) in codes.chunks_exact(digits.len() * STEP).zip(out) {
            let (row, _) = row.as_chunks::<STEP>();
            let mut sums = [0; STEP];
            for (codes, digits) in row.iter().zip(digits) {
                for i in 0..STEP {
                    sums[i] += i32::from(codes[i]) * i32::from(digits[i]);
                }
            }
            *out = sums.iter().sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_a_loop() {
        for (rows, steps) in [(1, 1), (5, 2), (13, 8)] {
            let width = steps * STEP;
            let codes: Vec<u8> = (0..rows * width).map(|i| (i * 31 % 256) as u8).collect();
            let digits: Vec<i16> = (0..width).map(|i| (i * 77 % 8001) as i16 - 4000).collect();
            let mut sums = vec![0; rows];
            Sums { codes: &codes, digits: &digits, out: &mut sums }.run();
            for (row, sum) in codes.chunks(width).zip(sums) {
                let products = row.iter().zip(&digits).map(|(a, b)| i32::from(*a) * i32::from(*b));
                assert_eq!(sum, products.sum::<i32>());
            }
        }
    }
}
