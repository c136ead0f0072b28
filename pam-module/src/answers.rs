//! Where an answer comes from: a prompt of ours, or the one answer that some clients give for everything.
//!
//! `use_first_pass`, `try_first_pass` and `forward_pass` mean what they mean elsewhere (pam_unix(8),
//! pam_google_authenticator(8)): take what an earlier module was given; take it and ask if it is not right; take the
//! code off the end of one answer and leave the rest to the next module as the password.

use twinlock_verifier::Typed;

use crate::arguments::Arguments;
use crate::host::{Answer, Echo, Host};
use crate::texts;

/// What sshd answers in the place of a user who may not log in: repeated to the length of what was typed
/// (OpenSSH, auth-pam.c, fake_password).
const SSHD_JUNK: &[u8] = b"\x08\n\r\x7fINCORRECT";
/// Letters of a recovery code as it is printed, dashes included.
const RECOVERY_LETTERS: usize = 19;

/// The answers of one login.
#[derive(Debug)]
pub struct Answers {
    arguments: Arguments,
    digits: usize,
    tries: u8,
    asked: u8,
    begun: bool,
    /// What was answered last, where one answer is given for everything.
    last: Option<Answer>,
}

/// What came next.
#[derive(Debug)]
pub enum Next {
    /// An answer to be judged.
    Typed(Typed),
    /// Nothing that can be judged, and nothing more is to come: why, for the log.
    End(&'static str),
    /// The login has had all its tries.
    Spent,
}

impl Answers {
    /// Answers for a user whose codes have `digits` digits, at most `tries` of them.
    pub fn new(arguments: Arguments, digits: usize, tries: u8) -> Self {
        Self { arguments, digits, tries, asked: 0, begun: false, last: None }
    }

    /// The next answer.
    pub fn next(&mut self, host: &mut dyn Host) -> Next {
        let first = !std::mem::replace(&mut self.begun, true);
        // Nobody was asked for that one, so it is none of the tries: most often it is the password.
        if first && (self.arguments.use_first_pass || self.arguments.try_first_pass) {
            match host.password() {
                Some(given) => return self.take(host, given.as_bytes()),
                None if self.arguments.use_first_pass => return Next::End("no_answer"),
                None => {}
            }
        }
        if self.arguments.use_first_pass || self.asked >= self.tries {
            return Next::Spent;
        }
        self.asked = self.asked.saturating_add(1);
        let prompt = if self.arguments.forward_pass { texts::ONE_ANSWER } else { texts::CODE };
        let Ok(Some(answer)) = host.ask(Echo::Off, prompt) else { return Next::End("no_answer") };
        if let Some(reason) = not_an_answer(host, &answer, self.arguments) {
            return Next::End(reason);
        }
        if !self.arguments.forward_pass {
            return self.take(host, answer.as_bytes());
        }
        // A client that gives its one answer to every prompt has made one guess, however often it is asked.
        if self.last.as_ref().is_some_and(|last| last.as_bytes() == answer.as_bytes()) {
            return Next::End("repeated");
        }
        let next = self.take(host, answer.as_bytes());
        self.last = Some(answer);
        next
    }

    fn take(&self, host: &mut dyn Host, given: &[u8]) -> Next {
        if !self.arguments.forward_pass {
            return Next::Typed(Typed::from_bytes(given));
        }
        let Some((rest, typed)) = split(given, self.digits) else { return Next::Typed(Typed::Unshaped) };
        if host.set_password(rest).is_err() {
            return Next::End("no_memory");
        }
        Next::Typed(typed)
    }
}

/// Takes a code, or a recovery code as it is printed, off the end of an answer.
fn split(given: &[u8], digits: usize) -> Option<(&[u8], Typed)> {
    for length in [RECOVERY_LETTERS, digits] {
        let Some((rest, tail)) = given.len().checked_sub(length).and_then(|at| given.split_at_checked(at))
        else {
            continue;
        };
        let printed = length == RECOVERY_LETTERS && [4, 9, 14].iter().all(|&at| tail.get(at) == Some(&b'-'));
        match Typed::from_bytes(tail) {
            typed @ Typed::Recovery(_) if printed => return Some((rest, typed)),
            typed @ Typed::Code(_) if tail.iter().all(u8::is_ascii_digit) => return Some((rest, typed)),
            _ => {}
        }
    }
    None
}

/// Why an answer ends the hook at once: it is the password, or sshd's junk. None of it is an attempt.
fn not_an_answer(host: &dyn Host, answer: &Answer, arguments: Arguments) -> Option<&'static str> {
    let bytes = answer.as_bytes();
    if bytes.is_empty() {
        return None;
    }
    if bytes.iter().zip(SSHD_JUNK.iter().cycle()).all(|(typed, junk)| typed == junk) {
        return Some("barred_by_sshd");
    }
    (!arguments.forward_pass && host.is_password(bytes)).then_some("password")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(given: &str, digits: usize) -> String {
        match split(given.as_bytes(), digits) {
            Some((rest, Typed::Code(code))) => format!("{}|{}", String::from_utf8_lossy(rest), *code),
            Some((rest, Typed::Recovery(_))) => format!("{}|recovery", String::from_utf8_lossy(rest)),
            _ => "none".to_owned(),
        }
    }

    #[test]
    fn a_code_is_taken_off_the_end_of_one_answer() {
        let cases = [
            ("secret123456", 6, "secret|123456"),
            ("secret99123456", 6, "secret99|123456"),
            ("123456", 6, "|123456"),
            ("secret12345678", 8, "secret|12345678"),
            ("secret12345", 6, "none"),
            ("secret", 6, "none"),
            ("", 6, "none"),
            ("geheim ü123456", 6, "geheim ü|123456"),
            ("secretABCD-EFGH-IJKL-MNOP", 6, "secret|recovery"),
        ];
        for (given, digits, expected) in cases {
            assert_eq!(parts(given, digits), expected, "{given:?}");
        }
    }
}
