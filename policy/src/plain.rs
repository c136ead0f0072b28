//! The plain TOML that people write policies in, read in one pass without the TOML parser: what nearly every login reads.
//! Whatever is less plain, or wrong, is left to that parser, which also says what is wrong with it. Nothing may be read
//! here that it would not read too, and as the very same tree.
//!
//! Plain are: tables and lists of tables by a bare name; bare keys; texts in double quotes without an escape, lists of
//! them, whole numbers, days, `true` and `false`; comments.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::reader::{Key, Value};

/// The document; None when the text is not plain.
pub(crate) fn read(text: &str) -> Option<Spanned<DeTable<'_>>> {
    let mut text = Text { text, at: 0 };
    let mut document = text.pairs()?;
    while text.next().is_some() {
        let start = text.at;
        text.take(b'[')?;
        let one_of_many = text.take(b'[').is_some();
        let key = text.key()?;
        text.take(b']')?;
        if one_of_many {
            text.take(b']')?;
        }
        let span = start..text.at;
        text.end_of_line()?;
        let table = Spanned::new(span.clone(), DeValue::Table(text.pairs()?));
        if !one_of_many {
            insert(&mut document, key, table)?;
        } else if let Some(others) = document.get_mut(&**key.get_ref()) {
            others_of_its_kind(others)?.push(table);
        } else {
            let list = DeArray::from_iter([table]);
            insert(&mut document, key, Spanned::new(span, DeValue::Array(list)))?;
        }
    }
    // A document has no place of its own.
    Some(Spanned::new(0..0, document))
}

/// None when the key is there already.
fn insert<'t>(table: &mut DeTable<'t>, key: Key<'t>, value: Value<'t>) -> Option<()> {
    table.insert(key, value).is_none().then_some(())
}

/// The tables before that have this name in two brackets.
fn others_of_its_kind<'v, 't>(value: &'v mut Value<'t>) -> Option<&'v mut DeArray<'t>> {
    match value.get_mut() {
        // Plain lists of values hold no table.
        DeValue::Array(list) if list.first().is_some_and(|first| first.get_ref().is_table()) => Some(list),
        _ => None,
    }
}

/// A text, and how far it is read. What returns None has met something that is not plain.
struct Text<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Text<'t> {
    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Takes exactly this byte.
    fn take(&mut self, byte: u8) -> Option<()> {
        if self.next()? != byte {
            return None;
        }
        self.at += 1;
        Some(())
    }

    /// Takes all bytes up to the first that is not so, and says where they stand.
    fn take_while(&mut self, so: impl Fn(u8) -> bool) -> Range<usize> {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        self.at += rest.iter().position(|&byte| !so(byte)).unwrap_or(rest.len());
        start..self.at
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t') = self.next() {
            self.at += 1;
        }
    }

    /// The rest of a line in which everything has been said: a comment, perhaps.
    fn end_of_line(&mut self) -> Option<()> {
        self.blanks();
        if self.take(b'#').is_some() {
            self.take_while(printable);
        }
        if self.next().is_none() {
            return Some(());
        }
        // A carriage return alone ends no line.
        let _ = self.take(b'\r');
        self.take(b'\n')
    }

    /// Whatever says nothing: empty lines, and comments.
    fn gap(&mut self) -> Option<()> {
        loop {
            self.blanks();
            match self.next() {
                Some(b'#' | b'\r' | b'\n') => self.end_of_line()?,
                _ => return Some(()),
            }
        }
    }

    /// Keys with their values, up to the next table or the end.
    fn pairs(&mut self) -> Option<DeTable<'t>> {
        let mut table = DeTable::new();
        loop {
            self.gap()?;
            if matches!(self.next(), None | Some(b'[')) {
                return Some(table);
            }
            let key = self.key()?;
            self.blanks();
            self.take(b'=')?;
            self.blanks();
            let value = self.value()?;
            self.end_of_line()?;
            insert(&mut table, key, value)?;
        }
    }

    fn key(&mut self) -> Option<Key<'t>> {
        let span =
            self.take_while(|byte| matches!(byte, b'a'..=b'z' | b'_' | b'A'..=b'Z' | b'0'..=b'9' | b'-'));
        let name = self.text.get(span.clone()).filter(|name| !name.is_empty())?;
        Some(Spanned::new(span, Cow::Borrowed(name)))
    }

    fn value(&mut self) -> Option<Value<'t>> {
        match self.next()? {
            b'"' => self.string(),
            b'[' => self.strings(),
            b'0'..=b'9' => self.number_or_day(),
            _ => self.flag(),
        }
    }

    /// What follows is no quote, as whoever calls this sees to: three of them would begin another kind of text.
    fn string(&mut self) -> Option<Value<'t>> {
        let start = self.at;
        self.take(b'"')?;
        let inner = self.take_while(|byte| {
            // Small letters first, which most are.
            matches!(byte, b']'..=b'~') || printable(byte) && !matches!(byte, b'"' | b'\\')
        });
        self.take(b'"')?;
        let text = self.text.get(inner)?;
        Some(Spanned::new(start..self.at, DeValue::String(Cow::Borrowed(text))))
    }

    fn strings(&mut self) -> Option<Value<'t>> {
        let start = self.at;
        self.take(b'[')?;
        let mut list = DeArray::new();
        loop {
            self.gap()?;
            if self.take(b']').is_some() {
                break;
            }
            list.push(self.string()?);
            self.gap()?;
            if self.take(b',').is_none() {
                self.take(b']')?;
                break;
            }
        }
        Some(Spanned::new(start..self.at, DeValue::Array(list)))
    }

    fn flag(&mut self) -> Option<Value<'t>> {
        let span = self.take_while(|byte| byte.is_ascii_lowercase());
        let flag = self.text.get(span.clone())?.parse().ok()?;
        Some(Spanned::new(span, DeValue::Boolean(flag)))
    }

    /// Both as the other reader reads them: only it can make a number of this tree, and it knows the days of a month.
    fn number_or_day(&mut self) -> Option<Value<'t>> {
        let span = self.take_while(|byte| byte.is_ascii_digit() || byte == b'-');
        let text = self.text.get(span.clone())?;
        if text.contains('-') {
            return Some(Spanned::new(span, DeValue::Datetime(text.parse().ok()?)));
        }
        let (number, errors) = DeValue::parse_recoverable(text);
        errors.is_empty().then(|| Spanned::new(span, number.into_inner()))
    }
}

/// What may stand in a comment and, but for what ends or escapes, in a text: a tab, and whatever is no control character.
fn printable(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}

#[cfg(test)]
mod tests;
