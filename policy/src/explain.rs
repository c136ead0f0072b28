//! The decision with the way that led to it, for `policy explain`.
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
            let (file, line, _) = self.position(rule.place).unwrap_or_default();
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
