//! The words behind the module's name in a PAM stack.

#[path = "../../pam-module/src/arguments.rs"]
mod parser;

use parser::Arguments;

const WORDS: [&str; 5] =
    ["account_phase", "after_publickey", "use_first_pass", "try_first_pass", "forward_pass"];

pub fn run(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    // As libpam parts them; an empty word can come in brackets.
    let words: Vec<&str> = text.split([' ', '\t', '\0']).collect();
    let said = |word: &str| words.contains(&word);
    let unknown = words.iter().find(|word| !WORDS.contains(word)).copied();
    let arguments = match Arguments::parse(&words) {
        Ok(arguments) => arguments,
        Err(word) => {
            assert_eq!(Some(word), unknown, "another word is blamed");
            return false;
        }
    };
    assert_eq!(unknown, None, "an unknown word passes");
    let expected = Arguments {
        account_phase: said("account_phase"),
        after_publickey: said("after_publickey"),
        use_first_pass: said("use_first_pass"),
        try_first_pass: said("try_first_pass"),
        forward_pass: said("forward_pass"),
    };
    assert_eq!(arguments, expected);
    let backwards: Vec<&str> = words.iter().rev().copied().collect();
    assert_eq!(Arguments::parse(&backwards), Ok(arguments), "their order makes a difference");
    true
}
