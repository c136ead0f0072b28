//! `change`: a new credential in the place of the caller's own, or the first one.
//!
//! The answer is judged and on the disk before anything else happens, since a file that appears in the caller's home
//! would tell them what it was. Then file and registration change under one lock, from the credential that the answer
//! was judged by and from no other: of two changes at once the second is refused and nothing of the first is lost.

use twinlock_policy::Store;
use twinlock_system::credential::{has_home, read, write, Found, Place};
use twinlock_system::ledger::{Change, Keep};
use twinlock_system::{clock, pending, Fault, Ledger, Trouble};
use twinlock_verifier::edit::{self, Confirmed, EditFault};
use twinlock_verifier::verdict::{clock_is_behind, Accepted};
use twinlock_verifier::{Acceptance, Credential, Identified, Record, Typed};

use crate::answer::Answer;
use crate::audit::{send, Level};
use crate::visit::Visit;

const REFUSED: &str = "credential_change_refused";

/// What came of the change under the lock.
enum Outcome {
    Done,
    /// The credential or its registration is not the one that was judged.
    ChangedMeanwhile,
    Edit(EditFault),
    Clock,
    Repaired,
    Fault(Fault),
}

/// Judges the answer and makes the change.
pub fn run(visit: &Visit<'_>) -> Answer {
    let new = match Credential::parse(&visit.input.credential) {
        Ok(new) => new,
        Err(fault) => return visit.refuse(REFUSED, "credential_invalid").with("error", fault),
    };
    let current = match visit.credential() {
        Ok(current) => current,
        Err(answer) => return answer,
    };
    // Everything that can be refused before a code is used up. It depends on what the caller has, not on the answer.
    let confirmed = match Typed::from_bytes(&visit.input.confirm) {
        Typed::Empty => None,
        Typed::Code(code) => match edit::confirm(&new, &code, clock::now()) {
            Some(confirmed) => Some(confirmed),
            None => return visit.refuse(REFUSED, "confirm_wrong"),
        },
        Typed::Recovery(_) | Typed::Unshaped => return visit.refuse(REFUSED, "confirm_wrong"),
    };
    if let Err(reason) = look_ahead(visit, current.as_deref(), &new, confirmed) {
        return visit.refuse(REFUSED, reason);
    }
    let accepted = match current.as_deref().map(|current| visit.judge(current)).transpose() {
        Ok(accepted) => accepted,
        Err(answer) => return answer,
    };
    let changed = Ledger::new(visit.paths)
        .change(visit.user(), |change| commit(visit, change, current.as_deref(), &new, confirmed));
    match changed {
        Ok(Outcome::Done) => done(visit, current.as_deref(), &new, accepted.as_ref()),
        // The answer is used up, and whoever is to try again must know.
        Ok(Outcome::ChangedMeanwhile) if accepted.is_some() => {
            visit.refuse(REFUSED, "changed_meanwhile").with("answer", "used")
        }
        Ok(Outcome::ChangedMeanwhile) => visit.refuse(REFUSED, "changed_meanwhile"),
        Ok(Outcome::Edit(fault)) => visit.refuse(REFUSED, fault.reason()),
        Ok(Outcome::Clock) => visit.refuse(REFUSED, "clock"),
        Ok(Outcome::Repaired) => visit.repaired(),
        Ok(Outcome::Fault(fault)) | Err(fault) => visit.unavailable(&Trouble::Fault(fault)),
    }
}

/// Why this change would be refused, if anything is known to be against it.
fn look_ahead(
    visit: &Visit<'_>,
    current: Option<&Identified>,
    new: &Credential,
    confirmed: Option<Confirmed>,
) -> Result<(), &'static str> {
    if current.is_none() && visit.only_admin_enrols {
        return Err("enrollment_not_allowed");
    }
    let base = current.map(|current| hexadecimal(&current.fingerprint()));
    if visit.input.base.as_ref().is_some_and(|given| base.map(String::into_bytes).as_ref() != Some(given)) {
        return Err("changed_meanwhile");
    }
    let mut record = visit.record().cloned().unwrap_or_else(|| Record::new(&visit.user().name));
    if let Some(current) = current.filter(|_| !record.enrolled) {
        record.register(current);
    }
    record
        .edited(current.map(|current| &**current), new, confirmed, clock::now())
        .map_err(EditFault::reason)
        .map(drop)
}

/// Under the lock: writes the file, then changes the registration. If the file cannot be written, the registration
/// stays.
fn commit(
    visit: &Visit<'_>,
    change: Change<'_>,
    current: Option<&Identified>,
    new: &Credential,
    confirmed: Option<Confirmed>,
) -> (Outcome, Keep) {
    let now = change.now;
    if change.repaired {
        return (Outcome::Repaired, Keep::Record);
    }
    let place = match (read(visit.paths, visit.user()), current) {
        (Ok(Found::Absent), None) if !change.record.enrolled => first_place(visit),
        (Ok(Found::Bytes(bytes, place)), Some(current)) if is_this(current, &bytes, change.record) => place,
        (Ok(_), _) => return (Outcome::ChangedMeanwhile, Keep::Nothing),
        (Err(fault), _) => return (Outcome::Fault(fault), Keep::Nothing),
    };
    let mut next = match change.record.edited(current.map(|current| &**current), new, confirmed, now) {
        Ok(next) => next,
        Err(fault) => return (Outcome::Edit(fault), Keep::Nothing),
    };
    if current.is_none() {
        // The code that confirms is the only one that was typed, and a wrong clock makes it worth nothing.
        if clock_is_behind(change.record, now, clock::BUILT) {
            return (Outcome::Clock, Keep::Nothing);
        }
        next.switched_off = false;
        next.last =
            Some(Acceptance { at: now, policy: visit.policy.hash(), service: visit.input.service.clone() });
    }
    // What was read back from our own words and not the caller's bytes.
    if let Err(fault) = write(visit.paths, visit.user(), place, new.to_text().as_bytes()) {
        return (Outcome::Fault(fault), Keep::Nothing);
    }
    *change.record = next;
    (Outcome::Done, Keep::Record)
}

/// Whether the bytes are still the credential that the answer was judged by, and the ledger still knows it.
fn is_this(current: &Identified, bytes: &[u8], record: &Record) -> bool {
    let same = Credential::parse(bytes).is_ok_and(|now| now.fingerprint() == current.fingerprint());
    same && record.enrolled && record.knows(current)
}

fn first_place(visit: &Visit<'_>) -> Place {
    match visit.ruling.decision.credential_store {
        Store::Home if has_home(visit.user()) => Place::Home,
        Store::Home | Store::System => Place::System,
    }
}

fn done(
    visit: &Visit<'_>,
    current: Option<&Identified>,
    new: &Credential,
    accepted: Option<&Accepted>,
) -> Answer {
    let labels = |credential: &Credential, other: Option<&Credential>| {
        let is_in = |label: &str| {
            other.is_some_and(|other| other.authenticators.iter().any(|one| one.label == label))
        };
        let only_here = credential.authenticators.iter().filter(|one| !is_in(&one.label));
        only_here.map(|one| one.label.as_str()).collect::<Vec<_>>().join(",")
    };
    let added = labels(new, current.map(|current| &**current));
    let recovery = match (current.and_then(|current| current.recovery.as_ref()), &new.recovery) {
        (old, new) if old == new.as_ref() => "kept",
        (_, Some(_)) => "replaced",
        (_, None) => "removed",
    };
    let Some(current) = current else {
        // An enrolment at login that was under way shows its key no more.
        let _ = pending::remove(visit.paths, visit.user().uid);
        send(Level::Info, visit.line("enrolled").quoted("authenticator", &added));
        return Answer::accepted().with("added", added);
    };
    let removed = labels(current, Some(new));
    let mut line = visit.line("credential_changed");
    line.quoted("added", &added).quoted("removed", &removed).plain("recovery", recovery);
    send(Level::Notice, &line);
    let answer = Answer::accepted().with("added", added).with("removed", removed).with("recovery", recovery);
    accepted.into_iter().fold(answer, Answer::with_acceptance)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
