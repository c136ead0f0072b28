//! `twinlock verify`: is this code right? The verifier judges on a copy of the record, which is thrown away: nothing
//! is used up, nothing counted, nobody let in.

use serde::Serialize;
use twinlock_system::ruling::limits;
use twinlock_system::{Ledger, Paths, clock};
use twinlock_verifier::{
    By, Credential, Record, Rejection, Request, Source, Typed, Verdict, judge, recovery,
};

use crate::caller::Caller;
use crate::cli::Verify;
use crate::error::{Error, Exit};
use crate::present::{self, Present};
use crate::terminal::{self, Echo, Held};
use crate::{in_force, texts};

/// What is known of a code that was right.
#[derive(Debug)]
pub enum Checked {
    /// A code of the authenticator with this label.
    Authenticator(String),
    /// A recovery code that was not used before; so many would be left.
    Recovery(u32),
    /// A recovery code of the set. Whether it was used before, the ledger would tell, which only root can read.
    RecoveryPerhapsUsed,
    /// A recovery code of a user whom the ledger does not know yet.
    RecoveryTooEarly,
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
/// [`Error`]; [`Error::Refused`] for a code that is not right.
pub fn run(options: &Verify, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    let credential = match present::find(paths, &caller.user)? {
        Present::Valid(credential, _) => credential,
        Present::Absent => return Err(Error::NoCredential),
        Present::Damaged(fault, place) => {
            return Err(Error::Damaged { path: present::path(paths, &caller.user, place), fault });
        }
    };
    let known = if caller.is_root { Ledger::new(paths).read(&caller.user)? } else { None };
    let held = Held::begin()?;
    let answer = terminal::ask(texts::VERIFICATION_CODE, Echo::Off, &held)?.ok_or(Error::Cancelled)?;
    drop(held);
    let typed = Typed::from_bytes(&answer);
    match check(&typed, &credential, known, caller, paths) {
        Ok(checked) => {
            if options.json {
                terminal::print_json(&accepted(&checked))?;
            } else {
                terminal::print(&texts::code_is_right(&checked)).map_err(Error::Output)?;
            }
            Ok(Exit::Done)
        }
        Err(rejection) if options.json => {
            let reason = Some(texts::rejection_word(rejection));
            let refused = Report { accepted: false, reason, ..accepted(&Checked::Recovery(0)) };
            terminal::print_json(&Report { recovery_code: false, recovery_codes_left: None, ..refused })?;
            Ok(Exit::Failed)
        }
        Err(rejection) => Err(Error::Refused(rejection)),
    }
}

fn check(
    typed: &Typed,
    credential: &Credential,
    known: Option<Record>,
    caller: &Caller,
    paths: &Paths,
) -> Result<Checked, Rejection> {
    let is_known = known.as_ref().is_some_and(|record| record.enrolled);
    let mut record = known.unwrap_or_else(|| Record::new(&caller.user.name));
    if !is_known {
        record.register(credential);
    }
    let policy = in_force::read(paths).policy;
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
        service: "twinlock",
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

fn accepted(checked: &Checked) -> Report<'_> {
    let (authenticator, left) = match checked {
        Checked::Authenticator(label) => (Some(label.as_str()), None),
        Checked::Recovery(left) => (None, Some(*left)),
        Checked::RecoveryPerhapsUsed | Checked::RecoveryTooEarly => (None, None),
    };
    Report {
        accepted: true,
        recorded: false,
        authenticator,
        recovery_code: authenticator.is_none(),
        recovery_codes_left: left,
        reason: None,
    }
}
