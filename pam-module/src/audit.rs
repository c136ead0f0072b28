//! The lines in the log. One decision is one line of logfmt, with every value escaped; a refused login has
//! pam_unix's own line besides, for the tools that look for that. Never a code, a secret, a password or what was
//! typed: a name that NSS does not know may be a password typed in the wrong place.

use std::fmt::Write as _;

use twinlock_policy::{Decision, Policy, Requirement};
use twinlock_system::identity;

use crate::host::{Host, Level};
use crate::login::Login;

/// Longest value in a line, in characters.
const LONGEST: usize = 256;

/// Whose name may stand in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named<'a> {
    /// A user whom NSS knows.
    User(&'a str),
    /// A name that NSS does not know, or was not asked about.
    Unknown,
}

/// One line in the making.
pub struct Line(String);

impl Line {
    /// Begins a line about a login.
    pub fn event(event: &str, login: &Login, named: Named<'_>) -> Self {
        let mut line = Self(format!("event={event}"));
        let name = match named {
            Named::User(name) => name,
            // sshd itself logs the names of unknown users; elsewhere a person may have typed a password.
            Named::Unknown if login.service == "sshd" => &login.name,
            Named::Unknown => "(unknown)",
        };
        line.quoted("user", name);
        line.plain("service", &login.service);
        line.plain("rhost", login.rhost.as_deref().unwrap_or_default());
        line.plain("tty", &login.tty);
        line
    }

    /// Adds a value that needs no quotes unless it holds something unusual.
    pub fn plain(&mut self, key: &str, value: &str) -> &mut Self {
        let usual = |letter: char| letter.is_ascii_alphanumeric() || ".:/_-+@%".contains(letter);
        if value.chars().all(usual) && value.len() <= LONGEST {
            let _ = write!(self.0, " {key}={value}");
            return self;
        }
        self.quoted(key, value)
    }

    /// Adds a value in quotes.
    pub fn quoted(&mut self, key: &str, value: &str) -> &mut Self {
        let _ = write!(self.0, " {key}=\"{}\"", escaped(value));
        self
    }

    /// Adds what the policy said.
    pub fn decision(&mut self, decision: &Decision, policy: &Policy) -> &mut Self {
        self.plain("decision", word(decision.requirement));
        if let Some(would_be) = &decision.reported {
            self.plain("would_be", word(would_be.requirement));
        }
        self.quoted("rule", &decision.reason.to_string());
        self.plain("policy", &format!("sha256:{}", policy.hash_hex().get(..12).unwrap_or_default()))
    }

    /// Sends the line.
    pub fn send(&self, host: &mut dyn Host, level: Level) {
        host.log(level, &self.0);
    }
}

fn word(requirement: Requirement) -> &'static str {
    match requirement {
        Requirement::Exempt => "exempt",
        Requirement::UserDriven => "user_driven",
        Requirement::Required => "required",
    }
}

/// A value that cannot end its quotes or its line, or change what a terminal shows.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for letter in value.chars().take(LONGEST) {
        match letter {
            '"' | '\\' => {
                out.push('\\');
                out.push(letter);
            }
            letter if unseen(letter) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    if value.chars().nth(LONGEST).is_some() {
        out.push_str("...");
    }
    out
}

/// Control characters, line and paragraph separators, and marks that turn the direction of writing.
fn unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The line that pam_unix writes for a refused login, in its own shape.
pub fn authentication_failure(host: &mut dyn Host, login: &Login, named: Named<'_>) {
    let user = match named {
        Named::User(name) => format!("  user={}", one_line(name)),
        Named::Unknown => String::new(),
    };
    let line = format!(
        "authentication failure; logname= uid={} euid={} tty={} ruser={} rhost={}{user}",
        identity::real_uid(),
        identity::effective_uid(),
        one_line(&login.tty),
        one_line(&login.ruser),
        one_line(login.rhost.as_deref().unwrap_or_default()),
    );
    host.log(Level::Notice, &line);
}

/// A value of an unquoted line: spaces and whatever is not seen become `?`.
fn one_line(value: &str) -> String {
    value.chars().take(LONGEST).map(|letter| if letter == ' ' || unseen(letter) { '?' } else { letter }).collect()
}

/// Says that the policy is broken, with the first fault's place.
pub fn policy_is_broken(host: &mut dyn Host, policy: &Policy) {
    let faults = policy.faults();
    let Some(first) = faults.first() else { return };
    let mut line = Line("event=policy_broken".to_owned());
    line.quoted("fault", &first.to_string());
    line.plain("faults", &faults.len().to_string());
    line.quoted("effect", "the strictest policy is in force: codes are required and nobody can enrol");
    line.send(host, Level::Alert);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_can_forge_a_line() {
        let cases = [
            ("maria", "maria"),
            ("a\nevent=code_accepted", "a\\u{a}event=code_accepted"),
            ("a\" reason=\"x", "a\\\" reason=\\\"x"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("back\\slash", "back\\\\slash"),
            ("\u{202e}evil", "\\u{202e}evil"),
            ("Jörg", "Jörg"),
        ];
        for (value, expected) in cases {
            assert_eq!(escaped(value), expected);
        }
        let long = "x".repeat(300);
        assert_eq!(escaped(&long), format!("{}...", "x".repeat(LONGEST)));
    }

    #[test]
    fn an_unquoted_value_is_one_word() {
        assert_eq!(one_line("a b\nc"), "a?b?c");
    }
}
