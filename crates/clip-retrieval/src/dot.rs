//! The arithmetic of every comparison.

/// Partial sums: enough for the compiler to keep several vector registers busy, since it may not
/// reorder floating-point additions by itself.
const LANES: usize = 16;

/// Dot product of two vectors of one length.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_all_products() {
        for length in [0, 1, 15, 16, 17, 32, 100] {
            let a: Vec<f32> = (0..length).map(|i| i as f32).collect();
            let b: Vec<f32> = (0..length).map(|i| (i % 7) as f32 - 3.0).collect();
            let expected: i64 = (0..length).map(|i| i * (i % 7 - 3)).sum();
            assert_eq!(dot(&a, &b), expected as f32, "length {length}");
        }
    }
}
