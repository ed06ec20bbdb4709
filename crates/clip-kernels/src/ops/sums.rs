//! Sums and extremes of a row, in [`LANES`] parallel lanes: the compiler may not reorder an addition of
//! floats by itself.

/// Lanes of a sum: one AVX-512 register, two of AVX2.
pub(crate) const LANES: usize = 16;

/// All values of a row, joined in lanes by `step`, and those lanes by `join`. Of a long row in N times as many
/// lanes: an addition takes longer than it takes to begin the next.
#[inline(always)]
pub(crate) fn fold<const N: usize>(
    x: &[f32],
    start: f32,
    step: impl Fn(f32, f32) -> f32,
    join: impl Fn(f32, f32) -> f32,
) -> f32 {
    let mut sums = [[start; LANES]; N];
    let (chunks, rest) = x.as_chunks::<LANES>();
    let (blocks, chunks) = chunks.as_chunks::<N>();
    for block in blocks {
        for (sum, chunk) in sums.iter_mut().zip(block) {
            for i in 0..LANES {
                sum[i] = step(sum[i], chunk[i]);
            }
        }
    }
    let mut lanes = sums[0];
    for chunk in chunks {
        for i in 0..LANES {
            lanes[i] = step(lanes[i], chunk[i]);
        }
    }
    for other in &sums[1..] {
        for i in 0..LANES {
            lanes[i] = join(lanes[i], other[i]);
        }
    }
    join(reduce(lanes, &join), rest.iter().fold(start, |sum, x| step(sum, *x)))
}

/// `Σ x`.
#[inline(always)]
pub(crate) fn sum(x: &[f32]) -> f32 {
    fold::<1>(x, 0.0, |sum, x| sum + x, |a, b| a + b)
}

/// `Σ x · (y − center)`.
#[inline(always)]
pub(crate) fn centered_dot(x: &[f32], y: &[f32], center: f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let ((xs, x_rest), (ys, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    for (x, y) in xs.iter().zip(ys) {
        for i in 0..LANES {
            lanes[i] += x[i] * (y[i] - center);
        }
    }
    let rest: f32 = x_rest.iter().zip(y_rest).map(|(x, y)| x * (y - center)).sum();
    reduce(lanes, |a, b| a + b) + rest
}

/// The largest value.
#[inline(always)]
pub(crate) fn highest(row: &[f32]) -> f32 {
    fold::<1>(row, f32::NEG_INFINITY, larger, larger)
}

/// The larger of two, in one instruction.
#[inline(always)]
pub(crate) fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// The smaller of two, in one instruction.
#[inline(always)]
pub(crate) fn smaller(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

/// All lanes in one, half of them at a time: one after the other, each would wait for the last.
#[inline(always)]
pub(crate) fn reduce(lanes: [f32; LANES], join: impl Fn(f32, f32) -> f32) -> f32 {
    // Through memory. LLVM would else make the loop before keep registers of two lanes, as the last of
    // these steps has them.
    let lanes = std::hint::black_box(lanes);
    let mut half = [0.0; LANES / 2];
    for i in 0..LANES / 2 {
        half[i] = join(lanes[i], lanes[i + LANES / 2]);
    }
    let mut quarter = [0.0; LANES / 4];
    for i in 0..LANES / 4 {
        quarter[i] = join(half[i], half[i + LANES / 4]);
    }
    join(join(quarter[0], quarter[2]), join(quarter[1], quarter[3]))
}
