//! One change of a credential that is there. It is made from the one that was read and takes the place of that one and of
//! no other: where somebody else was faster, it is made anew from theirs, so of two at once neither is lost. File and
//! registration change together, by the check helper or, for root, here under the same lock.

use twinlock_system::credential::{self, Place};
use twinlock_system::ledger::{Change, Keep};
use twinlock_system::{Fault, Ledger, clock};
use twinlock_verifier::verdict::Accepted;
use twinlock_verifier::{Authenticator, By, Credential, Rejection, Typed};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::helper::{self, Outcome};
use crate::present::{self, Present};
use crate::terminal::{self, Echo, Held};
use crate::texts;
use crate::whose::{Way, Whose};

/// How often a change is made anew because somebody else was faster.
const ANEW: usize = 8;
/// Answers asked for at a terminal.
const ANSWERS: usize = 3;

/// What is to be made of a credential.
pub struct Edit<'a> {
    /// The new credential, made from the one that is there; None is one that only root can read.
    pub make: &'a dyn Fn(Option<&Credential>) -> Result<Credential, Error>,
    /// The authenticator that is new.
    pub added: Option<Added<'a>>,
    /// Nothing of the old one stays, so it need not be read.
    pub replaces_all: bool,
}

/// An authenticator that is new.
pub struct Added<'a> {
    /// Itself; id and place are the new credential's affair.
    pub authenticator: &'a Authenticator,
    /// A code of it and its step. None where root hands it over.
    pub code: Option<Code>,
    /// Whether another code of it can be asked for.
    pub can_ask: bool,
}

/// A code that was right, and its step.
pub struct Code {
    /// As typed.
    pub digits: Zeroizing<String>,
    /// Number of the step.
    pub step: u64,
}

/// Makes a change; asks for what it takes, and returns the new credential.
///
/// # Errors
/// [`Error`]; then everything is as it was, but for an answer that was used up.
pub fn make(whose: &Whose<'_>, edit: Edit<'_>, held: &Held) -> Result<Credential, Error> {
    match whose.way {
        Way::Directly => directly(whose, &edit, held),
        Way::Helper => by_helper(whose, edit, held),
    }
}

/// A new credential, checked as any reader would.
fn made(edit: &Edit<'_>, current: Option<&Credential>) -> Result<Credential, Error> {
    let new = (edit.make)(current)?;
    Credential::parse(new.to_text().as_bytes()).map_err(Error::Impossible)
}

fn by_helper(whose: &Whose<'_>, mut edit: Edit<'_>, held: &Held) -> Result<Credential, Error> {
    let mut answer = None;
    let mut answers = 0;
    let mut anew = 0;
    loop {
        let current = match whose.credential() {
            Ok((current, _)) => Some(current),
            Err(Error::Sealed) if edit.replaces_all => None,
            Err(error) => return Err(error),
        };
        let new = made(&edit, current.as_ref())?;
        let typed = match answer.take() {
            Some(typed) => typed,
            None => {
                answers += 1;
                ask(held)?
            }
        };
        let confirm =
            edit.added.as_ref().and_then(|added| added.code.as_ref()).map(|code| code.digits.as_str());
        held.check()?;
        let change = helper::Change { base: current.as_ref(), answer: Some(&typed), confirm, new: &new };
        match helper::change(&change)? {
            Outcome::Accepted(accepted) => {
                let keeps_codes = current.is_some_and(|current| current.recovery == new.recovery);
                tell(accepted.as_ref(), keeps_codes);
                return Ok(new);
            }
            Outcome::Rejected(rejection) => refused(rejection, answers)?,
            Outcome::TooLate if anew < ANEW && terminal::is_interactive() => {
                anew += 1;
                answers -= 1;
                terminal::complain(texts::TOO_LATE);
            }
            Outcome::TooLate => return Err(Error::CredentialChanged),
            Outcome::Refused(reason) => match (reason.as_str(), &mut edit.added) {
                ("changed_meanwhile", _) if anew < ANEW => {
                    anew += 1;
                    answer = Some(typed);
                }
                ("confirm_wrong" | "confirm_too_soon", Some(added)) if added.can_ask => {
                    let told = if reason == "confirm_wrong" {
                        texts::CODE_IS_TOO_OLD
                    } else {
                        texts::CODE_IS_TOO_SOON
                    };
                    terminal::complain(told);
                    added.code = Some(confirm_with(added.authenticator, held)?);
                    answer = Some(typed);
                }
                _ => return Err(Error::HelperRefused(reason)),
            },
        }
    }
}

/// Says why an answer was not right, if another can be typed.
fn refused(rejection: Rejection, answers: usize) -> Result<(), Error> {
    let again = terminal::is_interactive() && answers < ANSWERS;
    if !again || matches!(rejection, Rejection::Throttled { .. } | Rejection::Unregistered) {
        return Err(Error::Refused(rejection));
    }
    terminal::complain(&texts::error(&Error::Refused(rejection)));
    Ok(())
}

/// What a right answer has to tell, as a login would.
fn tell(accepted: Option<&Accepted>, keeps_codes: bool) {
    let Some(accepted) = accepted else { return };
    if let (By::RecoveryCode { left }, true) = (&accepted.by, keeps_codes) {
        terminal::complain(&texts::recovery_code_used(*left));
    }
    if accepted.failures > 0 {
        terminal::complain(&texts::wrong_codes_before(accepted.failures, accepted.failing_since));
    }
}

/// Asks for a code of what is set up. An empty answer gives up.
///
/// # Errors
/// [`Error::Cancelled`], and what reading can say.
pub fn ask(held: &Held) -> Result<Typed, Error> {
    let answer = terminal::ask(texts::CODE_OF_WHAT_IS_SET_UP, Echo::Off, held)?.ok_or(Error::Cancelled)?;
    match Typed::from_bytes(&answer) {
        Typed::Empty => Err(Error::Cancelled),
        typed => Ok(typed),
    }
}

/// Asks for a code of a new authenticator until one is right.
///
/// # Errors
/// [`Error::Cancelled`] for an empty answer, and what reading can say.
pub fn confirm_with(authenticator: &Authenticator, held: &Held) -> Result<Code, Error> {
    use twinlock_verifier::steps::{Match, find};
    let mut prompt = texts::VERIFICATION_CODE.to_owned();
    loop {
        let answer = terminal::ask(&prompt, Echo::On, held)?.ok_or(Error::Cancelled)?;
        let wrong = match Typed::from_bytes(&answer) {
            Typed::Empty => return Err(Error::Cancelled),
            Typed::Code(digits) => match find(authenticator, &digits, clock::now(), 0, 0) {
                Match::Fresh { step, .. } => return Ok(Code { digits, step }),
                Match::Replayed | Match::None => texts::code_was_not_right(authenticator),
            },
            Typed::Recovery(_) | Typed::Unshaped => texts::not_shaped_like_a_code(authenticator),
        };
        prompt = format!("{wrong}{}", texts::VERIFICATION_CODE);
    }
}

/// What root's own change came to under the lock.
enum Under {
    Done,
    /// Somebody else was faster.
    Anew,
    Failed(Error),
}

fn directly(whose: &Whose<'_>, edit: &Edit<'_>, held: &Held) -> Result<Credential, Error> {
    for _ in 0..ANEW {
        let (current, place) = whose.credential()?;
        let new = made(edit, Some(&current))?;
        held.check()?;
        let outcome = Ledger::new(whose.paths)
            .change(&whose.user, |change| commit(whose, edit, (&current, place), &new, change))?;
        match outcome {
            Under::Done => return Ok(new),
            Under::Anew => {}
            Under::Failed(error) => return Err(error),
        }
    }
    Err(Error::CredentialChanged)
}

/// Under the lock: writes the file, then changes the registration. If the file cannot be written, the registration
/// stays.
fn commit(
    whose: &Whose<'_>,
    edit: &Edit<'_>,
    (current, place): (&Credential, Place),
    new: &Credential,
    change: Change<'_>,
) -> (Under, Keep) {
    if change.repaired {
        return (Under::Failed(Error::LedgerRepaired), Keep::Record);
    }
    match present::find(whose.paths, &whose.user) {
        Ok(Present::Valid(found, at)) if at == place && found.fingerprint() == current.fingerprint() => {}
        Ok(_) => return (Under::Anew, Keep::Nothing),
        Err(fault) => return (Under::Failed(fault.into()), Keep::Nothing),
    }
    let mut record = change.record.clone();
    if !record.enrolled {
        record.register(current);
    } else if !record.knows(&current.clone().into()) {
        return (Under::Failed(Error::Unregistered(whose.user.name.clone())), Keep::Nothing);
    }
    // What is new is root's own making and was never used, so it needs no code to be told from what was removed.
    let is_new = |one: &Authenticator| {
        edit.added.as_ref().is_some_and(|added| added.authenticator.secret == one.secret)
    };
    let mut others = new.clone();
    others.authenticators.retain(|one| !is_new(one));
    let mut next = match record.edited(Some(current), &others, None, change.now) {
        Ok(next) => next,
        Err(fault) => return (Under::Failed(Error::Edit(fault)), Keep::Nothing),
    };
    next.register(new);
    let step = edit.added.as_ref().and_then(|added| added.code.as_ref()).map_or(0, |code| code.step);
    for one in new.authenticators.iter().filter(|one| is_new(one)) {
        let fingerprint = one.fingerprint();
        let mut entries = next.authenticators.iter_mut();
        if let Some(entry) = entries.find(|entry| entry.fingerprint == fingerprint) {
            entry.last_step = step;
        }
    }
    match credential::write(whose.paths, &whose.user, place, new.to_text().as_bytes()) {
        Ok(_) => {
            *change.record = next;
            (Under::Done, Keep::Record)
        }
        Err(fault) => (Under::Failed(fault.into()), Keep::Nothing),
    }
}

/// A first credential, by the helper: its own code registers it.
///
/// # Errors
/// [`Error`]; then nothing was changed.
pub fn first_by_helper(new: &Credential, code: &str) -> Result<(), Error> {
    let change = helper::Change { base: None, answer: None, confirm: Some(code), new };
    match helper::change(&change)? {
        Outcome::Accepted(_) => Ok(()),
        // There was none when we looked, and there is one now that wants a code.
        Outcome::Rejected(_) | Outcome::TooLate => Err(Error::CredentialChanged),
        Outcome::Refused(reason) if reason == "changed_meanwhile" => Err(Error::CredentialChanged),
        Outcome::Refused(reason) => Err(Error::HelperRefused(reason)),
    }
}

/// A first credential, by root: written and registered under one lock, unless somebody was faster.
///
/// # Errors
/// [`Error`]; then nothing was changed.
pub fn first_by_root(
    whose: &Whose<'_>,
    place: Place,
    new: &Credential,
    step: Option<u64>,
) -> Result<(), Error> {
    Ledger::new(whose.paths).change(&whose.user, |change| {
        let failed = |error: Error| (Err(error), Keep::Nothing);
        if change.record.enrolled {
            return failed(Error::CredentialChanged);
        }
        match present::find(whose.paths, &whose.user) {
            Ok(Present::Absent) => {}
            Ok(_) => return failed(Error::CredentialChanged),
            Err(fault) => return failed(fault.into()),
        }
        let written: Result<_, Fault> =
            credential::write(whose.paths, &whose.user, place, new.to_text().as_bytes());
        if let Err(fault) = written {
            return failed(fault.into());
        }
        change.record.register(new);
        change.record.switched_off = false;
        for entry in &mut change.record.authenticators {
            entry.last_step = entry.last_step.max(step.unwrap_or(0));
        }
        (Ok(()), Keep::Record)
    })?
}
