//! Unix time as a date that people read, in UTC. It only formats; no clock is read here.

const DAY: i64 = 86_400;

/// Unix seconds as `2026-03-04 10:12 UTC`, by the proleptic Gregorian calendar.
pub(crate) fn utc(unix: i64) -> String {
    let (year, month, day) = civil(unix.div_euclid(DAY));
    let minute = unix.rem_euclid(DAY) / 60;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", minute / 60, minute % 60)
}

/// Days since 1970-01-01 as year, month, day. Years are counted from March, so that a leap day is the last
/// day of its year and every month but the last has a length that a straight line hits.
fn civil(days: i64) -> (i64, i64, i64) {
    let from_march_0000 = days + 719_468;
    let era = from_march_0000.div_euclid(146_097);
    let day_of_era = from_march_0000.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn dates_agree_with_date_1() {
        // Each from `date -u -d @N`.
        for (unix, expected) in [
            (0, "1970-01-01 00:00 UTC"),
            (-1, "1969-12-31 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (951_868_799, "2000-02-29 23:59 UTC"),
            (951_868_800, "2000-03-01 00:00 UTC"),
            (1_709_164_800, "2024-02-29 00:00 UTC"),
            (1_772_619_120, "2026-03-04 10:12 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ] {
            assert_eq!(utc(unix), expected);
        }
    }

    #[test]
    fn no_time_at_all_overflows() {
        for unix in [i64::MIN, i64::MAX] {
            assert!(utc(unix).ends_with(" UTC"));
        }
    }
}
