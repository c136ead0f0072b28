//! What somebody typed at the prompt, told apart by its shape alone.
//!
//! Nothing here says whether an answer is right. An answer that has no shape of ours is never hashed,
//! counted or kept.

use std::fmt;

use zeroize::Zeroizing;

use crate::recovery::{CODE_BYTES, decode};

/// Longer answers than this have no shape of ours, whatever they hold.
const LONGEST: usize = 128;

/// A typed answer by its shape.
pub enum Typed {
    /// Nothing but white space.
    Empty,
    /// 6 to 8 ASCII digits, white space removed.
    Code(Zeroizing<String>),
    /// 80 bits of base32: the shape of a recovery code.
    Recovery(Zeroizing<[u8; CODE_BYTES]>),
    /// Anything else: a password, a word, digits of another script.
    Unshaped,
}

impl Typed {
    /// Sorts an answer by shape. ASCII white space around and inside is ignored, since people type
    /// `123 456` as their app shows it.
    pub fn from_bytes(answer: &[u8]) -> Self {
        if answer.len() > LONGEST {
            return Self::Unshaped;
        }
        let mut kept = Zeroizing::new(String::with_capacity(LONGEST));
        for &byte in answer.iter().filter(|byte| !byte.is_ascii_whitespace()) {
            if !byte.is_ascii_alphanumeric() && byte != b'-' {
                return Self::Unshaped;
            }
            kept.push(char::from(byte));
        }
        match kept.len() {
            0 => Self::Empty,
            6..=8 if kept.bytes().all(|byte| byte.is_ascii_digit()) => Self::Code(kept),
            _ => decode(&kept).map_or(Self::Unshaped, Self::Recovery),
        }
    }
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Code(_) => "Code(..)",
            Self::Recovery(_) => "Recovery(..)",
            Self::Unshaped => "Unshaped",
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    fn shape(answer: &[u8]) -> String {
        match Typed::from_bytes(answer) {
            Typed::Code(code) => format!("code {}", *code),
            Typed::Recovery(bytes) => format!("recovery {:02x?}", &bytes[..2]),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn an_answer_is_sorted_by_its_shape() {
        let long = vec![b'1'; 70_000];
        let spaced = [b"123456".as_slice(), &[b' '; 200]].concat();
        let cases: &[(&[u8], &str)] = &[
            (b"123456", "code 123456"),
            (b"123 456", "code 123456"),
            (b" 123456", "code 123456"),
            (b"123456 ", "code 123456"),
            (b"\t1234 5678\r\n", "code 12345678"),
            (b"1234567", "code 1234567"),
            (b"", "Empty"),
            (b"  \t ", "Empty"),
            (b"12345", "Unshaped"),
            (b"123456789", "Unshaped"),
            (b"+12345", "Unshaped"),
            (b"-12345", "Unshaped"),
            ("١٢٣٤٥٦".as_bytes(), "Unshaped"),
            ("１２３４５６".as_bytes(), "Unshaped"),
            (b"123\xff456", "Unshaped"),
            (b"hunter2", "Unshaped"),
            (b"AAAA-AAAA-AAAA-AAAA", "recovery [00, 00]"),
            (b"777777777777 7777", "recovery [ff, ff]"),
            (b"aaaa aaaa-aaaaAAAA", "recovery [00, 00]"),
            (b"AAAA-AAAA-AAAA-AAA", "Unshaped"),
            (b"AAAA-AAAA-AAAA-AAA9", "Unshaped"),
            (&long, "Unshaped"),
            (&spaced[..LONGEST], "code 123456"),
            (&spaced[..=LONGEST], "Unshaped"),
            (&spaced[..LONGEST + 2], "Unshaped"),
        ];
        for (answer, expected) in cases {
            assert_eq!(
                &shape(answer),
                expected,
                "{:?}",
                String::from_utf8_lossy(&answer[..answer.len().min(40)])
            );
        }
    }

    #[test]
    fn what_was_typed_is_not_in_its_debug_form() {
        let text = format!("{:?}", Typed::from_bytes(b"123456"));
        assert!(!text.contains("123456"));
    }
}
