//! Days and instants as the policy writes them. Nothing here asks what time it is.

use std::fmt;

use toml_datetime::{Datetime, Offset};

const DAY: i64 = 86_400;

/// A calendar day (proleptic Gregorian, UTC), as in `expires = 2027-03-01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// The day that a TOML local date names; `None` for anything that carries a time of day.
    pub(crate) fn from_toml(value: &Datetime) -> Option<Date> {
        match value {
            Datetime { date: Some(date), time: None, offset: None } => {
                Some(Date { year: date.year, month: date.month, day: date.day })
            }
            _ => None,
        }
    }

    /// The UTC day in which an instant (seconds since the epoch) lies; years outside 0 to 65535 are clamped.
    pub fn of(unix: i64) -> Date {
        // Howard Hinnant's civil_from_days, with the year beginning in March so that leap days come last.
        let days = unix.div_euclid(DAY) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Date {
            year: u16::try_from(year.max(0)).unwrap_or(u16::MAX),
            month: month as u8,
            day: (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u8,
        }
    }

    /// The first second (since the epoch, UTC) after this day: what is written with a date holds before it.
    pub fn end(self) -> i64 {
        (self.days() + 1) * DAY
    }

    /// Days since the epoch; the inverse of [`Date::of`].
    fn days(self) -> i64 {
        let (year, month, day) = (i64::from(self.year), i64::from(self.month), i64::from(self.day));
        let year = year - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month_from_march = if month > 2 { month - 3 } else { month + 9 };
        let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// The instant (seconds since the epoch) of a TOML offset date-time; `None` where no offset says which instant it is.
pub(crate) fn instant(value: &Datetime) -> Option<i64> {
    let Datetime { date: Some(date), time: Some(time), offset: Some(offset) } = value else { return None };
    let minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(*minutes),
    };
    let day = Date { year: date.year, month: date.month, day: date.day };
    let second = i64::from(time.second.unwrap_or(0));
    Some(day.days() * DAY + i64::from(time.hour) * 3600 + i64::from(time.minute) * 60 + second - minutes * 60)
}

/// An instant as TOML and RFC 3339 write it, to the second, in UTC.
pub(crate) fn rfc3339(unix: i64) -> String {
    let second = unix.rem_euclid(DAY);
    format!("{}T{:02}:{:02}:{:02}Z", Date::of(unix), second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_day_ends_when_the_next_begins_in_utc() {
        for (text, end) in [
            ("1970-01-01", 86_400),
            ("2000-02-29", 951_868_800),
            ("2027-01-31", 1_801_440_000),
            ("2027-12-31", 1_830_297_600),
            ("2100-02-28", 4_107_542_400),
        ] {
            let date = Date::from_toml(&text.parse().unwrap()).unwrap();
            assert_eq!((date.end(), date.to_string()), (end, text.to_owned()));
            assert_eq!((Date::of(end - 1), Date::of(end) > date), (date, true));
        }
    }

    #[test]
    fn every_day_of_eight_centuries_follows_the_day_before() {
        let (mut year, mut month, mut day) = (1600_u16, 1_u8, 1_u8);
        let first = Date { year, month, day }.days();
        for number in first..first + 2 * 146_097 {
            let date = Date { year, month, day };
            assert_eq!((Date::of(number * DAY), Date::of(number * DAY + DAY - 1)), (date, date));
            assert_eq!(date.days(), number, "{date}");
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let last =
                [31, 28 + u8::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][usize::from(month - 1)];
            (year, month, day) = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                _ if day == last => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
        }
        assert_eq!((year, month, day), (2400, 1, 1));
    }

    #[test]
    fn instants_need_an_offset_and_come_back_as_written() {
        for (text, unix) in [
            ("2027-01-31T00:00:00Z", Some(1_801_353_600)),
            ("2027-01-31T01:30:00+01:30", Some(1_801_353_600)),
            ("2027-01-31T01:31:05+01:30", Some(1_801_353_665)),
            ("2027-01-31T00:00:00", None),
            ("2027-01-31", None),
        ] {
            assert_eq!(instant(&text.parse().unwrap()), unix, "{text}");
        }
        assert_eq!(rfc3339(1_801_353_600 + 3_723), "2027-01-31T01:02:03Z");
    }
}
