//! What rounds come to.

/// The median, and the mean of the two in the middle where they are even.
///
/// # Panics
///
/// For no values.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// How many times as much as the other, round by round: the median. What the machine does in a round
/// happens to both.
pub(crate) fn ratio(values: &[f64], others: &[f64]) -> f64 {
    let ratios: Vec<f64> = values.iter().zip(others).map(|(value, other)| value / other).collect();
    median(&ratios)
}

/// Three digits that count, and all before the point.
pub(crate) fn short(value: f64) -> String {
    let before = if value > 0.0 { value.log10().floor() as i32 } else { 0 };
    // Rounding may add a digit: 9.996 is 10.0.
    let digits = |before: i32| usize::try_from(2 - before).unwrap_or(0);
    let text = format!("{value:.*}", digits(before));
    match text.parse::<f64>() {
        Ok(rounded) if rounded >= 10f64.powi(before + 1) => {
            format!("{value:.*}", digits(before + 1))
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0]), 3.0);
        assert_eq!(median(&[9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 100.0]), 3.0);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        // The machine was ten times as slow in the last round.
        assert_eq!(ratio(&[2.0, 3.0, 30.0], &[1.0, 1.0, 10.0]), 3.0);
    }

    #[test]
    fn three_digits_count() {
        let check = |value, text| assert_eq!(short(value), text);
        check(0.083_14, "0.0831");
        check(0.099_99, "0.100");
        check(1.0, "1.00");
        check(9.996, "10.0");
        check(15.34, "15.3");
        check(99.96, "100");
        check(1234.5, "1234");
        check(0.0, "0.00");
    }
}
