//! The file of pam_google_authenticator. The rules are those of the module's own reader, not of its FILEFORMAT: what of a
//! file it takes, what it passes over, and what makes it refuse the whole of it.

use twinlock_verifier::steps::{MAX_DRIFT, step_at};
use zeroize::Zeroizing;

use crate::import::token::{Remark, Token, What};

/// The options that it knows; those that end in nothing else than state of its own are not worth a word.
const KNOWN: [&[u8]; 8] = [
    b"DISALLOW_REUSE",
    b"RATE_LIMIT",
    b"TOTP_AUTH",
    b"STEP_SIZE",
    b"HOTP_COUNTER",
    b"WINDOW_SIZE",
    b"TIME_SKEW",
    b"RESETTING_TIME_SKEW",
];

/// The token in a file, and what there is to tell about the rest of it.
pub fn parse(text: &[u8], now: i64) -> (Option<Token>, Vec<Remark>) {
    let mut remarks = Vec::new();
    let token = match token(text, now, &mut remarks) {
        Ok(token) => Some(token),
        Err(remark) => {
            remarks.push(remark);
            None
        }
    };
    for line in lines(text).skip(1) {
        let unknown = match line.text.strip_prefix(b"\" ") {
            Some(option) => !is_known(option),
            None => false,
        };
        if unknown {
            remarks.push(line.remark(What::Ignored));
        }
    }
    scratch_codes(text, &mut remarks);
    remarks.sort_by_key(|remark| remark.line);
    (token, remarks)
}

fn token(text: &[u8], now: i64, remarks: &mut Vec<Remark>) -> Result<Token, Remark> {
    let whole = |what| Remark { line: None, what };
    if text.is_empty() || text.contains(&0) {
        return Err(whole(What::Invalid("it is empty, or holds a NUL byte")));
    }
    // In the order in which the module comes to refuse.
    if let Some(option) = option(text, b"RATE_LIMIT") {
        rate_limit(option.value).ok_or_else(|| option.line.remark(What::Invalid("RATE_LIMIT")))?;
        remarks.push(option.line.remark(What::RateLimit));
    }
    let first = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let secret = base32(first).ok_or(Remark { line: Some(1), what: What::Invalid("the secret") })?;
    if let Some(option) = option(text, b"HOTP_COUNTER")
        && leading_number(option.value).unwrap_or(0) > 0
    {
        return Err(option.line.remark(What::Hotp));
    }
    // Anywhere in the file, and whatever follows: that is how the module looks for it.
    if !text.windows(11).any(|piece| piece == b"\" TOTP_AUTH") {
        return Err(whole(What::NotTotp));
    }
    let period = bounded(text, b"STEP_SIZE", 30, 60)?;
    let skew = option(text, b"TIME_SKEW");
    let skew_steps = skew.as_ref().and_then(|option| leading_number(option.value)).unwrap_or(0);
    let window = bounded(text, b"WINDOW_SIZE", 3, 100)?;
    let used = option(text, b"DISALLOW_REUSE");
    let used_steps = used.as_ref().map(|option| {
        numbers(option.value).ok_or_else(|| option.line.remark(What::Invalid("DISALLOW_REUSE")))
    });
    let used_steps = used_steps.transpose()?;

    if !(10..=128).contains(&secret.len()) {
        return Err(Remark { line: Some(1), what: What::SecretLength(secret.len()) });
    }
    let period = u16::try_from(period).unwrap_or(0);
    if !(15..=120).contains(&period) {
        return Err(whole(What::Period(period)));
    }
    let drift = i8::try_from(skew_steps).ok().filter(|drift| (-MAX_DRIFT..=MAX_DRIFT).contains(drift));
    if let (None, Some(option)) = (drift, &skew) {
        remarks.push(option.line.remark(What::Skew(skew_steps)));
    }
    if window != 3 {
        remarks.extend(option(text, b"WINDOW_SIZE").map(|option| option.line.remark(What::Window(window))));
    }
    let drift = drift.unwrap_or(0);
    // The furthest step whose code the module, or this one, takes by now.
    let ahead = skew_steps.max(0).saturating_add((window / 2).max(1));
    let reachable = step_at(now, period).unwrap_or(0).saturating_add(u64::try_from(ahead).unwrap_or(0));
    // The code that settles a skew is not in the module's list, so the list is not the whole truth then.
    let last_step = match &used_steps {
        Some(steps) if skew_steps == 0 => {
            let last = steps.iter().copied().max().and_then(|step| u64::try_from(step).ok()).unwrap_or(0);
            if let (true, Some(option)) = (last > reachable, &used) {
                let end = i64::try_from(last.saturating_mul(u64::from(period))).unwrap_or(i64::MAX);
                remarks.push(option.line.remark(What::UsedUntil(end)));
            }
            last
        }
        steps => {
            remarks.push(whole(What::BurnedUpToNow));
            let listed = steps.iter().flatten().copied().filter_map(|step| u64::try_from(step).ok()).max();
            reachable.max(listed.unwrap_or(0))
        }
    };
    Ok(Token { secret, digits: 6, period, last_step, drift })
}

/// A line, by either end of line, and its number.
struct Line<'a> {
    number: usize,
    text: &'a [u8],
}

impl Line<'_> {
    fn remark(&self, what: What) -> Remark {
        Remark { line: Some(self.number), what }
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let numbered = (1..).zip(text.split(|&byte| byte == b'\n'));
    numbered.flat_map(|(number, line)| {
        line.split(|&byte| byte == b'\r')
            .filter(|text| !text.is_empty())
            .map(move |text| Line { number, text })
    })
}

struct Given<'a> {
    line: Line<'a>,
    value: &'a [u8],
}

/// The first line that gives an option.
fn option<'a>(text: &'a [u8], key: &[u8]) -> Option<Given<'a>> {
    lines(text).find_map(|line| {
        let rest = line.text.strip_prefix(b"\" ")?.strip_prefix(key)?;
        let value = match rest.first() {
            None => rest,
            Some(b' ' | b'\t') => rest.trim_ascii_start(),
            Some(_) => return None,
        };
        Some(Given { line, value })
    })
}

fn is_known(option: &[u8]) -> bool {
    let name = option.split(|byte| b" \t".contains(byte)).next().unwrap_or_default();
    let is_login = |name: &[u8]| matches!(name, [b'L', b'A', b'S', b'T', digit] if digit.is_ascii_digit());
    KNOWN.contains(&name) || is_login(name) || option.starts_with(b"TOTP_AUTH")
}

/// Spaces, tabs, dashes and CR do not count; 0, 1 and 8 are read as the letters that they look like; what is left over at
/// the end is dropped.
fn base32(line: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut secret = Zeroizing::new(Vec::with_capacity(line.len()));
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in line.iter().filter(|byte| !b" \t\r-".contains(byte)) {
        let digit = match byte.to_ascii_uppercase() {
            b'0' => b'O' - b'A',
            b'1' => b'L' - b'A',
            b'8' => b'B' - b'A',
            letter @ b'A'..=b'Z' => letter - b'A',
            number @ b'2'..=b'7' => number - b'2' + 26,
            _ => return None,
        };
        bits = (bits << 5 | u32::from(digit)) & 0xfff;
        held += 5;
        if held >= 8 {
            held -= 8;
            secret.push(u8::try_from(bits >> held & 0xff).unwrap_or_default());
        }
    }
    (!secret.is_empty()).then_some(secret)
}

/// The number that a text begins with, as strtol(3) finds it, and what follows; None where there is none, or too large a
/// one.
fn number(text: &[u8]) -> Option<(i64, &[u8])> {
    let text = text.trim_ascii_start();
    let (sign, digits) = match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        rest => (1, rest),
    };
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at_checked(end)?;
    let value: i64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((sign * value, rest))
}

fn leading_number(text: &[u8]) -> Option<i64> {
    number(text).map(|(value, _)| value)
}

/// An option from 1 to its most; its default where it is not given.
fn bounded(text: &[u8], key: &'static [u8], default: i64, most: i64) -> Result<i64, Remark> {
    let Some(option) = option(text, key) else { return Ok(default) };
    match number(option.value) {
        Some((value, rest)) if (1..=most).contains(&value) && ends(rest) => Ok(value),
        _ => {
            let name = if key == b"STEP_SIZE" { "STEP_SIZE" } else { "WINDOW_SIZE" };
            Err(option.line.remark(What::Invalid(name)))
        }
    }
}

fn ends(rest: &[u8]) -> bool {
    rest.first().is_none_or(|byte| b" \t".contains(byte))
}

/// A list of numbers with white space between them.
fn numbers(text: &[u8]) -> Option<Vec<i64>> {
    let mut found = Vec::new();
    let mut rest = text.trim_ascii_start();
    while !rest.is_empty() {
        let (value, after) = number(rest)?;
        found.push(value);
        rest = Some(after).filter(|after| ends(after))?.trim_ascii_start();
    }
    Some(found)
}

/// Attempts, seconds, and the times of attempts; each after white space, and nothing else, not even white space at the
/// end.
fn rate_limit(text: &[u8]) -> Option<()> {
    let (attempts, rest) = number(text)?;
    let (interval, mut rest) = Some(rest).filter(|rest| !rest.is_empty() && ends(rest)).and_then(number)?;
    if !(1..=100).contains(&attempts) || !(1..=3600).contains(&interval) {
        return None;
    }
    while !rest.is_empty() {
        (_, rest) = Some(rest).filter(|rest| ends(rest)).and_then(number)?;
    }
    Some(())
}

/// Counts them as the module finds them: up to the first line that is none.
fn scratch_codes(text: &[u8], remarks: &mut Vec<Remark>) {
    let mut codes = 0;
    let mut first = None;
    let mut is_over = false;
    for line in lines(text).filter(|line| line.number > 1 && !line.text.starts_with(b"\"")) {
        let code = number(line.text)
            .filter(|(code, rest)| rest.is_empty() && (10_000_000..100_000_000).contains(code));
        match code {
            Some(_) if !is_over => {
                codes += 1;
                first.get_or_insert(line.number);
            }
            _ => {
                is_over = true;
                remarks.push(line.remark(What::Ignored));
            }
        }
    }
    remarks.extend(first.map(|line| Remark { line: Some(line), what: What::ScratchCodes(codes) }));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: i64 = 1_900_000_005;
    const STEP: u64 = 63_333_333;
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn read(text: &str) -> (Option<Token>, Vec<(Option<usize>, What)>) {
        let (token, remarks) = parse(text.as_bytes(), NOW);
        (token, remarks.into_iter().map(|remark| (remark.line, remark.what)).collect())
    }

    #[test]
    fn secrets_are_read_as_the_module_reads_them() {
        let rest = "\" TOTP_AUTH\n\" DISALLOW_REUSE\n";
        for line in [
            SECRET,
            "gezdgnbvgy3tqojq gezdgnbvgy3tqojq",
            "GEZD-GNBV\tGY3T-QOJQ GEZDGNBVGY3TQOJQ\r",
            // Left-over bits are dropped.
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQA",
        ] {
            let (token, remarks) = read(&format!("{line}\n{rest}"));
            assert_eq!(token.unwrap().secret.as_slice(), b"12345678901234567890", "{line:?}");
            assert_eq!(remarks, [], "{line:?}");
        }
        // Digits that people mistake for letters.
        assert_eq!(base32(b"0108"), base32(b"OLOB"));
        for (line, what) in [
            ("", What::Invalid("the secret")),
            ("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ====", What::Invalid("the secret")),
            ("GEZDGNBVGY3TQOJQ9", What::Invalid("the secret")),
            ("A", What::Invalid("the secret")),
            ("GEZDGNBVGY", What::SecretLength(6)),
        ] {
            let (token, remarks) = read(&format!("{line}\n{rest}"));
            assert!(token.is_none(), "{line:?}");
            assert_eq!(remarks, [(Some(1), what)], "{line:?}");
        }
    }

    #[test]
    fn what_the_module_refuses_is_refused_and_what_it_passes_over_is_told() {
        use What::*;
        for (options, what) in [
            ("\" HOTP_COUNTER 1", Some((Some(2), Hotp))),
            ("\" HOTP_COUNTER 0\n\" TOTP_AUTH", None),
            ("\" HOTP_COUNTER x\n\" TOTP_AUTH", None),
            ("\"TOTP_AUTH", Some((None, NotTotp))),
            ("", Some((None, NotTotp))),
            ("x\" TOTP_AUTHENTIC", None),
            ("\" TOTP_AUTH\n\" STEP_SIZE 61", Some((Some(3), Invalid("STEP_SIZE")))),
            ("\" TOTP_AUTH\n\" STEP_SIZE", Some((Some(3), Invalid("STEP_SIZE")))),
            ("\" TOTP_AUTH\n\" STEP_SIZE 60 x", None),
            ("\" TOTP_AUTH\n\" STEP_SIZE 60x", Some((Some(3), Invalid("STEP_SIZE")))),
            ("\" TOTP_AUTH\n\" STEP_SIZE 10", Some((None, Period(10)))),
            ("\" TOTP_AUTH\n\" WINDOW_SIZE 0", Some((Some(3), Invalid("WINDOW_SIZE")))),
            ("\" TOTP_AUTH\n\" DISALLOW_REUSE 1 x", Some((Some(3), Invalid("DISALLOW_REUSE")))),
            ("\" RATE_LIMIT 3 30\n\" TOTP_AUTH", None),
            ("\" RATE_LIMIT 3 30 1 2\r\n\" TOTP_AUTH", None),
            ("\" RATE_LIMIT 3 30 \n\" TOTP_AUTH", Some((Some(2), Invalid("RATE_LIMIT")))),
            ("\" RATE_LIMIT 3\n\" TOTP_AUTH", Some((Some(2), Invalid("RATE_LIMIT")))),
            ("\" RATE_LIMIT 101 30\n\" TOTP_AUTH", Some((Some(2), Invalid("RATE_LIMIT")))),
            ("\" RATE_LIMIT 3 3601\n\" TOTP_AUTH", Some((Some(2), Invalid("RATE_LIMIT")))),
            // Only the first of two counts.
            ("\" STEP_SIZE 60\n\" STEP_SIZE 61\n\" TOTP_AUTH", None),
            ("\" TOTP_AUTH\0", Some((None, Invalid("it is empty, or holds a NUL byte")))),
        ] {
            let (token, remarks) = read(&format!("{SECRET}\n{options}"));
            assert_eq!(token.is_some(), what.is_none(), "{options:?} {remarks:?}");
            if let Some(what) = what {
                assert!(remarks.contains(&what), "{options:?} {remarks:?}");
            }
        }
    }

    #[test]
    fn what_was_used_there_is_used_here() {
        let burned = STEP + 1;
        for (options, last, drift) in [
            ("\" DISALLOW_REUSE", 0, 0),
            ("\" DISALLOW_REUSE 63333331 63333333 63333332", STEP, 0),
            ("\" DISALLOW_REUSE 63334000", 63_334_000, 0),
            // Nobody noted it.
            ("", burned, 0),
            // The code that settled the skew is not in the list.
            ("\" DISALLOW_REUSE 63333331\n\" TIME_SKEW 2", burned + 2, 2),
            ("\" DISALLOW_REUSE\n\" TIME_SKEW -4", burned, -4),
            ("\" DISALLOW_REUSE\n\" TIME_SKEW 5", burned + 5, 0),
            ("\" DISALLOW_REUSE\n\" TIME_SKEW -128", burned, 0),
            ("\" WINDOW_SIZE 17", burned + 7, 0),
            ("\" DISALLOW_REUSE 63333332\n\" TIME_SKEW 0", STEP - 1, 0),
        ] {
            let (token, remarks) = read(&format!("{SECRET}\n\" TOTP_AUTH\n{options}\n"));
            let token = token.unwrap();
            assert_eq!((token.last_step, token.drift), (last, drift), "{options:?} {remarks:?}");
        }
    }

    #[test]
    fn what_is_not_carried_is_told_by_line() {
        let text = format!(
            "{SECRET}\r\n\" RATE_LIMIT 3 30\r\n\" WINDOW_SIZE 17\r\n\" DISALLOW_REUSE\r\n\" TOTP_AUTH\r\n\
             \" LAST0 192.0.2.7 1\r\n\" NEW_THING 1\r\n12345678\r\n87654321\r\nhello\r\n11111111"
        );
        let (token, remarks) = read(&text);
        assert!(token.is_some());
        let expected = [
            (Some(2), What::RateLimit),
            (Some(3), What::Window(17)),
            (Some(7), What::Ignored),
            (Some(8), What::ScratchCodes(2)),
            (Some(10), What::Ignored),
            (Some(11), What::Ignored),
        ];
        assert_eq!(remarks, expected);
    }
}
