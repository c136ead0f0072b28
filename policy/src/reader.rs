//! Reads single values out of the parsed text, each with its place, and notes a fault for each that is not as the key
//! wants it. It goes on after a fault, so that `policy check` can name all of them at once.

use std::fmt::Display;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::date::{self, Date};
use crate::duration::seconds;
use crate::fault::Fault;
use crate::keys::{self, Level};
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

    /// Notes a value of a type that the key does not take.
    pub fn wrong_type(&mut self, key: &Key<'_>, value: &Value<'_>, wanted: &str) {
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
        if text.chars().all(char::is_whitespace) {
            self.refuse(key, value, "the text is empty");
        } else if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.chars().any(char::is_control)
        {
            self.refuse(key, value, "the text holds a line break or another control character");
        } else if text.chars().nth(longest).is_some() {
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

    /// A table of keys.
    pub fn table<'v, 't>(&mut self, key: &Key<'_>, value: &'v Value<'t>) -> Option<&'v DeTable<'t>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong_type(key, value, "a table");
        }
        table
    }
}

/// The beginning of a text that a message quotes: a log line must stay a line.
pub(crate) fn shown(text: &str) -> &str {
    text.char_indices().nth(60).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}
