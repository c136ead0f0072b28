//! A line of the users file of pam_oath, by the rules of that program's own reader.

use twinlock_verifier::steps::{code_at, step_at};
use zeroize::Zeroizing;

use crate::import::token::{Remark, Token, What};

/// How many steps ahead of this host a used code is looked for: the widest window that anybody sets.
const AHEAD: u64 = 60;
/// Bytes of a key that the other program has room for.
const MAX_KEY: usize = 32;

/// One line that is about a user.
pub struct Entry {
    /// What it holds, if it can be taken.
    pub token: Option<Token>,
    /// What there is to tell of it.
    pub remarks: Vec<Remark>,
}

/// A line.
pub enum Line {
    /// Empty, or a comment.
    Nothing,
    /// Not of any user.
    Nobodys(Remark),
    /// Of this one.
    Of(String, Entry),
}

/// Type, user, PIN, key; then counter, last code and its time, which may be left out.
pub fn parse(line: &[u8], number: usize, now: i64) -> Line {
    let remark = |what| Remark { line: Some(number), what };
    // To the other program the line ends with a NUL.
    let line = line.split(|&byte| byte == 0).next().unwrap_or_default();
    let mut fields = line.split(|byte| b" \t\r".contains(byte)).filter(|field| !field.is_empty());
    let Some(kind) = fields.next() else { return Line::Nothing };
    if kind.starts_with(b"#") {
        return Line::Nothing;
    }
    let Some(kind) = Kind::read(kind) else { return Line::Nobodys(remark(What::Ignored)) };
    let Some(user) = fields.next().map(String::from_utf8_lossy) else {
        return Line::Nobodys(remark(What::Invalid("no user")));
    };
    let mut entry = Entry { token: None, remarks: Vec::new() };
    match token(kind, fields, now, &mut |what| entry.remarks.push(remark(what))) {
        Ok(token) => entry.token = Some(token),
        Err(what) => entry.remarks.push(remark(what)),
    }
    Line::Of(user.into_owned(), entry)
}

fn token<'a>(
    kind: Kind,
    mut fields: impl Iterator<Item = &'a [u8]>,
    now: i64,
    tell: &mut dyn FnMut(What),
) -> Result<Token, What> {
    let pin = fields.next().ok_or(What::Invalid("no key"))?;
    let key = fields.next().ok_or(What::Invalid("no key"))?;
    let secret = hexadecimal(key).ok_or(What::Invalid("the key"))?;
    if fields.next().is_some_and(|counter| !is_counter(counter)) {
        return Err(What::Invalid("the counter"));
    }
    let last_code = fields.next();
    if fields.next().is_some_and(|time| !is_time(time)) {
        return Err(What::Invalid("the time of the last code"));
    }
    let Kind::Totp { digits, period } = kind else { return Err(What::Hotp) };
    if !(10..=128).contains(&secret.len()) {
        return Err(What::SecretLength(secret.len()));
    }
    if !matches!(pin, b"-" | b"+") {
        tell(What::Pin);
    }
    let mut token = Token { secret, digits, period, last_step: 0, drift: 0 };
    token.last_step = last_code.map_or(0, |code| last_step(&token, code, now));
    Ok(token)
}

/// The step of the last code that was taken, where a login here could still take one up to it; 0 if it is too old for
/// that.
fn last_step(token: &Token, code: &[u8], now: i64) -> u64 {
    let authenticator = token.authenticator(1, String::new(), now);
    let Some(current) = step_at(now, token.period) else { return 0 };
    let steps = current.saturating_sub(1)..=current.saturating_add(AHEAD);
    let is_its = |step: &u64| {
        let time = step.saturating_mul(u64::from(token.period));
        Zeroizing::new(code_at(&authenticator, time)).as_bytes() == code
    };
    // The last one: two of so many have the same code once in a blue moon.
    steps.rev().find(is_its).unwrap_or(0)
}

/// Kinds of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Hotp,
    Totp { digits: u8, period: u16 },
}

impl Kind {
    fn read(word: &[u8]) -> Option<Kind> {
        Some(match word {
            b"HOTP" | b"HOTP/E" | b"HOTP/E/6" | b"HOTP/E/7" | b"HOTP/E/8" => Kind::Hotp,
            _ => {
                let (period, rest) = match word.split_at_checked(8)? {
                    (b"HOTP/T30", rest) => (30, rest),
                    (b"HOTP/T60", rest) => (60, rest),
                    _ => return None,
                };
                let digits = match rest {
                    b"" | b"/6" => 6,
                    b"/7" => 7,
                    b"/8" => 8,
                    _ => return None,
                };
                Kind::Totp { digits, period }
            }
        })
    }
}

fn hexadecimal(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if !text.len().is_multiple_of(2) || text.len() / 2 > MAX_KEY {
        return None;
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    for pair in text.chunks_exact(2) {
        let digit = |at: usize| char::from(*pair.get(at)?).to_digit(16);
        bytes.push(u8::try_from(digit(0)? * 16 + digit(1)?).ok()?);
    }
    Some(bytes)
}

/// As strtoull(3) takes the whole of it.
fn is_counter(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"+").or(text.strip_prefix(b"-")).unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// `2026-11-25T02:26:22L`; numbers may be shorter, as strptime(3) takes them.
fn is_time(text: &[u8]) -> bool {
    let parts = |text: &[u8], separator: u8, most: &[u32]| {
        let numbers: Vec<_> = text.split(|&byte| byte == separator).collect();
        numbers.len() == most.len()
            && numbers.iter().zip(most).all(|(number, most)| {
                let digits = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
                let value = std::str::from_utf8(number).ok().and_then(|number| number.parse::<u32>().ok());
                digits && value.is_some_and(|value| value <= *most)
            })
    };
    let Some(text) = text.strip_suffix(b"L") else { return false };
    let Some(middle) = text.iter().position(|&byte| byte == b'T') else { return false };
    let (date, time) = text.split_at(middle);
    parts(date, b'-', &[9999, 12, 31]) && parts(time.strip_prefix(b"T").unwrap_or(time), b':', &[23, 59, 61])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    const NOW: i64 = 1_900_000_005;
    const STEP: u64 = 63_333_333;
    const KEY: &str = "3132333435363738393031323334353637383930";

    fn read(line: &str) -> (Option<(u8, u16, u64)>, Vec<What>) {
        match parse(line.as_bytes(), 1, NOW) {
            Line::Of(user, entry) => {
                assert_eq!(user, "maria");
                let token = entry.token.map(|token| (token.digits, token.period, token.last_step));
                (token, entry.remarks.into_iter().map(|remark| remark.what).collect())
            }
            _ => panic!("{line} is nobody's"),
        }
    }

    #[test]
    fn lines_are_read_as_the_other_program_reads_them() {
        use What::*;
        for (line, token, what) in [
            (format!("HOTP/T30 maria - {KEY}"), Some((6, 30, 0)), None),
            (format!("  HOTP/T30/6\tmaria\t-\t{KEY}\t0\r"), Some((6, 30, 0)), None),
            (format!("HOTP/T30/7 maria + {KEY}"), Some((7, 30, 0)), None),
            (format!("HOTP/T60/8 maria - {}", KEY.to_lowercase()), Some((8, 60, 0)), None),
            (format!("HOTP/T60 maria 1234 {KEY}"), Some((6, 60, 0)), Some(Pin)),
            (format!("HOTP/T30 maria - {KEY} 5 123456 2026-11-25T02:26:22L"), Some((6, 30, 0)), None),
            (format!("HOTP/E/8 maria - {KEY} 5"), None, Some(Hotp)),
            (format!("HOTP maria - {KEY}"), None, Some(Hotp)),
            ("HOTP/T30 maria -".to_owned(), None, Some(Invalid("no key"))),
            ("HOTP/T30 maria".to_owned(), None, Some(Invalid("no key"))),
            (format!("HOTP/T30 maria - {KEY}0"), None, Some(Invalid("the key"))),
            ("HOTP/T30 maria - 00xx".to_owned(), None, Some(Invalid("the key"))),
            (format!("HOTP/T30 maria - {KEY}{KEY}"), None, Some(Invalid("the key"))),
            ("HOTP/T30 maria - 0011".to_owned(), None, Some(SecretLength(2))),
            (format!("HOTP/T30 maria - {KEY} x"), None, Some(Invalid("the counter"))),
            (format!("HOTP/T30 maria - {KEY} 0 1 now"), None, Some(Invalid("the time of the last code"))),
        ] {
            assert_eq!(read(&line), (token, what.into_iter().collect()), "{line}");
        }
        for line in ["", "  \t\r", "# HOTP/T30 maria - 00", "#"] {
            assert!(matches!(parse(line.as_bytes(), 1, NOW), Line::Nothing), "{line:?}");
        }
        for line in [
            "HOTP/T45 maria - 00",
            "HOTP/T30/9 maria - 00",
            "hotp maria - 00",
            "HOTP/T300 maria - 00",
            "HOTP",
        ] {
            assert!(matches!(parse(line.as_bytes(), 1, NOW), Line::Nobodys(_)), "{line:?}");
        }
    }

    #[test]
    fn the_last_code_and_all_before_it_are_used() {
        let secret = hexadecimal(KEY.as_bytes()).unwrap();
        let token = Token { secret, digits: 6, period: 30, last_step: 0, drift: 0 };
        let authenticator = token.authenticator(1, String::new(), NOW);
        for (offset, last) in [(-2, 0), (-1, STEP - 1), (0, STEP), (1, STEP + 1), (5, STEP + 5), (61, 0)] {
            let code = code_at(&authenticator, STEP.saturating_add_signed(offset) * 30);
            let line = format!("HOTP/T30 maria - {KEY} 0 {code} 2030-03-17T17:46:45L");
            assert_eq!(read(&line).0, Some((6, 30, last)), "{offset}");
        }
    }
}
