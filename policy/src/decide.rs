//! From a subject to a decision: the rules in order, the first that certainly matches, and on the way every rule that
//! perhaps does.
//!
//! Each rule in doubt is taken both ways by itself, also where two of them doubt the same group. That can only add
//! outcomes, so it errs on the strict side.

use sha2::{Digest, Sha256};

use crate::combine::{Respite, Verdict};
use crate::decision::{Decision, GraceKey, Requirement, Unenrolled};
use crate::matching::{Doubt, Match, Matcher, Mismatch};
use crate::network::Origin;
use crate::policy::Policy;
use crate::reason::{Note, Reason};
use crate::rule::Rule;
use crate::settings::{DEFAULT_ENROLL_AT, RequireMfa};
use crate::source::Setting;
use crate::subject::{Facts, Subject};

impl Policy {
    /// What is required of a subject, and why. Group look-ups go to `facts`, and only those that matter.
    pub fn decide(&self, subject: &Subject<'_>, facts: &mut dyn Facts) -> Decision {
        self.walk(subject, facts, &mut |_, _| {})
    }

    /// Decides, and shows every rule that was compared, with how it matched, to `seen`.
    pub(crate) fn walk<'p>(
        &'p self,
        subject: &Subject<'_>,
        facts: &mut dyn Facts,
        seen: &mut dyn FnMut(&'p Rule, &Match),
    ) -> Decision {
        let mut matcher = Matcher::new(subject, facts);
        let mut notes = self.broken_note();
        // Those that perhaps apply, in order; then the one that applies if none of them does.
        let mut perhaps = Vec::new();
        let mut last = None;
        for rule in &self.rules {
            let matched = matcher.compare(rule);
            seen(rule, &matched);
            note(rule, &matched, &mut notes);
            match matched {
                Match::No(_) => {}
                Match::Maybe(_) => perhaps.push(self.verdict(Some(rule), subject)),
                Match::Yes => {
                    last = Some(rule);
                    break;
                }
            }
        }
        let last = self.verdict(last, subject);
        let literal = matches!(matcher.origin(), Origin::Address(_));
        let can_remember = literal && !subject.clock_is_behind;
        let strictest = |as_written: fn(Verdict<'p>) -> Verdict<'p>| {
            let later = as_written(last);
            let verdict =
                perhaps.iter().rev().fold(later, |later, earlier| as_written(*earlier).stricter(later));
            self.decision(&verdict, can_remember, &notes)
        };
        let mut decision = strictest(|verdict| verdict);
        if last.report || perhaps.iter().any(|verdict| verdict.report) {
            decision.reported = Some(Box::new(strictest(Verdict::as_if_true)));
        }
        decision
    }

    /// What a rule makes of the subject, with what it leaves out taken from the top; or what the top makes of it.
    fn verdict<'p>(&'p self, rule: Option<&'p Rule>, subject: &Subject<'_>) -> Verdict<'p> {
        let top = &self.top.demands;
        let own = rule.map_or(top, |rule| &rule.demands);
        let mfa = own.require_mfa.as_ref().or(top.require_mfa.as_ref());
        let (requirement, key, place) = match (rule.and_then(|rule| rule.exempt.as_ref()), mfa) {
            (Some(exempt), _) => (Requirement::Exempt, "exempt", exempt.place),
            (None, Some(mfa)) if mfa.value != RequireMfa::True => {
                (Requirement::UserDriven, "require_mfa", mfa.place)
            }
            (None, mfa) => (Requirement::Required, "require_mfa", mfa.and_then(|mfa| mfa.place)),
        };
        let enroll_at = own.enroll_at.as_ref().or(top.enroll_at.as_ref());
        let days = match (&own.grace_days, &top.grace_days) {
            (Some(days), _) => Some((days.value, grace_key(rule, self))),
            // Inherited days are one grace for everybody who inherits them, whichever rule they came by.
            (None, Some(days)) => Some((days.value, grace_key(None, self))),
            (None, None) => None,
        };
        Verdict {
            requirement,
            report: key == "require_mfa" && mfa.is_some_and(|mfa| mfa.value == RequireMfa::Report),
            unenrolled: value(&own.unenrolled, &top.unenrolled).unwrap_or(Unenrolled::Enroll),
            enroll_here: match enroll_at {
                Some(services) => services.value.contains(subject.service),
                None => DEFAULT_ENROLL_AT.contains(&subject.service),
            },
            respite: Respite {
                enroll_by: value(&own.enroll_by, &top.enroll_by).map(|date| date.end()),
                days,
            },
            remember: value(&own.remember, &top.remember).unwrap_or(0),
            rule,
            key,
            place,
        }
    }

    fn decision(&self, verdict: &Verdict<'_>, can_remember: bool, notes: &[Note]) -> Decision {
        Decision {
            requirement: verdict.requirement,
            unenrolled: verdict.unenrolled,
            enroll_here: verdict.enroll_here,
            enroll_by: verdict.respite.enroll_by,
            grace_days: verdict.respite.days.map(|(days, _)| days),
            grace_key: verdict.respite.days.map(|(_, key)| key),
            remember: if can_remember && verdict.requirement != Requirement::Exempt {
                verdict.remember
            } else {
                0
            },
            credential_store: self.credential_store(),
            reported: None,
            reason: self.reason(verdict, notes),
        }
    }

    fn reason(&self, verdict: &Verdict<'_>, notes: &[Note]) -> Reason {
        if let Some(fault) = self.faults.first() {
            let (file, line) = (fault.file.clone(), fault.line);
            return Reason { file, line, rule: None, key: "fault", notes: notes.to_vec() };
        }
        let place = verdict.place.and_then(|place| self.line(place));
        Reason {
            file: place.map(|(file, _)| file.to_owned()).unwrap_or_default(),
            line: place.map(|(_, line)| line),
            rule: verdict.rule.map(Rule::label),
            key: verdict.key,
            notes: notes.to_vec(),
        }
    }

    fn broken_note(&self) -> Vec<Note> {
        match self.faults.split_first() {
            None => Vec::new(),
            Some((first, others)) => {
                vec![Note::Broken { message: first.message.clone(), others: others.len() }]
            }
        }
    }
}

fn value<T: Copy>(own: &Option<Setting<T>>, top: &Option<Setting<T>>) -> Option<T> {
    own.as_ref().or(top.as_ref()).map(|set| set.value)
}

/// What a comparison leaves behind for the reason.
fn note(rule: &Rule, matched: &Match, notes: &mut Vec<Note>) {
    match matched {
        Match::No(Mismatch::Expired(on)) => notes.push(Note::Expired { rule: rule.label(), on: *on }),
        Match::No(Mismatch::ClockBehind) => notes.push(Note::ClockBehind { rule: rule.label() }),
        Match::Maybe(doubts) => notes.extend(doubts.iter().map(|doubt| match doubt {
            Doubt::Address(rhost) => Note::UnreadableAddress { rule: rule.label(), rhost: rhost.clone() },
            Doubt::Group { group, why } => {
                Note::UnknownGroup { rule: rule.label(), group: group.clone(), why: why.clone() }
            }
        })),
        Match::Yes | Match::No(_) => {}
    }
}

/// A rule with a name is known by it, wherever it moves; one without, by its file and its number there.
fn grace_key(rule: Option<&Rule>, policy: &Policy) -> GraceKey {
    let text = match rule {
        None => "top".to_owned(),
        Some(Rule { name: Some(name), .. }) => format!("rule {}", name.value),
        Some(rule) => format!("rule {} of {}", rule.number, policy.file(rule.place)),
    };
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    GraceKey(u64::from_be_bytes([
        digest[0], digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7],
    ]))
}
