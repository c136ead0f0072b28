//! The wall clock, and the time before which it cannot be right.

use std::time::{SystemTime, UNIX_EPOCH};

use twinlock_policy::Date;

/// Unix seconds of this build: the time of the sources' last change, so that two builds are the same.
/// A clock that shows less was never set.
pub const BUILT: i64 = {
    // At build time, where a text that is no number stops the build.
    match i64::from_str_radix(env!("TWINLOCK_BUILT"), 10) {
        Ok(seconds) => seconds,
        Err(_) => panic!("TWINLOCK_BUILT is no number of seconds"),
    }
};

/// Unix seconds now; before 1970 they are negative.
pub fn now() -> i64 {
    let seconds = |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => seconds(since),
        Err(before) => seconds(before.duration()).saturating_neg(),
    }
}

/// Unix seconds as `2027-01-31 23:59:59 UTC`; RFC 3339 with a space, as people read it.
pub fn readable(unix: i64) -> String {
    let second = unix.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{} {hour:02}:{minute:02}:{second:02} UTC", Date::of(unix))
}

/// Unix seconds as `2027-01-31 23:59 UTC`.
pub fn to_the_minute(unix: i64) -> String {
    let minute = unix.rem_euclid(86_400) / 60;
    format!("{} {:02}:{:02} UTC", Date::of(unix), minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_a_calendar_shows_them() {
        let cases = [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_764_033_836, "2025-11-25 01:23:56 UTC"),
            (2_147_483_648, "2038-01-19 03:14:08 UTC"),
            (4_294_967_296, "2106-02-07 06:28:16 UTC"),
            (-1, "1969-12-31 23:59:59 UTC"),
        ];
        for (unix, text) in cases {
            assert_eq!(readable(unix), text);
            assert_eq!(to_the_minute(unix), format!("{} UTC", &text[..16]));
        }
    }
}
