//! `twinlock verify`: is this code right? As at a login: through the check helper, or by root on the ledger itself, and
//! recorded. With `--dry-run`, and where no helper is installed, the verifier judges on a copy of the record, which is
//! thrown away: nothing is used up, nothing counted.

use serde::Serialize;
use twinlock_system::ruling::limits;
use twinlock_system::verification::{self, Judged, Place};
use twinlock_system::{Ledger, Paths, Standing, Trouble, clock};
use twinlock_verifier::{
    By, Identified, Record, Rejection, Request, Source, Typed, Verdict, judge, recovery,
};

use crate::caller::Caller;
use crate::cli::Verify;
use crate::error::{Error, Exit};
use crate::helper::{self, Outcome};
use crate::terminal::{self, Echo, Held};
use crate::whose::{self, Way, Whose};
use crate::{in_force, texts};

/// What is known of a code that was right.
#[derive(Debug)]
pub enum Checked {
    /// A code of the authenticator with this label.
    Authenticator(String),
    /// A recovery code that was not used before; so many are left, or would be.
    Recovery(u32),
    /// A recovery code of the set. Whether it was used before, the ledger would tell, which only root can read.
    RecoveryPerhapsUsed,
    /// A recovery code of a user whom the ledger does not know yet.
    RecoveryTooEarly,
}

/// What becomes of the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is used up, or counted.
    Yes,
    /// It was asked for.
    DryRun,
    /// There is no helper that could.
    NoHelper,
}

#[derive(Serialize)]
struct Report<'a> {
    accepted: bool,
    recorded: bool,
    authenticator: Option<&'a str>,
    recovery_code: bool,
    recovery_codes_left: Option<u32>,
    reason: Option<&'static str>,
}

/// Asks for a code and checks it.
///
/// # Errors
/// [`Error`]; [`Error::Refused`] or [`Error::CheckedOnly`] for a code that is not right.
pub fn run(options: &Verify, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    let is_own = options.user.as_ref().is_none_or(|name| *name == caller.user.name);
    let recorded = match (options.dry_run, is_own && !caller.is_root && !helper::is_installed()) {
        (true, _) => Recorded::DryRun,
        (false, true) => Recorded::NoHelper,
        (false, false) => Recorded::Yes,
    };
    if recorded == Recorded::NoHelper || recorded == Recorded::DryRun && is_own && !caller.is_root {
        let whose = Whose { user: caller.user.clone(), way: Way::Helper, is_other: false, paths };
        return dry(options, recorded, &whose, caller);
    }
    whose::on("admin_verify", &[], options.user.as_deref(), caller, paths, |whose| {
        match (recorded, whose.way) {
            (Recorded::Yes, Way::Helper) => by_helper(options, whose),
            (Recorded::Yes, Way::Directly) => directly(options, whose),
            _ => dry(options, recorded, whose, caller),
        }
    })
}

fn by_helper(options: &Verify, whose: &Whose<'_>) -> Result<Exit, Error> {
    match whose.credential() {
        Ok(_) | Err(Error::Sealed) => {}
        Err(error) => return Err(error),
    }
    match helper::verify(&typed()?)? {
        Outcome::Accepted(accepted) => {
            let by = accepted.ok_or_else(|| Error::HelperUnavailable("nothing".to_owned()))?.by;
            tell(options, Recorded::Yes, Ok(checked(by)))
        }
        Outcome::Rejected(rejection) => tell(options, Recorded::Yes, Err(rejection)),
        Outcome::Refused(reason) => Err(Error::HelperRefused(reason)),
        Outcome::TooLate => Err(Error::CredentialChanged),
    }
}

fn directly(options: &Verify, whose: &Whose<'_>) -> Result<Exit, Error> {
    let record = Ledger::new(whose.paths).read(&whose.user);
    let was_enrolled = matches!(&record, Ok(Some(record)) if record.enrolled);
    let credential = match Standing::of(whose.paths, &whose.user, &record) {
        Ok(Standing::Enrolled(credential) | Standing::SwitchedOff(credential)) => credential,
        Ok(Standing::NotEnrolled) => return whose.credential().map(|_| Exit::Failed),
        Err(Trouble::Unregistered(_)) => return Err(Error::Unregistered(whose.user.name.clone())),
        Err(Trouble::Fault(fault)) => return Err(fault.into()),
        Err(Trouble::Credential(fault, path)) => return Err(Error::Damaged { path, fault }),
        Err(Trouble::CredentialMissing(_)) => {
            return Err(Error::CredentialMissing(whose.user.name.clone()));
        }
    };
    let typed = typed()?;
    let place = Place { service: helper::SERVICE, source: Source::Local, remember: 0, was_enrolled };
    let policy = in_force::read(whose.paths).policy;
    match verification::check(whose.paths, &whose.user, &credential, &typed, place, &policy)? {
        Judged::Repaired => Err(Error::LedgerRepaired),
        Judged::Verdict(Verdict::Accepted(accepted)) => {
            tell(options, Recorded::Yes, Ok(checked(accepted.by)))
        }
        Judged::Verdict(Verdict::Rejected(rejection)) => tell(options, Recorded::Yes, Err(rejection)),
    }
}

fn dry(options: &Verify, recorded: Recorded, whose: &Whose<'_>, caller: &Caller) -> Result<Exit, Error> {
    let credential = Identified::from(whose.credential()?.0);
    let known = if caller.is_root { whose.record()? } else { None };
    tell(options, recorded, check(&typed()?, &credential, known, whose, caller))
}

fn typed() -> Result<Typed, Error> {
    let held = Held::begin()?;
    let answer = terminal::ask(texts::VERIFICATION_CODE, Echo::Off, &held)?.ok_or(Error::Cancelled)?;
    Ok(Typed::from_bytes(&answer))
}

fn checked(by: By) -> Checked {
    match by {
        By::Authenticator(label) => Checked::Authenticator(label),
        By::RecoveryCode { left } => Checked::Recovery(left),
    }
}

fn tell(options: &Verify, recorded: Recorded, outcome: Result<Checked, Rejection>) -> Result<Exit, Error> {
    let is_recorded = recorded == Recorded::Yes;
    match outcome {
        Ok(checked) => {
            if options.json {
                terminal::print_json(&accepted(&checked, is_recorded))?;
            } else {
                terminal::print(&texts::code_is_right(&checked, recorded)).map_err(Error::Output)?;
            }
            Ok(Exit::Done)
        }
        Err(rejection) if options.json => {
            terminal::print_json(&Report {
                accepted: false,
                recorded: is_recorded,
                authenticator: None,
                recovery_code: false,
                recovery_codes_left: None,
                reason: Some(texts::rejection_word(rejection)),
            })?;
            Ok(Exit::Failed)
        }
        Err(rejection) if is_recorded => Err(Error::Refused(rejection)),
        Err(rejection) => Err(Error::CheckedOnly(rejection)),
    }
}

fn check(
    typed: &Typed,
    credential: &Identified,
    known: Option<Record>,
    whose: &Whose<'_>,
    caller: &Caller,
) -> Result<Checked, Rejection> {
    let is_known = known.as_ref().is_some_and(|record| record.enrolled);
    let mut record = known.unwrap_or_else(|| Record::new(&whose.user.name));
    if !is_known {
        record.register(credential);
    }
    let policy = in_force::read(whose.paths).policy;
    let recovery_hash = match (typed, &credential.recovery) {
        (Typed::Recovery(code), Some(set)) => Some(recovery::hash(code, &set.salt, set.rounds)),
        _ => None,
    };
    let request = Request {
        typed,
        recovery_hash,
        credential,
        now: clock::now(),
        built: clock::BUILT,
        source: Source::Local,
        service: helper::SERVICE,
        policy: policy.hash(),
        limits: &limits(&policy),
    };
    match judge(&request, &mut record) {
        Verdict::Rejected(rejection) => Err(rejection),
        Verdict::Accepted(accepted) => Ok(match accepted.by {
            By::Authenticator(label) => Checked::Authenticator(label),
            By::RecoveryCode { left } if is_known => Checked::Recovery(left),
            By::RecoveryCode { .. } if caller.is_root => Checked::RecoveryTooEarly,
            By::RecoveryCode { .. } => Checked::RecoveryPerhapsUsed,
        }),
    }
}

fn accepted(checked: &Checked, recorded: bool) -> Report<'_> {
    let (authenticator, left) = match checked {
        Checked::Authenticator(label) => (Some(label.as_str()), None),
        Checked::Recovery(left) => (None, Some(*left)),
        Checked::RecoveryPerhapsUsed | Checked::RecoveryTooEarly => (None, None),
    };
    Report {
        accepted: true,
        recorded,
        authenticator,
        recovery_code: authenticator.is_none(),
        recovery_codes_left: left,
        reason: None,
    }
}
