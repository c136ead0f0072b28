//! Whether a message gives away something of the input that it is about.

/// Letters of a run that is long enough to be a secret, or to help in guessing one.
const TELLING: usize = 8;

/// Panics if the message holds a word of the input that could be a secret, a hash or a code: capitals and digits in a
/// row, as no sentence of ours has them.
pub fn nothing_of(input: &[u8], message: &str) {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    for run in input.split(|byte| !is_part(byte)).filter(|run| run.len() >= TELLING) {
        let digits = run.iter().filter(|byte| byte.is_ascii_digit()).count();
        let word = run.iter().any(u8::is_ascii_lowercase) && digits < 4;
        let Ok(run) = std::str::from_utf8(run) else { continue };
        assert!(word || !message.contains(run), "the message says what was read: {message:?}");
    }
}
