//! Times as an administrator types them. The inverse, times for people to read, is [`twinlock_system::clock`]'s.

/// The longest span, in seconds: that of a trial.
const LONGEST: u32 = 7 * 86_400;

/// Reads `90s`, `10m`, `2h` or `7d`, from one second to seven days, as seconds.
///
/// # Errors
/// What such a span looks like.
pub fn span(text: &str) -> Result<u32, String> {
    let seconds = || {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let unit = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return None,
        };
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: u32 = number.parse::<u32>().ok().filter(|_| digits)?.checked_mul(unit)?;
        (1..=LONGEST).contains(&seconds).then_some(seconds)
    };
    seconds().ok_or_else(|| "write it as 90s, 10m, 2h or 7d; 7d is the longest".to_owned())
}

/// Reads `2027-01-31`, `2027-01-31T17:00[:30][Z|+01:00]` (a space will do for the T; UTC unless it says otherwise)
/// or `@SECONDS`, as seconds since the epoch.
///
/// # Errors
/// What such a time looks like.
pub fn parse(text: &str) -> Result<i64, String> {
    instant(text).ok_or_else(|| "write it as 2027-01-31, 2027-01-31T17:00:00Z or @SECONDS".to_owned())
}

fn instant(text: &str) -> Option<i64> {
    if let Some(seconds) = text.strip_prefix('@') {
        return seconds.parse().ok();
    }
    let (date, rest) = text.split_at_checked(10)?;
    let [year, month, day] = numbers(date, '-', &[4, 2, 2])?;
    let midnight = days(year, month, day)? * 86_400;
    let Some(clock) = rest.strip_prefix(['T', 't', ' ']) else { return rest.is_empty().then_some(midnight) };
    let zone = clock.find(['Z', 'z', '+', '-']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at_checked(zone)?;
    let [hour, minute, second] = match clock.len() {
        5 => numbers(clock, ':', &[2, 2]).map(|[hour, minute]| [hour, minute, 0])?,
        _ => numbers(clock, ':', &[2, 2, 2])?,
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(midnight + hour * 3600 + minute * 60 + second - offset(zone)?)
}

/// Seconds that a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    let (sign, zone) = match zone.split_at_checked(1) {
        None => return Some(0),
        Some(("Z" | "z", "")) => return Some(0),
        Some(("+", zone)) => (1, zone),
        Some(("-", zone)) => (-1, zone),
        Some(_) => return None,
    };
    let [hours, minutes] = numbers(zone, ':', &[2, 2])?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Numbers of exactly these widths.
fn numbers<const N: usize>(text: &str, separator: char, widths: &[usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, &width) in numbers.iter_mut().zip(widths) {
        let part =
            parts.next().filter(|part| part.len() == width && part.bytes().all(|b| b.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Days since 1970-01-01 of a day in the Gregorian calendar; None when there is no such day.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Counted from March, so that the leap day is the last of its year.
    let year = year - i64::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(
        year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_date_1_reads_them() {
        // Each from `date -u -d TEXT +%s`.
        for (text, unix) in [
            ("1970-01-01", 0),
            ("2027-01-31", 1_801_353_600),
            ("2024-02-29", 1_709_164_800),
            ("2027-01-31T17:00:00Z", 1_801_414_800),
            ("2027-01-31 17:00", 1_801_414_800),
            ("2027-01-31T17:00:30+01:30", 1_801_409_430),
            ("2027-01-31T17:00-05:00", 1_801_432_800),
            ("@1795564800", 1_795_564_800),
            ("@-1", -1),
        ] {
            assert_eq!(parse(text), Ok(unix), "{text}");
        }
    }

    #[test]
    fn a_span_is_a_number_and_a_unit_up_to_a_week() {
        for (text, seconds) in [("1s", 1), ("90s", 90), ("10m", 600), ("2h", 7200), ("7d", 604_800)] {
            assert_eq!(span(text), Ok(seconds), "{text}");
        }
        for text in ["", "s", "10", "0m", "8d", "+5m", "-5m", "1h30m", "1.5h", "10 m", "99999999999d", "5µ"]
        {
            assert!(span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "now",
            "2027",
            "2027-1-31",
            "2027-02-29",
            "2027-13-01",
            "2027-00-10",
            "2027-01-31T",
            "2027-01-31T24:00",
            "2027-01-31T10:60",
            "2027-01-31T1:00",
            "2027-01-31X",
            "2027-01-31T10:00:00+25:00",
            "@",
            "@x",
            "é027-01-31",
            "2027-01-31T10:00:00Zulu",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
