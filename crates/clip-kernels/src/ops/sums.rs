//! Sums and extremes of a row, in [`LANES`] parallel lanes: the compiler may not reorder an addition of
//! floats by itself.

/// Lanes of a sum: one AVX-512 register, two of AVX2.
pub(crate) const LANES: usize = 16;

/// `Σ x`.
#[inline(always)]
pub(crate) fn sum(x: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for i in 0..LANES {
            lanes[i] += chunk[i];
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
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
    lanes.iter().sum::<f32>() + rest
}

/// The largest value.
#[inline(always)]
pub(crate) fn highest(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = if *value > *lane { *value } else { *lane };
        }
    }
    rest.iter().copied().chain(lanes).fold(f32::NEG_INFINITY, f32::max)
}
