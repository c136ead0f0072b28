//! What is said on standard output: one word, then `key=value` lines, all of it in one write, once, at the end. The
//! exit status says the same. Nobody's secret and nothing that was typed ever stands in it.

use std::process::ExitCode;

use nix::unistd::write;
use twinlock_verifier::verdict::Accepted;
use twinlock_verifier::By;

/// Exit status of an input or argument that is not taken.
pub const USAGE: u8 = 2;

/// The answer to the caller.
#[derive(Debug)]
pub struct Answer {
    text: String,
    status: u8,
}

impl Answer {
    /// Done.
    pub fn accepted() -> Self {
        Self::begin("accepted", 0)
    }

    /// How the caller stands.
    pub fn status() -> Self {
        Self::begin("status", 0)
    }

    /// Not right, and why.
    pub fn rejected(reason: &str) -> Self {
        Self::begin("rejected", 1).with("reason", reason)
    }

    /// Cannot be known now, and why.
    pub fn unavailable(reason: &str) -> Self {
        Self::begin("unavailable", 1).with("reason", reason)
    }

    /// Not allowed, and why.
    pub fn refused(reason: &str) -> Self {
        Self::begin("refused", 3).with("reason", reason)
    }

    fn begin(word: &str, status: u8) -> Self {
        Self { text: format!("{word}\n"), status }
    }

    /// Adds a detail. The value stays on its line, whatever is in it.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.text.push_str(key);
        self.text.push('=');
        for letter in value.to_string().chars() {
            if letter.is_control() || letter == '\\' {
                self.text.extend(letter.escape_default());
            } else {
                self.text.push(letter);
            }
        }
        self.text.push('\n');
        self
    }

    /// Adds what an accepted answer was.
    #[must_use]
    pub fn with_acceptance(self, accepted: &Accepted) -> Self {
        let answer = match &accepted.by {
            By::Authenticator(label) => self.with("authenticator", label),
            By::RecoveryCode { left } => self.with("left", left),
        };
        if accepted.failures == 0 {
            return answer;
        }
        answer.with("failures", accepted.failures).with("failing_since", accepted.failing_since)
    }

    /// Says it. Whether anybody listens does not matter: what had to be recorded is.
    pub fn give(self) -> ExitCode {
        let _ = write(std::io::stdout(), self.text.as_bytes());
        ExitCode::from(self.status)
    }
}

/// Makes a panic say `unavailable` and nothing else: its own words could hold what was typed.
pub fn silence_panics() {
    std::panic::set_hook(Box::new(|_| {
        let _ = write(std::io::stdout(), b"unavailable\nreason=panic\n");
        std::process::exit(1);
    }));
}

/// Says something to whoever tries the program by hand.
pub fn complain(text: &str, status: u8) -> ExitCode {
    let _ = write(std::io::stderr(), text.as_bytes());
    ExitCode::from(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_begin_another_line() {
        let answer = Answer::accepted().with("authenticator", "a\naccepted\r\\ ä");
        assert_eq!(answer.text, "accepted\nauthenticator=a\\naccepted\\r\\\\ ä\n");
    }
}
