//! `twinlock unlock`: what keeps a right code from being taken goes; what keeps a used one from being taken stays.

use serde::Serialize;
use twinlock_system::credential::{self, Found};
use twinlock_system::ledger::Keep;
use twinlock_system::ruling::limits;
use twinlock_system::{Ledger, Paths, User, clock};
use twinlock_verifier::{Credential, Record};

use crate::caller::Caller;
use crate::cli;
use crate::error::{Error, Exit};
use crate::{audit, in_force, terminal, texts};

/// The report.
#[derive(Debug, Serialize)]
pub struct Unlocked {
    pub user: String,
    pub changed: bool,
    /// Wrong codes that are forgotten.
    pub failures: u32,
    /// Codes were disabled.
    pub was_disabled: bool,
    /// Somebody had to wait.
    pub was_throttled: bool,
    /// The time that the record came back from, if it was ahead of this host.
    pub ahead_until: Option<String>,
    /// One copy of the record was damaged: codes of the last minutes and all recovery codes count as used.
    pub repaired: bool,
}

/// Unlocks a user.
///
/// # Errors
/// [`Error`]; then nothing was changed.
pub fn run(options: &cli::Unlock, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    audit::act("admin_unlock", caller, |act| {
        let user = User::by_name(&options.user)?.ok_or_else(|| Error::NoSuchUser(options.user.clone()))?;
        act.on(&user.name);
        let now = clock::now();
        if now < clock::BUILT {
            // Bringing a record back to a time that is long past would let used codes in again.
            return Err(Error::Clock(now));
        }
        let unlocked = unlock(user, paths)?;
        if unlocked.changed {
            act.note("failures", &unlocked.failures.to_string());
            act.note("was_disabled", if unlocked.was_disabled { "yes" } else { "no" });
            if let Some(ahead) = &unlocked.ahead_until {
                act.note("clock_was_ahead_until", ahead);
            }
        } else {
            act.unchanged();
        }
        if options.json {
            terminal::print_json(&unlocked)?;
        } else {
            terminal::print(&texts::unlocked(&unlocked)).map_err(Error::Output)?;
        }
        Ok(Exit::Done)
    })
}

fn unlock(user: User, paths: &Paths) -> Result<Unlocked, Error> {
    let ledger = Ledger::new(paths);
    let limits = limits(&in_force::read(paths).policy);
    let nothing = Unlocked {
        user: user.name.clone(),
        changed: false,
        failures: 0,
        was_disabled: false,
        was_throttled: false,
        ahead_until: None,
        repaired: false,
    };
    // Of somebody without a record nothing is known that could lock; none is made for it.
    if ledger.read(&user)?.is_none() {
        return Ok(nothing);
    }
    let credential = known_credential(&user, paths);
    let unlocked = ledger.change(&user, |change| {
        let now = change.now;
        let before = change.record.clone();
        change.record.unlock(now, credential.as_ref());
        let unlocked = Unlocked {
            changed: *change.record != before || change.repaired,
            failures: before.failures.saturating_add(before.recovery_failures),
            was_disabled: before.is_disabled(&limits),
            was_throttled: is_throttled(&before, now),
            ahead_until: before.ahead_until(now, credential.as_ref()).map(texts::instant),
            repaired: change.repaired,
            ..nothing
        };
        let keep = if unlocked.changed { Keep::Record } else { Keep::Nothing };
        (unlocked, keep)
    })?;
    Ok(unlocked)
}

/// The user's credential, which tells the times of the record's steps; None where it cannot be used, which is no reason
/// not to unlock.
fn known_credential(user: &User, paths: &Paths) -> Option<Credential> {
    match credential::read(paths, user) {
        Ok(Found::Bytes(bytes, _)) => Credential::parse(&bytes).ok(),
        Ok(Found::Absent) | Err(_) => None,
    }
}

/// Whether anybody has to wait before a code is looked at.
fn is_throttled(record: &Record, now: i64) -> bool {
    let sources = record.sources.iter().chain([&record.overflow]).map(|wait| wait.until);
    sources.chain([record.wait_until, record.recovery_wait_until]).any(|until| until > now)
}
