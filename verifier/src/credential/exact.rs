//! The credential's text exactly as [`Credential::to_text`] writes it, read in one pass without a TOML parser: what nearly
//! every login reads. Whatever differs in a single byte is left to that parser, which also says what is wrong with it;
//! nothing is accepted here that it would not read in the same way.

use super::file::{AuthenticatorFields, RecoveryFields};
use super::{Authenticator, Credential, RecoverySet};

/// The credential; None when the text is not one that our own writer could have written.
pub(super) fn read(bytes: &[u8]) -> Option<Credential> {
    let mut text = Text(bytes);
    text.literal(super::file::HEAD)?;
    text.literal(b"version = 1\nauthenticators = ")?;
    let authenticators = usize::try_from(text.number_line()?).ok()?;
    text.literal(b"recovery_codes = ")?;
    let codes = usize::try_from(text.number_line()?).ok()?;
    // As many as the file has room for: a number that lies reserves no memory.
    let mut found = Vec::with_capacity(authenticators.min(super::MAX_AUTHENTICATORS));
    while text.literal(b"\n[[authenticator]]\nid = ").is_some() {
        found.push(text.authenticator()?);
    }
    let mut recovery = None;
    if text.literal(b"\n[recovery]\nsalt = \"").is_some() {
        recovery = Some(text.recovery(codes)?);
    }
    if !text.0.is_empty() {
        return None;
    }
    super::file::whole(found, recovery, Some(authenticators), Some(codes)).ok()
}

/// What is not yet read.
struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// Takes exactly these bytes; None, and nothing taken, when others stand there.
    fn literal(&mut self, expected: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    /// What stands before the next `end`, which is taken too.
    fn until(&mut self, end: u8) -> Option<&'a [u8]> {
        let place = self.0.iter().position(|&byte| byte == end)?;
        let (before, rest) = self.0.split_at_checked(place)?;
        self.0 = rest.get(1..)?;
        Some(before)
    }

    /// The next letters, as many as a hash has digits.
    fn digits(&mut self) -> Option<&'a [u8; 64]> {
        let (digits, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(digits)
    }

    /// A number that is not negative, in the one spelling that it is written in, and the end of its line.
    fn number_line(&mut self) -> Option<i64> {
        let digits @ ([b'0'] | [b'1'..=b'9', ..]) = self.until(b'\n')? else { return None };
        digits.iter().try_fold(0i64, |sum, digit| {
            let digit = Some(digit).filter(|digit| digit.is_ascii_digit())?;
            sum.checked_mul(10)?.checked_add(i64::from(digit.checked_sub(b'0')?))
        })
    }

    fn authenticator(&mut self) -> Option<Authenticator> {
        let id = u32::try_from(self.number_line()?).ok()?;
        self.literal(b"label = \"")?;
        // A label with an escape in it is rare enough for the other reader.
        let label = std::str::from_utf8(self.until(b'"')?).ok().filter(|label| !label.contains('\\'))?;
        self.literal(b"\nsecret = \"")?;
        let secret = std::str::from_utf8(self.until(b'"')?).ok().filter(|secret| !secret.contains('\\'))?;
        self.literal(b"\nalgorithm = \"")?;
        let algorithm = std::str::from_utf8(self.until(b'"')?).ok()?;
        self.literal(b"\ndigits = ")?;
        let digits = u8::try_from(self.number_line()?).ok()?;
        self.literal(b"period = ")?;
        let period = u16::try_from(self.number_line()?).ok()?;
        self.literal(b"enrolled = ")?;
        let enrolled = self.number_line()?;
        AuthenticatorFields { id, label, secret, algorithm, digits, period, enrolled }.checked().ok()
    }

    fn recovery(&mut self, codes: usize) -> Option<RecoverySet> {
        let salt = hexadecimal(self.until(b'"')?)?;
        self.literal(b"\nrounds = ")?;
        let rounds = u32::try_from(self.number_line()?).ok()?;
        self.literal(b"hashes = [\n")?;
        let mut hashes = Vec::with_capacity(codes.min(crate::recovery::CODES));
        while self.literal(b"  \"").is_some() {
            hashes.push(hash(self.digits()?)?);
            self.literal(b"\",\n")?;
        }
        self.literal(b"]\n")?;
        RecoveryFields { salt, rounds, hashes }.checked().ok()
    }
}

/// This byte in each of eight places.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The highest bit of each byte that lies `first..first + length`; of no other, and of none above ASCII. `length` is at
/// most 128.
fn within(letters: u64, first: u8, length: u8) -> u64 {
    // A bit more in each byte, so that none borrows from the next; it is left where the byte is not below `first`.
    let distance = (letters | each(0x80)).wrapping_sub(each(first));
    let beyond = (distance & each(0x7f)).wrapping_add(each(0x80u8.wrapping_sub(length)));
    distance & !beyond & !letters & each(0x80)
}

/// Four bytes of eight lower case digits; None when one is no digit. All eight at once: a set has 640 of them, and every
/// login reads them.
fn four_bytes(digits: &[u8; 8]) -> Option<[u8; 4]> {
    let digits = u64::from_le_bytes(*digits);
    let letters = within(digits, b'a', 6);
    if letters | within(digits, b'0', 10) != each(0x80) {
        return None;
    }
    // `a` is 0x61, and stands for ten.
    let values = (digits & each(0x0f)).wrapping_add(letters >> 4).wrapping_add(letters >> 7);
    let [first, _, second, _, third, _, fourth, _] = (values << 4 | values >> 8).to_le_bytes();
    Some([first, second, third, fourth])
}

/// Reads pairs of digits into as many bytes; None when one is no digit, or their numbers differ.
fn into_bytes(text: &[u8], bytes: &mut [u8]) -> Option<()> {
    if text.len() != bytes.len().checked_mul(2)? {
        return None;
    }
    let (eights, rest) = text.as_chunks::<8>();
    let (fours, last) = bytes.as_chunks_mut::<4>();
    for (to, digits) in fours.iter_mut().zip(eights) {
        *to = four_bytes(digits)?;
    }
    let mut digits = [b'0'; 8];
    digits.get_mut(..rest.len())?.copy_from_slice(rest);
    last.copy_from_slice(four_bytes(&digits)?.get(..last.len())?);
    Some(())
}

fn hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = vec![0; text.len() / 2];
    into_bytes(text, &mut bytes)?;
    Some(bytes)
}

fn hash(text: &[u8; 64]) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    into_bytes(text, &mut hash)?;
    Some(hash)
}

#[cfg(test)]
#[path = "../../../tests/shared/damage.rs"]
mod damage;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::damage::{damage, damaged};
    use super::*;
    use crate::credential::Algorithm;

    fn credential() -> impl Strategy<Value = Credential> {
        let label = prop_oneof!["[a-z]{1,12}", "[ -~]{1,20}", "\\PC{1,8}"];
        let algorithm = prop_oneof![Just(Algorithm::Sha1), Just(Algorithm::Sha256), Just(Algorithm::Sha512)];
        let secret = prop::collection::vec(any::<u8>(), 10..40);
        let enrolled = prop_oneof![any::<i64>(), 0i64..20];
        let one = (any::<u32>(), label, secret, algorithm, 6u8..=8, 15u16..=120, enrolled);
        let hashes = prop::collection::vec(any::<[u8; 32]>(), 1..=10);
        let set = (prop::collection::vec(any::<u8>(), 16..=64), 100_000u32..=1_000_000, hashes);
        (prop::collection::vec(one, 1..4), prop::option::of(set)).prop_map(|(all, set)| Credential {
            authenticators: all
                .into_iter()
                .map(|(id, label, secret, algorithm, digits, period, enrolled)| Authenticator {
                    id,
                    label,
                    secret: secret.into(),
                    algorithm,
                    digits,
                    period,
                    enrolled,
                })
                .collect(),
            recovery: set.map(|(salt, rounds, hashes)| RecoverySet { salt, rounds, hashes }),
        })
    }

    /// Letters that mean something to TOML, and any.
    fn letter() -> impl Strategy<Value = char> {
        prop_oneof![Just('"'), Just('\\'), Just('\n'), Just('0'), Just('_'), any::<char>()]
    }

    #[test]
    fn eight_digits_at_once_are_read_as_one_by_one() {
        for place in 0..8 {
            for byte in 0..=u8::MAX {
                let mut digits = *b"09afbe71";
                digits[place] = byte;
                let lower =
                    digits.iter().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(digit));
                let value = std::str::from_utf8(&digits).ok().filter(|_| lower);
                let value = value.map(|text| u32::from_str_radix(text, 16).unwrap().to_be_bytes());
                assert_eq!(four_bytes(&digits), value, "{digits:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_our_writer_wrote_is_read_here_as_toml_reads_it(credential in credential()) {
            let text = credential.to_text();
            let plain = credential.authenticators.iter().all(|one| {
                one.enrolled >= 0 && !one.label.contains(['"', '\\'])
            });
            let (read, slow) = (read(text.as_bytes()), Credential::parse_toml(text.as_bytes()));
            prop_assert_eq!(read.is_some(), plain && slow.is_ok());
            if let Some(read) = read {
                prop_assert_eq!(read.to_text(), slow.unwrap().to_text());
            }
        }

        #[test]
        fn nothing_is_read_here_that_toml_would_read_in_another_way(
            credential in credential(),
            changes in prop::collection::vec(damage(letter()), 1..3),
        ) {
            let text = credential.to_text().to_string();
            let text = changes.into_iter().fold(text, |text, change| damaged(&text, change));
            if let Some(read) = read(text.as_bytes()) {
                let slow = Credential::parse_toml(text.as_bytes());
                prop_assert!(slow.is_ok());
                prop_assert_eq!(read.to_text(), slow.unwrap().to_text());
            }
        }
    }

    #[test]
    fn two_characters_are_a_byte_when_both_are_digits_of_lower_case() {
        for (text, expected) in [
            ("00ff", Some([0x00, 0xff])),
            ("9a0f", Some([0x9a, 0x0f])),
            ("zz00", None),
            ("00zz", None),
            ("z000", None),
            ("000z", None),
            ("z0z0", None),
            ("zzzz", None),
            ("0A00", None),
            ("00", None),
            ("000", None),
            ("000000", None),
        ] {
            let mut bytes = [0; 2];
            assert_eq!(into_bytes(text.as_bytes(), &mut bytes).map(|()| bytes), expected, "{text}");
        }
    }

    #[test]
    fn a_number_has_one_spelling() {
        for (text, expected) in [
            ("0\n", Some(0)),
            ("7\n", Some(7)),
            ("10\nid", Some(10)),
            ("9223372036854775807\n", Some(i64::MAX)),
            ("9223372036854775808\n", None),
            ("92233720368547758070\n", None),
            ("\n", None),
            ("00\n", None),
            ("07\n", None),
            ("-7\n", None),
            ("+7\n", None),
            ("1_0\n", None),
            ("7:\n", None),
            ("7", None),
        ] {
            assert_eq!(Text(text.as_bytes()).number_line(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_usual_credential_needs_no_toml_parser() {
        let authenticator = Authenticator {
            id: 1,
            label: "phone".into(),
            secret: vec![7; 20].into(),
            algorithm: Algorithm::Sha1,
            digits: 6,
            period: 30,
            enrolled: 1_764_000_000,
        };
        let set = RecoverySet { salt: vec![9; 16], rounds: 100_000, hashes: vec![[1; 32]; 10] };
        for recovery in [None, Some(set)] {
            let credential = Credential { authenticators: vec![authenticator.clone()], recovery };
            assert!(read(credential.to_text().as_bytes()).is_some());
        }
    }
}
