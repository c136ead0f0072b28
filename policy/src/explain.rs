//! The decision with the way that led to it, for `policy explain`.

use std::fmt;

use crate::decision::Decision;
use crate::matching::{Doubt, Match, Mismatch};
use crate::policy::Policy;
use crate::subject::{Facts, Subject};

/// A decision and every rule that was compared on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What [`Policy::decide`] answers.
    pub decision: Decision,
    /// The rules up to and with the first that certainly matched, in order.
    pub considered: Vec<Considered>,
}

/// One rule on the way to a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Considered {
    /// Its name, or its number in its file.
    pub rule: String,
    /// The file it is in.
    pub file: String,
    /// The line of its `[[rule]]`, from 1.
    pub line: u32,
    /// How it compared.
    pub outcome: Outcome,
}

/// How a rule compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It matched, and no later rule was looked at.
    Matched,
    /// It did not, for this reason.
    NoMatch(Mismatch),
    /// It could not be decided and was taken both ways.
    Undecided(Vec<Doubt>),
}

impl Policy {
    /// Decides as [`Policy::decide`] does, by the same code, and says of each rule on the way how it compared.
    pub fn explain(&self, subject: &Subject<'_>, facts: &mut dyn Facts) -> Explanation {
        let mut considered = Vec::new();
        let decision = self.walk(subject, facts, &mut |rule, matched| {
            let (file, line) = self.line(rule.place).unwrap_or_default();
            let outcome = match matched {
                Match::Yes => Outcome::Matched,
                Match::No(why) => Outcome::NoMatch(*why),
                Match::Maybe(doubts) => Outcome::Undecided(doubts.clone()),
            };
            considered.push(Considered { rule: rule.label(), file: file.to_owned(), line, outcome });
        });
        Explanation { decision, considered }
    }
}

impl fmt::Display for Outcome {
    /// Half a sentence that continues "rule ...": one line, without a full stop.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Matched => f.write_str("matches"),
            Outcome::NoMatch(why) => write!(f, "does not match: {why}"),
            Outcome::Undecided(doubts) => {
                f.write_str("cannot be decided, so both ways count")?;
                doubts.iter().try_for_each(|doubt| write!(f, "; {doubt}"))
            }
        }
    }
}
