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

/// Seconds since 1970 as a time that names no zone, such as `2014-04-26T19:09:19` (RFC 3339 but for that).
pub fn format(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // The inverse of `days`, from the same place.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + 400 * era + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// The first moment of `YEAR`, `YEAR-MONTH` or `YEAR-MONTH-DAY`, in seconds since 1970.
///
/// # Errors
///
/// A sentence that says what a date looks like, where the text is none.
pub fn parse(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text} is no date such as 2019, 2019-07 or 2019-07-31");
    let parts: Vec<&str> = text.split('-').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if parts.len() > 3 || parts[0].len() != 4 || !parts.iter().all(is_number) {
        return Err(wrong());
    }
    let part = |i: usize| parts.get(i).map_or(Ok(1), |part| part.parse().map_err(|_| wrong()));
    let [year, month, day] = [part(0)?, part(1)?, part(2)?];
    if is_day(year, month, day) { Ok(seconds(year, month, day)) } else { Err(wrong()) }
}

/// Whether there is such a day.
fn is_day(year: i64, month: i64, day: i64) -> bool {
    let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    (1..=12).contains(&month) && (1..=days(next.0, next.1, 1) - days(year, month, 1)).contains(&day)
}

/// The time that metadata say, in seconds since 1970 of the clock that it was read from: the numbers
/// count as they are written, whatever time zone is named behind them.
///
/// EXIF has `2014:04:26 19:09:19`, XMP `2014-04-26T19:09:19.5+02:00`, IPTC `20140426 190919+0200`, and
/// programs mix them. A time that is missing or blank is the first moment of the day, seconds that are
/// missing are 0. Zeros for what is not known and a day or an hour that there is not are no time.
pub(crate) fn time(text: &str) -> Option<i64> {
    let mut rest = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    let rest = &mut rest;
    let [year, month, day] = match digits(rest, 8) {
        Some((date, 8)) => [date / 10_000, date / 100 % 100, date % 100],
        Some((year, 4)) => {
            let mut part = || {
                separator(rest, &[':', '-', '/', '.'])?;
                Some(digits(rest, 2)?.0)
            };
            [year, part()?, part()?]
        }
        _ => return None,
    };
    if year == 0 || !is_day(year, month, day) {
        return None;
    }
    let is_unknown = |c: char| c == ':' || c == '\0' || c.is_whitespace();
    let of_day = match rest.trim_matches(is_unknown) {
        "" => 0,
        _ => time_of_day(rest)?,
    };
    Some(seconds(year, month, day) + of_day)
}

/// Seconds since midnight, of what follows a date.
fn time_of_day(rest: &mut &str) -> Option<i64> {
    *rest = rest.strip_prefix(['T', 't', ':', ' ', '-', '/']).filter(|_| !rest.is_empty())?;
    *rest = rest.trim_start();
    let [hour, minute, second] = match digits(rest, 6)? {
        (time, 6) => [time / 10_000, time / 100 % 100, time % 100],
        (time, 4) => [time / 100, time % 100, 0],
        (hour, 1 | 2) => {
            let mut part = || {
                separator(rest, &[':', '.', '-'])?;
                Some(digits(rest, 2)?.0)
            };
            let minute = part().unwrap_or(0);
            [hour, minute, part().unwrap_or(0)]
        }
        _ => return None,
    };
    let is_time = hour < 24 && minute < 60 && second < 60;
    is_time.then_some(hour * 3600 + minute * 60 + second)
}

/// A number of at most so many digits, and how many it has.
fn digits(rest: &mut &str, most: usize) -> Option<(i64, usize)> {
    let count = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (number, behind) = rest.split_at(count);
    *rest = behind;
    Some((number.parse().ok()?, count))
}

/// Passes over one of some separators, and blanks that stand for the first of two digits.
fn separator(rest: &mut &str, separators: &[char]) -> Option<()> {
    *rest = rest.strip_prefix(separators)?.trim_start_matches(' ');
    Some(())
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
    fn formatted_times_are_read_back() {
        assert_eq!(format(0), "1970-01-01T00:00:00");
        assert_eq!(format(seconds(2014, 4, 26) + 68_959), "2014-04-26T19:09:19");
        for day in (-200_000..200_000).step_by(97) {
            let time = day * 86_400 + 12_345;
            assert_eq!(super::time(&format(time)), Some(time), "{}", format(time));
        }
    }

    #[test]
    fn times_are_read_as_programs_write_them() {
        let (day, time_of_day) = (seconds(2014, 4, 26), 19 * 3600 + 9 * 60);
        for text in [
            "2014:04:26 19:09:19",
            "2014:04:26 19:09:19\0\0 ",
            " 2014:04:26 19:09:19",
            "2014-04-26 19:09:19",
            "2014/04/26 19:09:19",
            "2014.04.26 19.09.19",
            "2014:04:26T19:09:19",
            "2014:04:26:19:09:19",
            "2014-04-26T19:09:19Z",
            "2014-04-26T19:09:19.75",
            "2014-04-26T19:09:19.123+02:00",
            "2014-04-26T19:09:19-11:30",
            "2014:4:26 19:9:19",
            "2014: 4:26 19: 9:19",
            "20140426 190919+0200",
            "20140426T190919Z",
        ] {
            assert_eq!(time(text), Some(day + time_of_day + 19), "{text:?}");
        }
        for text in [
            "2014:04:26 19:09",
            "2014-04-26T19:09Z",
            "2014-04-26T19:09+02:00",
            "2014:04:26 19:09:  ",
            "20140426 1909",
        ] {
            assert_eq!(time(text), Some(day + time_of_day), "{text:?}");
        }
        for text in [
            "2014:04:26",
            "2014-04-26",
            "20140426",
            "20140426 ",
            "2014:04:26   :  :  ",
            "2014:04:26 \0",
            "2014:04:26 00:00:00",
        ] {
            assert_eq!(time(text), Some(day), "{text:?}");
        }
        assert_eq!(time("2016:02:29 23:59:59"), Some(seconds(2016, 3, 1) - 1));
    }

    #[test]
    fn what_is_unknown_or_impossible_is_no_time() {
        for text in [
            "",
            " ",
            "\0",
            "    :  :     :  :  ",
            "0000:00:00 00:00:00",
            "2014:00:00 00:00:00",
            "2014:04:00",
            "20140000",
            "2014",
            "2014-04",
            "2014:02:30 10:00:00",
            "2015:02:29 10:00:00",
            "2014:04:31 10:00:00",
            "2014:13:01 10:00:00",
            "2014:04:26 25:00:00",
            "2014:04:26 24:00:00",
            "2014:04:26 10:60:00",
            "2014:04:26 10:00:61",
            "2014:04:26 noon",
            "2014:04:26x",
            "14:04:26 10:00:00",
            "yesterday",
            "26.04.2014",
            "Zürich:é",
        ] {
            assert_eq!(time(text), None, "{text:?}");
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
