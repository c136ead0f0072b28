//! The enrolment under way, as the text of `/var/lib/twinlock/pending/<uid>`. Reading and writing the file is
//! not done here. The text is read back strictly: a pending enrolment that is damaged in any way is no
//! pending enrolment, and its secret must never be shown again.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

use crate::{Error, Parameters};

/// For how long a secret may be shown again, in seconds.
const REUSE: i64 = 600;
/// How far ahead of the clock a first showing may lie, in seconds: a clock that was set back a little.
const AHEAD: i64 = 60;

const HEADER: &str = "twinlock-pending 1";

/// A secret that was shown to somebody who has not yet answered with a code.
#[derive(Clone, PartialEq, Eq)]
pub struct Pending {
    /// The login that is being enrolled, as NSS returned it.
    pub user: String,
    /// The PAM service to which the secret was shown.
    pub service: String,
    /// Where it was shown: the remote address, or the terminal for a local login.
    pub source: String,
    /// When it was first shown, in seconds of Unix time.
    pub first_shown: i64,
    /// How many logins it was shown to. Whoever was not the last of them does not finish with it: somebody else has
    /// seen it since.
    pub shown: u32,
    /// The secret.
    pub secret: Zeroizing<[u8; 20]>,
    /// How codes are made from it.
    pub parameters: Parameters,
}

impl Pending {
    /// No text of a pending enrolment is longer, in bytes; the caller need not read further.
    pub const MAX_BYTES: usize = 4096;

    /// Whether this secret may be shown again: to the same service and source, at most 10 minutes after it was
    /// first shown, and not more than 60 seconds before. `now` is Unix time in seconds. The caller has made
    /// sure that the record is this user's (see [`Pending::belongs_to`]).
    pub fn reusable_by(&self, service: &str, source: &str, now: i64) -> bool {
        let age = now.saturating_sub(self.first_shown);
        self.service == service && self.source == source && (-AHEAD..=REUSE).contains(&age)
    }

    /// Whether the record was made for this user name. The file is found by its UID, and a UID can be reused.
    pub fn belongs_to(&self, user: &str) -> bool {
        self.user == user
    }

    /// The record as text. `%`, control characters and DEL inside a value are percent-encoded, so that no
    /// value can begin a line.
    pub fn to_text(&self) -> Zeroizing<String> {
        let names = self.user.len() + self.service.len() + self.source.len();
        let mut text = Zeroizing::new(String::with_capacity(256 + 3 * names));
        let secret = Zeroizing::new(BASE32_NOPAD.encode(&*self.secret));
        line(&mut text, HEADER, "");
        line(&mut text, "user=", &escaped(&self.user));
        line(&mut text, "service=", &escaped(&self.service));
        line(&mut text, "source=", &escaped(&self.source));
        line(&mut text, "first_shown=", &self.first_shown.to_string());
        line(&mut text, "shown=", &self.shown.to_string());
        line(&mut text, "secret=", &secret);
        line(&mut text, "algorithm=", self.parameters.algorithm.name());
        line(&mut text, "digits=", &self.parameters.digits.to_string());
        line(&mut text, "period=", &self.parameters.period.to_string());
        text
    }

    /// Reads what [`Pending::to_text`] wrote, byte for byte, and nothing else.
    ///
    /// # Errors
    /// [`Error::PendingDamaged`] with the line and what was expected there; never with what was found.
    pub fn parse(text: &str) -> Result<Pending, Error> {
        if text.len() > Self::MAX_BYTES {
            return Err(Error::PendingDamaged { line: 1, expected: "at most 4096 bytes" });
        }
        let mut lines = Lines { rest: text, line: 0 };
        lines.value(HEADER)?.is_empty().then_some(()).ok_or(lines.damaged(HEADER))?;
        let user = lines.name("user=")?;
        let service = lines.name("service=")?;
        let source = lines.name("source=")?;
        let first_shown = lines.number("first_shown=")?;
        let shown = lines.number("shown=")?;
        let secret = lines.secret()?;
        let algorithm = lines.value("algorithm=")?.parse().map_err(|_| lines.damaged("algorithm="))?;
        let digits = lines.number("digits=")?;
        let period = lines.number("period=")?;
        if !lines.rest.is_empty() {
            return Err(Error::PendingDamaged { line: lines.line + 1, expected: "the end" });
        }
        let parameters = Parameters { algorithm, digits, period }
            .checked()
            .map_err(|_| lines.damaged("parameters that are supported"))?;
        Ok(Pending { user, service, source, first_shown, shown, secret, parameters })
    }
}

impl fmt::Debug for Pending {
    /// Everything but the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("user", &self.user)
            .field("service", &self.service)
            .field("source", &self.source)
            .field("first_shown", &self.first_shown)
            .field("shown", &self.shown)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

fn line(text: &mut String, key: &str, value: &str) {
    text.push_str(key);
    text.push_str(value);
    text.push('\n');
}

/// The lines not yet read, in the one order that there is.
struct Lines<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Lines<'a> {
    fn damaged(&self, expected: &'static str) -> Error {
        Error::PendingDamaged { line: self.line, expected }
    }

    /// What follows the key on the next line, which must end in a newline.
    fn value(&mut self, key: &'static str) -> Result<&'a str, Error> {
        self.line += 1;
        let (line, rest) = self.rest.split_once('\n').ok_or(self.damaged(key))?;
        self.rest = rest;
        line.strip_prefix(key).ok_or(self.damaged(key))
    }

    fn name(&mut self, key: &'static str) -> Result<String, Error> {
        let value = self.value(key)?;
        unescaped(value).ok_or(self.damaged(key))
    }

    /// A number in the one spelling that it has: no sign `+`, no leading zero.
    fn number<N: std::str::FromStr + ToString>(&mut self, key: &'static str) -> Result<N, Error> {
        let value = self.value(key)?;
        let number: N = value.parse().map_err(|_| self.damaged(key))?;
        if number.to_string() == value { Ok(number) } else { Err(self.damaged(key)) }
    }

    fn secret(&mut self) -> Result<Zeroizing<[u8; 20]>, Error> {
        let value = self.value("secret=")?;
        let damaged = self.damaged("secret=");
        let bytes = Zeroizing::new(BASE32_NOPAD.decode(value.as_bytes()).map_err(|_| damaged)?);
        let mut secret = Zeroizing::new([0; 20]);
        if bytes.len() != secret.len() {
            return Err(damaged);
        }
        secret.copy_from_slice(&bytes);
        Ok(secret)
    }
}

fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        if character == '%' || character.is_ascii_control() {
            text.push_str(&format!("%{:02X}", u32::from(character)));
        } else {
            text.push(character);
        }
    }
    text
}

/// The value that [`escaped`] turns into exactly this text, if there is one.
fn unescaped(text: &str) -> Option<String> {
    let mut value = String::with_capacity(text.len());
    let mut parts = text.split('%');
    value.push_str(parts.next()?);
    for part in parts {
        let (hex, rest) = part.split_at_checked(2)?;
        value.push(char::from(u8::from_str_radix(hex, 16).ok()?));
        value.push_str(rest);
    }
    (escaped(&value) == text).then_some(value)
}
