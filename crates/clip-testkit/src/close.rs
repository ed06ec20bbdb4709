//! Comparing values with the reference's.

/// The largest absolute difference and its position; `NaN` counts as larger than any number.
/// Two empty slices differ by 0 at 0.
///
/// # Panics
///
/// Where the lengths differ.
pub fn max_difference(actual: &[f32], expected: &[f32]) -> (f32, usize) {
    assert_eq!(actual.len(), expected.len(), "numbers of values differ (actual, expected)");
    let differences = actual.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let mut largest = (0.0, 0);
    for (position, difference) in differences.enumerate() {
        if difference.is_nan() {
            return (f32::NAN, position);
        }
        if difference > largest.0 {
            largest = (difference, position);
        }
    }
    largest
}

/// Asserts that every value is within `tolerance` of the expected one; returns the largest absolute
/// difference, for printing.
///
/// # Panics
///
/// Where a value is farther away or not a number, or the lengths differ. The message names `what`,
/// the largest difference, where it is, and the two values.
#[track_caller]
pub fn assert_close(what: &str, actual: &[f32], expected: &[f32], tolerance: f32) -> f32 {
    assert_eq!(
        actual.len(),
        expected.len(),
        "{what}: the numbers of values differ (actual, expected)"
    );
    let (difference, at) = max_difference(actual, expected);
    assert!(
        difference <= tolerance,
        "{what}: differs by up to {difference:e}, allowed are {tolerance:e}; at value {at} of {}: {} instead of {}",
        actual.len(),
        actual[at],
        expected[at],
    );
    difference
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_largest_difference() {
        assert_eq!(max_difference(&[1.0, 2.0, 3.0], &[1.5, 4.0, 3.0]), (2.0, 1));
        assert_eq!(max_difference(&[], &[]), (0.0, 0));
        assert_eq!(assert_close("equal", &[1.0, -0.5], &[1.0, -0.25], 0.25), 0.25);
    }

    #[test]
    #[should_panic(
        expected = "logits: differs by up to 5e-1, allowed are 1e-3; at value 1 of 2: 2.5 instead of 2"
    )]
    fn reports_position_and_values() {
        assert_close("logits", &[1.0, 2.5], &[1.0, 2.0], 1e-3);
    }

    #[test]
    #[should_panic(expected = "logits: differs by up to NaN")]
    fn refuses_nan() {
        assert_close("logits", &[1.0, f32::NAN, 9.0], &[1.0, 2.0, 3.0], 1e3);
    }

    #[test]
    #[should_panic(expected = "logits: the numbers of values differ")]
    fn refuses_another_length() {
        assert_close("logits", &[1.0], &[1.0, 2.0], 1e3);
    }
}
