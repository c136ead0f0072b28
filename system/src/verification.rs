//! An answer, judged under the ledger's lock and recorded before anybody is told. The one path for right and
//! wrong, for every door that checks codes.

use twinlock_policy::Policy;
use twinlock_verifier::{Identified, Rejection, Request, Source, Typed, Verdict, judge, recovery};

use crate::ledger::Keep;
use crate::ruling::limits;
use crate::{Fault, Ledger, Paths, User, clock, faults};

/// What came of an answer.
#[derive(Debug)]
pub enum Judged {
    /// The verdict; if the answer was evaluated, it is recorded.
    Verdict(Verdict),
    /// One copy of the record was damaged. It is whole again, every code that may have been used counts as used,
    /// and this answer was not looked at.
    Repaired,
}

/// Where an answer was typed.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// PAM service.
    pub service: &'a str,
    /// Source, as the throttle counts it.
    pub source: Source,
    /// For how many seconds success is remembered; 0 for not at all.
    pub remember: u64,
    /// Whether the user was enrolled when they were asked. If that has changed meanwhile, an administrator has reset
    /// them, and what was asked for counts no more.
    pub was_enrolled: bool,
}

/// Judges an answer for a user with a credential, typed at some place under a policy.
///
/// # Errors
/// A [`Fault`] when the record cannot be read, locked or made durable: then nothing may be said about the answer.
pub fn check(
    paths: &Paths,
    user: &User,
    credential: &Identified,
    typed: &Typed,
    place: Place<'_>,
    policy: &Policy,
) -> Result<Judged, Fault> {
    let limits = limits(policy);
    // Slow, so before the lock.
    let recovery_hash = match (typed, &credential.recovery) {
        (Typed::Recovery(code), Some(set)) => Some(recovery::hash(code, &set.salt, set.rounds)),
        _ => None,
    };
    // Nothing is created or locked for an answer that cannot be a code.
    let shaped = match typed {
        Typed::Code(code) => credential.takes_digits(code.len()),
        Typed::Recovery(_) => recovery_hash.is_some(),
        Typed::Empty => return Ok(Judged::Verdict(Verdict::Rejected(Rejection::Empty))),
        Typed::Unshaped => false,
    };
    if !shaped {
        return Ok(Judged::Verdict(Verdict::Rejected(Rejection::Unshaped)));
    }
    Ledger::new(paths).change(user, |change| {
        if change.repaired {
            return (Judged::Repaired, Keep::Record);
        }
        faults::point("change of the record");
        if place.was_enrolled && !change.record.enrolled {
            return (Judged::Verdict(Verdict::Rejected(Rejection::Unregistered)), Keep::Nothing);
        }
        let request = Request {
            typed,
            recovery_hash,
            credential,
            now: change.now,
            built: clock::BUILT,
            source: place.source,
            service: place.service,
            policy: policy.hash(),
            limits: &limits,
        };
        let before = change.record.clone();
        let verdict = judge(&request, change.record);
        if place.remember > 0 && matches!(verdict, Verdict::Accepted(_)) {
            change.record.remember(place.service, place.source, change.now);
        }
        // A wait that was brought down to its bound is kept too, or it would never end.
        let keep =
            if verdict.must_be_recorded() || *change.record != before { Keep::Record } else { Keep::Nothing };
        (Judged::Verdict(verdict), keep)
    })
}
