//! Days and seconds of a calendar without time zones: that of the camera's own clock.

/// Seconds since 1970 of the first moment of a day.
pub(crate) fn seconds(year: i64, month: i64, day: i64) -> i64 {
    days(year, month, day) * 86_400
}

/// Days since 1970 of a day of the Gregorian calendar. Years begin in March here, so that a leap day
/// ends one (Richards 2013, "Calendars", in the Explanatory Supplement to the Astronomical Almanac).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_month = (153 * month + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_month
        - 719_468
}

/// The first moment of `YEAR`, `YEAR-MONTH` or `YEAR-MONTH-DAY`.
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text} is no date such as 2019, 2019-07 or 2019-07-31");
    let parts: Vec<&str> = text.split('-').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if parts.len() > 3 || parts[0].len() != 4 || !parts.iter().all(is_number) {
        return Err(wrong());
    }
    let part = |i: usize| parts.get(i).map_or(Ok(1), |part| part.parse().map_err(|_| wrong()));
    let [year, month, day] = [part(0)?, part(1)?, part(2)?];
    let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let is_day = (1..=12).contains(&month)
        && (1..=days(next.0, next.1, 1) - days(year, month, 1)).contains(&day);
    if is_day { Ok(seconds(year, month, day)) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_count_from_1970() {
        for (date, expected) in [
            ([1970, 1, 1], 0),
            ([1969, 12, 31], -1),
            ([2000, 2, 29], 11_016),
            ([2000, 3, 1], 11_017),
            ([1900, 3, 1], -25_508),
            ([2026, 11, 28], 20_785),
        ] {
            assert_eq!(days(date[0], date[1], date[2]), expected, "{date:?}");
        }
    }

    #[test]
    fn dates_are_read_or_refused() {
        assert_eq!(parse("1970"), Ok(0));
        assert_eq!(parse("2000-03"), Ok(11_017 * 86_400));
        assert_eq!(parse("2000-02-29"), Ok(11_016 * 86_400));
        for text in ["", "19", "2019-", "2019-13", "2019-00", "2019-02-29", "2019-1-1-1", "a", "-1"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
