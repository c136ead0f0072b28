//! What a rule, or the top, makes of a subject, and what holds when several of them may apply.
//!
//! The order of strictness is that of each attribute: a requirement is stricter the more it asks (exempt, user-driven,
//! required); refusing the unenrolled is stricter than enrolling them; not enrolling here is stricter than enrolling
//! here; an earlier end of grace is stricter, none at all the strictest; a shorter memory is stricter. Only those
//! outcomes that ask the most have a say in what happens to the unenrolled, since under the others they pass anyhow;
//! only those that ask at all have a say in what is remembered. So the result is never looser, for any subject, than
//! any single outcome.

use crate::decision::{GraceKey, Requirement, Unenrolled};
use crate::rule::Rule;
use crate::source::Place;

/// How long the unenrolled may put it off. Neither end given: not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Respite {
    /// Seconds since the epoch, exclusive.
    pub enroll_by: Option<i64>,
    /// Days, and what their start is kept under.
    pub days: Option<(u32, GraceKey)>,
}

impl Respite {
    fn is_none(self) -> bool {
        self == Respite::default()
    }

    fn stricter(self, other: Respite) -> Respite {
        if self.is_none() || other.is_none() {
            return Respite::default();
        }
        let enroll_by = match (self.enroll_by, other.enroll_by) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        let days = match (self.days, other.days) {
            (Some((one, key)), Some((two, same))) if key == same => Some((one.min(two), key)),
            // Which of two starts lies further back is the ledger's knowledge; without it, no grace is the safe answer.
            (Some(_), Some(_)) => return Respite::default(),
            (one, two) => one.or(two),
        };
        Respite { enroll_by, days }
    }
}

/// What one rule, or the top, makes of the subject.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict<'p> {
    pub requirement: Requirement,
    /// `require_mfa = "report"`: `true` would have required. Of one rule or the top; meaningless once combined.
    pub report: bool,
    pub unenrolled: Unenrolled,
    pub enroll_here: bool,
    pub respite: Respite,
    pub remember: u64,
    /// What decided, for the reason.
    pub rule: Option<&'p Rule>,
    pub key: &'static str,
    pub place: Option<Place>,
}

impl<'p> Verdict<'p> {
    /// The verdict with "report" read as `true`.
    pub fn as_if_true(mut self) -> Verdict<'p> {
        if self.report {
            self.requirement = Requirement::Required;
        }
        self
    }

    /// The stricter of this and a later one, attribute by attribute; the reason is that of the first that asks the most.
    pub fn stricter(self, other: Verdict<'p>) -> Verdict<'p> {
        let remember = match (self.requirement, other.requirement) {
            (Requirement::Exempt, _) => other.remember,
            (_, Requirement::Exempt) => self.remember,
            _ => self.remember.min(other.remember),
        };
        if self.requirement > other.requirement {
            return Verdict { remember, ..self };
        }
        if self.requirement < other.requirement {
            return Verdict { remember, ..other };
        }
        Verdict {
            remember,
            unenrolled: self.unenrolled.max(other.unenrolled),
            enroll_here: self.enroll_here && other.enroll_here,
            respite: self.respite.stricter(other.respite),
            ..self
        }
    }
}
