//! What somebody types at the prompt, before anybody is known.

use twinlock_verifier::{Typed, recovery};

use crate::said;

pub fn run(bytes: &[u8]) -> bool {
    let typed = Typed::from_bytes(bytes);
    said::nothing_of(bytes, &format!("{typed:?}"));
    let kept: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    match &typed {
        Typed::Empty => assert!(kept.is_empty()),
        Typed::Code(code) => {
            // Only ASCII digits can ever be a code, and they are what was typed.
            assert!((6..=8).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit()));
            assert_eq!(code.as_bytes(), kept, "a code is not what was typed");
        }
        Typed::Recovery(code) => {
            assert!(kept.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-'));
            let letters: String =
                kept.iter().filter(|byte| **byte != b'-').map(|byte| letter(*byte)).collect();
            assert_eq!(*recovery::encode(code), letters, "a recovery code is not what was typed");
            let printed: Vec<&str> = vec![&letters[..4], &letters[4..8], &letters[8..12], &letters[12..]];
            assert!(same(&Typed::from_bytes(printed.join("-").to_lowercase().as_bytes()), &typed));
        }
        Typed::Unshaped => {
            let all_digits = kept.iter().all(u8::is_ascii_digit);
            assert!(
                !(all_digits && (6..=8).contains(&kept.len())) || bytes.len() > 128,
                "a code was not seen"
            );
        }
    }
    // White space counts for nothing, wherever it is.
    if bytes.len() <= 64 && !matches!(typed, Typed::Empty) {
        let spaced: Vec<u8> = bytes.iter().flat_map(|byte| [b' ', *byte]).collect();
        assert!(same(&Typed::from_bytes(&spaced), &typed), "white space makes it another answer");
        assert!(same(&Typed::from_bytes(&kept), &typed), "white space makes it another answer");
    }
    matches!(typed, Typed::Code(_) | Typed::Recovery(_))
}

/// As RFC 4648 base32 has it; 0, 1 and 8, which it does not have, are read as the letters that they look like.
fn letter(byte: u8) -> char {
    match byte.to_ascii_uppercase() {
        b'0' => 'O',
        b'1' => 'I',
        b'8' => 'B',
        other => char::from(other),
    }
}

fn same(one: &Typed, other: &Typed) -> bool {
    match (one, other) {
        (Typed::Empty, Typed::Empty) | (Typed::Unshaped, Typed::Unshaped) => true,
        (Typed::Code(one), Typed::Code(other)) => one == other,
        (Typed::Recovery(one), Typed::Recovery(other)) => one == other,
        _ => false,
    }
}
