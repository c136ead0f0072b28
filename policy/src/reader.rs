//! Reads single values out of the parsed text, each with its place, and notes a fault for each that is not as the key
//! wants it. It goes on after a fault, so that `policy check` can name all of them at once.

use std::fmt::Display;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

use crate::date::{self, Date};
use crate::fault::Fault;
use crate::keys::{self, Level};
use crate::names::{self, Kind, Names};
use crate::network::{self, Networks};
use crate::source::{Place, Setting, Source};

pub(crate) type Key<'t> = Spanned<DeString<'t>>;
pub(crate) type Value<'t> = Spanned<DeValue<'t>>;

/// One file under the reading eye.
pub(crate) struct Reader<'a> {
    pub file: u32,
    pub source: &'a Source,
    pub faults: &'a mut Vec<Fault>,
}

impl Reader<'_> {
    /// Notes a fault at a byte offset.
    pub fn fault(&mut self, at: usize, message: impl Into<String>, mend: impl Into<String>) {
        let fault = self.source.fault(at, message.into(), mend.into());
        self.faults.push(fault);
    }

    /// A value with the place of its key.
    pub fn place<T>(&self, key: &Key<'_>, value: T) -> Setting<T> {
        Setting { value, place: Some(self.at(key.span().start)) }
    }

    /// A place in this file.
    pub fn at(&self, offset: usize) -> Place {
        Place { file: self.file, offset: u32::try_from(offset).unwrap_or(u32::MAX) }
    }

    /// Notes a key that is not known at this level.
    pub fn unknown(&mut self, level: Level, key: &Key<'_>) {
        let name: &str = key.get_ref();
        self.fault(key.span().start, format!("unknown key {name:?}"), keys::mend_unknown(level, name));
    }

    /// Notes a value that the key does not take.
    pub fn refuse(&mut self, key: &Key<'_>, value: &Value<'_>, why: impl Display) {
        let name: &str = key.get_ref();
        self.fault(value.span().start, format!("{name}: {why}"), format!("write {}", keys::example(name)));
    }

    fn wrong_type(&mut self, key: &Key<'_>, value: &Value<'_>, wanted: &str) {
        let found = match value.get_ref() {
            DeValue::String(text) => format!("the text {:?}", shown(text)),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Integer(number) => format!("the number {number}"),
            DeValue::Datetime(datetime) => format!("the time {datetime}"),
            other => format!("a value of type {}", other.type_str()),
        };
        self.refuse(key, value, format_args!("{found} stands where {wanted} belongs"));
    }

    /// A text of at most so many characters, without control characters, not empty.
    pub fn text(&mut self, key: &Key<'_>, value: &Value<'_>, longest: usize) -> Option<Setting<String>> {
        let DeValue::String(text) = value.get_ref() else {
            self.wrong_type(key, value, "a text in quotes");
            return None;
        };
        if text.trim().is_empty() {
            self.refuse(key, value, "the text is empty");
        } else if text.chars().any(char::is_control) {
            self.refuse(key, value, "the text holds a line break or another control character");
        } else if text.chars().count() > longest {
            self.refuse(key, value, format_args!("the text is longer than {longest} characters"));
        } else {
            return Some(self.place(key, text.clone().into_owned()));
        }
        None
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &Key<'_>, value: &Value<'_>) -> Option<Setting<bool>> {
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(self.place(key, *flag)),
            _ => {
                self.wrong_type(key, value, "true or false");
                None
            }
        }
    }

    /// One of a few words, written exactly so.
    pub fn choice<T: Copy>(
        &mut self,
        key: &Key<'_>,
        value: &Value<'_>,
        words: &[(&str, T)],
    ) -> Option<Setting<T>> {
        let DeValue::String(text) = value.get_ref() else {
            self.wrong_type(key, value, "a word in quotes");
            return None;
        };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, meaning)) => Some(self.place(key, *meaning)),
            None => {
                let case = words.iter().any(|(word, _)| word.eq_ignore_ascii_case(text));
                let why = if case { "is written in lower case" } else { "is not a known word" };
                self.refuse(key, value, format_args!("{:?} {why}", shown(text)));
                None
            }
        }
    }

    /// A whole number within bounds.
    pub fn number(
        &mut self,
        key: &Key<'_>,
        value: &Value<'_>,
        bounds: RangeInclusive<u32>,
    ) -> Option<Setting<u32>> {
        let DeValue::Integer(number) = value.get_ref() else {
            self.wrong_type(key, value, "a whole number");
            return None;
        };
        match i64::from_str_radix(number.as_str(), number.radix()).ok().and_then(|n| u32::try_from(n).ok()) {
            Some(number) if bounds.contains(&number) => Some(self.place(key, number)),
            _ => {
                let (least, most) = bounds.into_inner();
                self.refuse(key, value, format_args!("{number} is not from {least} to {most}"));
                None
            }
        }
    }

    /// A duration like "90s", "5m", "12h" or "30d", in seconds, within bounds.
    pub fn duration(
        &mut self,
        key: &Key<'_>,
        value: &Value<'_>,
        bounds: RangeInclusive<u64>,
    ) -> Option<Setting<u64>> {
        let DeValue::String(text) = value.get_ref() else {
            self.wrong_type(key, value, "a duration in quotes, like \"12h\"");
            return None;
        };
        match seconds(text) {
            Some(time) if bounds.contains(&time) => return Some(self.place(key, time)),
            Some(_) => {
                let (least, most) = bounds.into_inner();
                self.refuse(key, value, format_args!("{text:?} is not from {least} to {most} seconds"));
            }
            None => self.refuse(
                key,
                value,
                format_args!("{:?} is not a number followed by s, m, h or d", shown(text)),
            ),
        }
        None
    }

    /// A day, written as a TOML local date.
    pub fn date(&mut self, key: &Key<'_>, value: &Value<'_>) -> Option<Setting<Date>> {
        if let DeValue::Datetime(datetime) = value.get_ref()
            && let Some(date) = Date::from_toml(datetime)
        {
            return Some(self.place(key, date));
        }
        self.wrong_type(key, value, "a day without quotes and time");
        None
    }

    /// An instant with its offset from UTC, in seconds since the epoch.
    pub fn instant(&mut self, key: &Key<'_>, value: &Value<'_>) -> Option<Setting<i64>> {
        if let DeValue::Datetime(datetime) = value.get_ref()
            && let Some(instant) = date::instant(datetime)
        {
            return Some(self.place(key, instant));
        }
        self.wrong_type(key, value, "a date and time with Z or an offset");
        None
    }

    /// A list of names.
    pub fn names(&mut self, key: &Key<'_>, value: &Value<'_>, kind: Kind) -> Option<Setting<Names>> {
        let list = self.list(key, value)?;
        let mut names = Names::with_capacity(list.len());
        for item in list.iter() {
            let Some(name) = self.item(key, item) else { continue };
            match names::objection(kind, name) {
                None => names.push(name),
                Some((why, mend)) => {
                    let message = format!("{}: {why}: {:?}", key.get_ref(), shown(name));
                    self.fault(item.span().start, message, mend);
                }
            }
        }
        Some(self.place(key, names))
    }

    /// A list of networks, or "local".
    pub fn networks(&mut self, key: &Key<'_>, value: &Value<'_>) -> Option<Setting<Networks>> {
        let list = self.list(key, value)?;
        let mut networks = Networks { local: false, nets: Vec::with_capacity(list.len()) };
        for item in list.iter() {
            match self.item(key, item) {
                None => {}
                Some("local") => networks.local = true,
                Some(text) => match network::read(text) {
                    Ok(net) => networks.nets.push(net),
                    Err(mend) => {
                        let message = format!("networks: {:?} is not an address or network", shown(text));
                        self.fault(item.span().start, message, mend);
                    }
                },
            }
        }
        Some(self.place(key, networks))
    }

    /// A table of keys.
    pub fn table<'v, 't>(&mut self, key: &Key<'_>, value: &'v Value<'t>) -> Option<&'v DeTable<'t>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong_type(key, value, "a table");
        }
        table
    }

    fn list<'v, 't>(&mut self, key: &Key<'_>, value: &'v Value<'t>) -> Option<&'v DeArray<'t>> {
        let list = value.get_ref().as_array();
        if list.is_none() {
            self.wrong_type(key, value, "a list in brackets");
        }
        list
    }

    fn item<'v>(&mut self, key: &Key<'_>, item: &'v Value<'_>) -> Option<&'v str> {
        let text = item.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(key, item, "a text in quotes");
        }
        text
    }
}

/// The seconds of "90s", "5m", "12h", "30d"; `None` for any other form, and for what overflows.
fn seconds(text: &str) -> Option<u64> {
    let digits = text.strip_suffix(['s', 'm', 'h', 'd'])?;
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let unit = match text.as_bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 3600,
        _ => 86_400,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

/// The beginning of a text that a message quotes: a log line must stay a line.
fn shown(text: &str) -> &str {
    text.char_indices().nth(60).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_one_unit() {
        for (text, expected) in [
            ("0s", Some(0)),
            ("90s", Some(90)),
            ("5m", Some(300)),
            ("12h", Some(43_200)),
            ("30d", Some(2_592_000)),
            ("007s", Some(7)),
            ("0", None),
            ("", None),
            ("h", None),
            ("12H", None),
            ("12 h", None),
            ("-1s", None),
            ("+1s", None),
            ("1.5h", None),
            ("1h30m", None),
            ("1w", None),
            ("١s", None),
            ("18446744073709551615s", Some(u64::MAX)),
            ("18446744073709551616s", None),
            ("18446744073709551615d", None),
        ] {
            assert_eq!(seconds(text), expected, "{text:?}");
        }
    }
}
