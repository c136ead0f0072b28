//! The key URI and the key as text: what an app takes in by camera or by hand. Nothing here may depend on
//! how an app repairs a malformed URI; what is written must have one reading.

use std::borrow::Cow;

use data_encoding::{BASE32_NOPAD, HEXUPPER};
use zeroize::Zeroizing;

use crate::{Algorithm, Parameters};

/// Whose code it is, as the app will show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account<'a> {
    /// Who asks for the code, such as `ACME ERP`. May be empty.
    pub issuer: &'a str,
    /// The login, in the manner of `maria@erp-terminal-3`.
    pub account: &'a str,
}

impl<'a> Account<'a> {
    /// The issuer as the app will show it: without white space at the ends, control characters as `?`.
    pub fn shown_issuer(&self) -> Cow<'a, str> {
        printable(self.issuer)
    }

    /// The account as the app will show it: like the issuer, and with `-` for each colon. The key URI
    /// format forbids a colon in an account name: apps undo the percent-encoding first, then split the
    /// label at a colon, some at the first, some only if there is exactly one.
    pub fn shown_account(&self) -> Cow<'a, str> {
        let name = printable(self.account);
        if name.contains(':') { name.replace(':', "-").into() } else { name }
    }
}

/// The secret and its parameters as an `otpauth://totp/` URI: label `Issuer:account`, then `secret`, `issuer`
/// and those of `algorithm`, `digits` and `period` that are not the default.
///
/// Follows the key URI format of Google Authenticator, with everything outside the unreserved characters of
/// RFC 3986 section 2.3 percent-encoded as UTF-8, and the secret in base32 without padding (RFC 4648 section 6).
/// An issuer with a colon in it stands in the parameter alone, where a colon is harmless; the label then has
/// no prefix. An empty issuer is left out.
pub fn otpauth_uri(account: &Account<'_>, secret: &[u8], parameters: &Parameters) -> Zeroizing<String> {
    let (issuer, name) = (account.shown_issuer(), account.shown_account());
    // Enough for every byte percent-encoded, so that no outgrown copy of the secret is left behind.
    let capacity = 128 + 6 * issuer.len() + 3 * name.len() + BASE32_NOPAD.encode_len(secret.len());
    let mut uri = Zeroizing::new(String::with_capacity(capacity));

    uri.push_str("otpauth://totp/");
    if !issuer.is_empty() && !issuer.contains(':') {
        percent_encode(&mut uri, &issuer);
        uri.push(':');
    }
    percent_encode(&mut uri, &name);
    uri.push_str("?secret=");
    BASE32_NOPAD.encode_append(secret, &mut uri);
    if !issuer.is_empty() {
        uri.push_str("&issuer=");
        percent_encode(&mut uri, &issuer);
    }
    let default = Parameters::default();
    if parameters.algorithm != Algorithm::Sha1 {
        uri.push_str(&format!("&algorithm={}", parameters.algorithm));
    }
    if parameters.digits != default.digits {
        uri.push_str(&format!("&digits={}", parameters.digits));
    }
    if parameters.period != default.period {
        uri.push_str(&format!("&period={}", parameters.period));
    }
    uri
}

/// The secret for typing in: base32 (RFC 4648 section 6) without padding, in groups of four with a space
/// between. 160 bits are 39 characters.
pub fn key_in_groups(secret: &[u8]) -> Zeroizing<String> {
    let plain = Zeroizing::new(BASE32_NOPAD.encode(secret));
    grouped(&plain, ' ')
}

/// ASCII text in groups of four.
pub(crate) fn grouped(plain: &str, separator: char) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(plain.len() + plain.len() / 4));
    for (i, character) in plain.chars().enumerate() {
        if i > 0 && i % 4 == 0 {
            text.push(separator);
        }
        text.push(character);
    }
    text
}

/// The text without white space at its ends, and with `?` for what would move a cursor or turn the
/// direction of writing: names come from a directory, and this text goes to a terminal.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let trimmed = text.trim();
    if trimmed.contains(is_unprintable) {
        trimmed.replace(is_unprintable, "?").into()
    } else {
        trimmed.into()
    }
}

fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn percent_encode(uri: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push('%');
            HEXUPPER.encode_append(&[byte], uri);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    /// The secret of RFC 4226 appendix D.
    const SECRET: &[u8] = b"12345678901234567890";
    const BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn uri(issuer: &str, account: &str, parameters: Parameters) -> String {
        otpauth_uri(&Account { issuer, account }, SECRET, &parameters).to_string()
    }

    #[test]
    fn names_are_encoded_so_that_an_app_shows_them_as_they_are() {
        let sixty_four = "x".repeat(64);
        for (issuer, account, label, issuer_parameter) in [
            ("ACME ERP", "maria@erp-terminal-3", "ACME%20ERP:maria%40erp-terminal-3", "ACME%20ERP"),
            (
                "100 % & more?#/=+",
                "a+b@h",
                "100%20%25%20%26%20more%3F%23%2F%3D%2B:a%2Bb%40h",
                "100%20%25%20%26%20more%3F%23%2F%3D%2B",
            ),
            ("M\u{fc}ller", "j\u{f6}rg@b\u{fc}ro", "M%C3%BCller:j%C3%B6rg%40b%C3%BCro", "M%C3%BCller"),
            ("\u{1f512}", "a", "%F0%9F%94%92:a", "%F0%9F%94%92"),
            ("-._~", "A0z", "-._~:A0z", "-._~"),
            (" ACME ", "\tmaria ", "ACME:maria", "ACME"),
            ("AC\x1bME", "ma\nria", "AC%3FME:ma%3Fria", "AC%3FME"),
            (&sixty_four, &sixty_four, &format!("{sixty_four}:{sixty_four}"), &sixty_four),
        ] {
            let expected = format!("otpauth://totp/{label}?secret={BASE32}&issuer={issuer_parameter}");
            assert_eq!(uri(issuer, account, Parameters::default()), expected, "{issuer:?}, {account:?}");
        }
    }

    #[test]
    fn an_empty_issuer_is_left_out() {
        for issuer in ["", "  "] {
            let expected = format!("otpauth://totp/maria%40host?secret={BASE32}");
            assert_eq!(uri(issuer, "maria@host", Parameters::default()), expected);
        }
    }

    #[test]
    fn a_colon_never_splits_a_label_in_the_wrong_place() {
        for (issuer, account, rest) in [
            ("ACME: ERP", "maria@host", "maria%40host?secret=#&issuer=ACME%3A%20ERP"),
            ("ACME", "maria@fe80::1", "ACME:maria%40fe80--1?secret=#&issuer=ACME"),
            ("", "a:b", "a-b?secret=#"),
            ("x:y", "a:b", "a-b?secret=#&issuer=x%3Ay"),
        ] {
            let expected = format!("otpauth://totp/{}", rest.replace('#', BASE32));
            assert_eq!(uri(issuer, account, Parameters::default()), expected, "{issuer:?}, {account:?}");
        }
    }

    #[test]
    fn only_parameters_that_differ_from_the_default_are_in() {
        for (algorithm, digits, period, tail) in [
            (Algorithm::Sha1, 6, 30, ""),
            (Algorithm::Sha1, 6, 60, "&period=60"),
            (Algorithm::Sha1, 8, 30, "&digits=8"),
            (Algorithm::Sha256, 6, 30, "&algorithm=SHA256"),
            (Algorithm::Sha512, 7, 120, "&algorithm=SHA512&digits=7&period=120"),
        ] {
            let expected = format!("otpauth://totp/A:b?secret={BASE32}&issuer=A{tail}");
            assert_eq!(uri("A", "b", Parameters { algorithm, digits, period }), expected);
        }
    }

    #[test]
    fn the_uri_is_never_reallocated_however_long_the_names_are() {
        let odd = "\u{1f512}%: ".repeat(40);
        let account = Account { issuer: &odd.replace(':', ""), account: &odd };
        let parameters = Parameters { algorithm: Algorithm::Sha512, digits: 8, period: 120 };
        let uri = otpauth_uri(&account, SECRET, &parameters);
        let (issuer, name) = (account.shown_issuer().len(), account.shown_account().len());
        assert_eq!(uri.capacity(), 128 + 6 * issuer + 3 * name + BASE32.len());
    }

    #[test]
    fn the_key_stands_in_groups_of_four() {
        for (secret, expected) in [
            (SECRET, "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"),
            (b"" as &[u8], ""),
            (b"a", "ME"),
            (b"ab", "MFRA"),
            (b"abc", "MFRG G"),
        ] {
            assert_eq!(*key_in_groups(secret), expected);
        }
    }

    #[test]
    fn names_that_would_steer_a_terminal_are_defused() {
        for (name, expected) in [
            ("\u{1b}[2Jmaria", "?[2Jmaria"),
            ("a\u{9b}b", "a?b"),
            ("a\u{202e}b", "a?b"),
            ("a\u{2066}b\u{200f}", "a?b?"),
            ("b\u{fc}ro", "b\u{fc}ro"),
        ] {
            assert_eq!(printable(name), expected);
        }
    }
}
