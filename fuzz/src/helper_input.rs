//! What a caller of the setuid helper says.

// It is of another edition, and formatted as that one is.
#[rustfmt::skip]
#[path = "../../check-helper/src/input.rs"]
#[allow(dead_code, missing_docs, reason = "of the file, only the parser is wanted here")]
mod parser;

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use parser::{Input, Operation};

use crate::parts::Parts;

const WORDS: [&str; 5] = ["status", "verify", "change", "disable", "enable"];
const OPERATIONS: [Operation; 5] =
    [Operation::Status, Operation::Verify, Operation::Change, Operation::Disable, Operation::Enable];

/// The first line is the word of the argument, the rest is standard input.
pub fn run(bytes: &[u8]) -> bool {
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let (word, rest) = bytes.split_at(end);
    let text = rest.get(1..).unwrap_or_default();
    let word = std::ffi::OsStr::from_bytes(word).to_owned();
    let known = WORDS.iter().position(|known| word == **known);
    let operation = Operation::from_arguments([OsString::from("check"), word.clone()].into_iter());
    assert_eq!(operation, known.map(|place| OPERATIONS[place]), "another word is an operation");
    assert_eq!(Operation::from_arguments([word.clone()].into_iter()), None);
    assert_eq!(Operation::from_arguments([word.clone(), word.clone(), word].into_iter()), None);
    // An unknown word: then any operation, so that every input tries one.
    let operation = operation.unwrap_or_else(|| Parts(bytes).pick(&OPERATIONS));

    let Some(input) = parser::parse(operation, text) else { return false };
    assert!(!text.contains(&0) && text.len() <= 128 * 1024);
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    assert!((1..=64).contains(&input.service.len()) && input.service.bytes().all(usual));
    let asks = operation != Operation::Status;
    assert!(asks || (input.answer.is_empty() && input.confirm.is_empty()), "what is not asked for is taken");
    let changes = operation == Operation::Change;
    assert!(changes || (input.confirm.is_empty() && input.base.is_none() && input.credential.is_empty()));
    assert!(text.ends_with(&input.credential), "the credential is not the end of the input");

    let written = written(operation, &input);
    let again = parser::parse(operation, &written).expect("what was taken, written once more, is not");
    assert!(is_same(&input, &again), "what was taken, written once more, is something else");
    true
}

fn written(operation: Operation, input: &Input) -> Vec<u8> {
    let mut text = Vec::new();
    let mut line = |key: &str, value: &[u8]| {
        text.extend([key.as_bytes(), value, b"\n"].concat());
    };
    line("service=", input.service.as_bytes());
    if operation != Operation::Status {
        line("answer=", &input.answer);
    }
    if operation == Operation::Change {
        line("confirm=", &input.confirm);
        if let Some(base) = &input.base {
            line("base=", base);
        }
        line("credential", b"");
        text.extend(input.credential.iter());
    }
    text
}

fn is_same(one: &Input, other: &Input) -> bool {
    let all = |input: &Input| {
        (input.service.clone(), input.answer.clone(), input.confirm.clone(), input.base.clone())
    };
    all(one) == all(other) && one.credential == other.credential
}
