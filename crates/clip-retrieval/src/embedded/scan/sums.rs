//! The arithmetic of the scan.

use pulp::{Arch, Simd, WithSimd};

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
        Arch::new().dispatch(self);
    }
}

impl WithSimd for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { codes, digits, out } = self;
        for (row, out) in codes.chunks_exact(digits.len()).zip(out) {
            // As one sum, which the compiler may take apart: whole numbers add up in any order.
            let products =
                row.iter().zip(digits).map(|(code, digit)| i32::from(*code) * i32::from(*digit));
            *out = products.sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_a_loop() {
        for (rows, width) in [(1, 64), (5, 128), (13, 512), (3, 7)] {
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
