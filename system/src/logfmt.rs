//! Lines of logfmt: one decision is one line, every value escaped so that it can neither end its quotes or its line
//! nor change what a terminal shows. Never a code, a secret, a password or what was typed.

use std::fmt::{self, Write as _};

use twinlock_policy::{Decision, Policy, Requirement};

/// Longest value in a line, in characters.
const LONGEST: usize = 256;
/// Longest reason of the policy's, in characters: it tells of every rule that was in doubt.
const LONGEST_REASON: usize = 1024;
/// Bytes of the policy's hash that a line shows.
const HASH_SHOWN: usize = 6;
/// Room for a usual line, in bytes, so that it is made in one piece.
const USUAL: usize = 256;

/// One line in the making.
#[derive(Clone, Debug)]
pub struct Line {
    text: String,
    /// What the policy said: the end of the line, whatever is added after it.
    decision: String,
}

impl Line {
    /// Begins a line about an event.
    pub fn event(event: &str) -> Self {
        let mut text = String::with_capacity(USUAL);
        text.push_str("event=");
        text.push_str(event);
        Self::verbatim(text)
    }

    /// A line in somebody else's shape, whose values have been through [`one_line`].
    pub fn verbatim(line: String) -> Self {
        Self { text: line, decision: String::new() }
    }

    /// Adds a value that needs no quotes unless it holds something unusual.
    pub fn plain(&mut self, key: &str, value: &str) -> &mut Self {
        let usual = |byte: u8| byte.is_ascii_alphanumeric() || b".:/_-+@%".contains(&byte);
        if value.bytes().all(usual) && value.len() <= LONGEST {
            self.key(key);
            self.text.push_str(value);
            return self;
        }
        self.quoted(key, value)
    }

    /// Adds a value in quotes.
    pub fn quoted(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key);
        self.text.push('"');
        escape(&mut self.text, value, LONGEST);
        self.text.push('"');
        self
    }

    fn key(&mut self, key: &str) {
        self.text.push(' ');
        self.text.push_str(key);
        self.text.push('=');
    }

    /// Adds what the policy said.
    pub fn decision(&mut self, decision: &Decision, policy: &Policy) -> &mut Self {
        let mut said = Self::verbatim(String::with_capacity(USUAL));
        said.plain("decision", word(decision.requirement));
        if let Some(would_be) = &decision.reported {
            said.plain("would_be", word(would_be.requirement));
        }
        said.text.push_str(" rule=\"");
        let mut reason = String::with_capacity(USUAL);
        let _ = write!(reason, "{}", decision.reason);
        escape(&mut said.text, &reason, LONGEST_REASON);
        said.text.push_str("\" policy=sha256:");
        let digits = policy.hash().into_iter().take(HASH_SHOWN).flat_map(|byte| [byte >> 4, byte & 15]);
        said.text.extend(digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)));
        self.decision = said.text;
        self
    }

    /// The whole line, with room for a NUL behind it.
    pub fn whole(&self) -> String {
        let length = self.text.len().saturating_add(self.decision.len()).saturating_add(1);
        let mut whole = String::with_capacity(length);
        whole.push_str(&self.text);
        whole.push_str(&self.decision);
        whole
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        f.write_str(&self.decision)
    }
}

fn word(requirement: Requirement) -> &'static str {
    match requirement {
        Requirement::Exempt => "exempt",
        Requirement::UserDriven => "user_driven",
        Requirement::Required => "required",
    }
}

/// A value that cannot end its quotes or its line, or change what a terminal shows.
fn escape(out: &mut String, value: &str, longest: usize) {
    let usual = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    // Letters are counted only where there may be too many.
    let end = if value.len() > longest { value.char_indices().nth(longest) } else { None };
    let mut rest = end.map_or(value, |(end, _)| value.get(..end).unwrap_or_default());
    loop {
        // Nearly all of every value, in one piece.
        let length = rest.bytes().position(|byte| !usual(byte)).unwrap_or(rest.len());
        let (piece, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        out.push_str(piece);
        let mut letters = behind.chars();
        match letters.next() {
            None => break,
            Some(letter @ ('"' | '\\')) => out.extend(['\\', letter]),
            Some(letter) if unseen(letter) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(letter));
            }
            Some(letter) => out.push(letter),
        }
        rest = letters.as_str();
    }
    if end.is_some() {
        out.push_str("...");
    }
}

/// Control characters, line and paragraph separators, and marks that turn the direction of writing.
fn unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A value of an unquoted line: spaces and whatever is not seen become `?`.
pub fn one_line(value: &str) -> String {
    value
        .chars()
        .take(LONGEST)
        .map(|letter| if letter == ' ' || unseen(letter) { '?' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(value: &str, longest: usize) -> String {
        let mut out = String::new();
        escape(&mut out, value, longest);
        out
    }

    #[test]
    fn no_value_can_forge_a_line() {
        let cases = [
            ("maria", "maria"),
            ("a\nevent=code_accepted", "a\\u{a}event=code_accepted"),
            ("a\" reason=\"x", "a\\\" reason=\\\"x"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("back\\slash", "back\\\\slash"),
            ("\u{202e}evil", "\\u{202e}evil"),
            ("Jörg", "Jörg"),
            ("\"J\u{f6}\u{7f}\"", "\\\"J\u{f6}\\u{7f}\\\""),
            ("", ""),
        ];
        for (value, expected) in cases {
            assert_eq!(escaped(value, LONGEST), expected);
        }
        for letter in ["x", "\u{f6}"] {
            let longest = letter.repeat(LONGEST);
            assert_eq!(escaped(&longest, LONGEST), longest);
            assert_eq!(escaped(&letter.repeat(LONGEST + 1), LONGEST), format!("{longest}..."));
        }
    }

    #[test]
    fn an_unquoted_value_is_one_word() {
        assert_eq!(one_line("a b\nc"), "a?b?c");
    }
}
