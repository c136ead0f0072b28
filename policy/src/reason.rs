//! Why a decision is as it is. The log, `policy explain` and the report all print the same value.

use std::fmt;

use crate::date::Date;

/// What made a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The file that holds the deciding key.
    pub file: String,
    /// The line of the key, from 1; `None` where the file could not be read.
    pub line: Option<u32>,
    /// The rule that matched, by name or number; `None` for the top level.
    pub rule: Option<String>,
    /// The key that decided: `require_mfa` or `exempt`; `fault` when the policy is broken.
    pub key: &'static str,
    /// What else must be known to understand it.
    pub notes: Vec<Note>,
}

/// Something a decision depended on besides its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The policy is broken and so the strictest: its first fault, and how many more there are.
    Broken {
        /// What the first fault says.
        message: String,
        /// How many faults besides it.
        others: usize,
    },
    /// An exemption would have matched, but its last day is over.
    Expired {
        /// The rule.
        rule: String,
        /// Its last day.
        on: Date,
    },
    /// An exemption would have matched, but the clock is behind and nothing that loosens for a time holds.
    ClockBehind {
        /// The rule.
        rule: String,
    },
    /// A rule was decided both ways because a group could not be looked up.
    UnknownGroup {
        /// The rule.
        rule: String,
        /// The group.
        group: String,
        /// What the look-up said.
        why: String,
    },
    /// A rule was decided both ways because there is no literal address to compare.
    UnreadableAddress {
        /// The rule.
        rule: String,
        /// What PAM_RHOST said.
        rhost: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(rule) = &self.rule {
            write!(f, "rule {rule:?}, ")?;
        }
        write!(f, "{} at {}", self.key, self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        self.notes.iter().try_for_each(|note| write!(f, "; {note}"))
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Broken { message, others: 0 } => write!(f, "the policy is broken: {message}"),
            Note::Broken { message, others } => {
                write!(f, "the policy is broken: {message} (and {others} more)")
            }
            Note::Expired { rule, on } => write!(f, "rule {rule:?} expired {on}"),
            Note::ClockBehind { rule } => write!(f, "rule {rule:?} does not hold: the clock is behind"),
            Note::UnknownGroup { rule, group, why } => {
                write!(
                    f,
                    "rule {rule:?}: group {group:?} unknown ({why}): decided both ways, the stricter holds"
                )
            }
            Note::UnreadableAddress { rule, rhost } => {
                write!(f, "rule {rule:?}: {rhost:?} is no address: decided both ways, the stricter holds")
            }
        }
    }
}
