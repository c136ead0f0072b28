//! `twinlock reset`: a user's second factor goes, whatever state it is in. The credential goes first and the ledger's
//! record last: while the record is there nobody gets in, and without it whatever credential is found counts again.

use std::path::PathBuf;

use serde::Serialize;
use twinlock_system::{Fault, Ledger, Paths, User, credential, pending};

use crate::audit::{self, Act};
use crate::caller::Caller;
use crate::cli;
use crate::error::{Error, Exit};
use crate::terminal::{self, Echo, Held};
use crate::texts;

/// The report.
#[derive(Debug, Serialize)]
pub struct Removed {
    /// None for what belongs to no user any more.
    pub user: Option<String>,
    pub uid: u32,
    /// Whom the ledger's record was of, where that is another name or none is left.
    pub record_of: Option<String>,
    /// Paths.
    pub removed: Vec<String>,
    /// Nothing is left.
    pub complete: bool,
}

/// Of many UIDs.
#[derive(Debug, Serialize)]
pub struct Orphans {
    pub removed: Vec<Removed>,
    /// UIDs whose look-up failed; nothing of theirs was touched.
    pub not_looked_up: Vec<u32>,
}

/// Resets a user, or clears away what is left of former ones.
///
/// # Errors
/// [`Error`].
pub fn run(options: &cli::Reset, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    match &options.user {
        Some(name) => audit::act("admin_reset", caller, |act| one(name, options, act, paths)),
        None => audit::act("admin_reset_orphans", caller, |act| orphans(options, act, paths)),
    }
}

fn one(name: &str, options: &cli::Reset, act: &mut Act, paths: &Paths) -> Result<Exit, Error> {
    let user = User::by_name(name)?.ok_or_else(|| Error::NoSuchUser(name.to_owned()))?;
    act.on(&user.name);
    if !options.yes {
        confirm(&texts::reset_question(&user.name, user.uid))?;
    }
    let record_of = record_of(user.uid, paths).filter(|name| *name != user.name);
    let Removal { removed, failed } = Removal::of(user.uid, Some(&user), paths);
    let complete = failed.is_empty();
    let report = Removed { user: Some(user.name), uid: user.uid, record_of, removed, complete };
    act.note("removed", &report.removed.len().to_string());
    if report.removed.is_empty() && complete {
        act.unchanged();
    }
    if options.json {
        terminal::print_json(&report)?;
    } else {
        terminal::print(&texts::reset(&report)).map_err(Error::Output)?;
    }
    finish(failed)
}

fn orphans(options: &cli::Reset, act: &mut Act, paths: &Paths) -> Result<Exit, Error> {
    let mut uids = Ledger::new(paths).uids()?;
    uids.extend(credential::system_uids(paths)?);
    uids.extend(pending::uids(paths)?);
    uids.sort_unstable();
    uids.dedup();
    let mut found = Vec::new();
    let mut not_looked_up = Vec::new();
    for uid in uids {
        match User::by_uid(uid) {
            Ok(Some(_)) => {}
            Ok(None) => found.push((uid, record_of(uid, paths))),
            // A source that does not answer is not a user who has gone.
            Err(_) => not_looked_up.push(uid),
        }
    }
    if !found.is_empty() && !options.yes {
        confirm(&texts::orphans_question(&found))?;
    }
    let mut failed = Vec::new();
    let mut report = Orphans { removed: Vec::new(), not_looked_up };
    for (uid, record_of) in found {
        let removal = Removal::of(uid, None, paths);
        let complete = removal.failed.is_empty();
        failed.extend(removal.failed);
        report.removed.push(Removed { user: None, uid, record_of, removed: removal.removed, complete });
    }
    let uids: Vec<_> = report.removed.iter().map(|one| one.uid.to_string()).collect();
    act.note("uids", &uids.join(","));
    if uids.is_empty() {
        act.unchanged();
    }
    if options.json {
        terminal::print_json(&report)?;
    } else {
        terminal::print(&texts::orphans(&report)).map_err(Error::Output)?;
    }
    finish(failed)?;
    Ok(if report.not_looked_up.is_empty() { Exit::Done } else { Exit::Failed })
}

/// Asks at the terminal.
fn confirm(question: &str) -> Result<(), Error> {
    if !terminal::is_interactive() {
        return Err(Error::YesMissing);
    }
    let held = Held::begin()?;
    let answer = terminal::ask(question, Echo::On, &held)?.unwrap_or_default();
    match answer.trim_ascii().to_ascii_lowercase().as_slice() {
        b"y" | b"yes" => Ok(()),
        _ => Err(Error::NotConfirmed),
    }
}

/// Whom a record is of, if it can be read.
fn record_of(uid: u32, paths: &Paths) -> Option<String> {
    Ledger::new(paths).look_at(uid).ok().flatten().map(|record| record.user)
}

/// What was removed of one UID, and what could not be.
#[derive(Default)]
struct Removal {
    removed: Vec<String>,
    failed: Vec<String>,
}

impl Removal {
    /// Removes everything of a UID, the record only if nothing else is left.
    fn of(uid: u32, user: Option<&User>, paths: &Paths) -> Removal {
        let mut removal = Removal::default();
        if let Some(user) = user {
            removal.take(credential::home_path(user), credential::clear_home(user));
        }
        removal.take(credential::system_path(paths, uid), credential::clear_system(paths, uid));
        removal.take(paths.state.join("pending").join(uid.to_string()), pending::clear(paths, uid));
        if removal.failed.is_empty() {
            let path = paths.state.join("ledger").join(uid.to_string());
            removal.take(path, Ledger::new(paths).clear(uid));
        }
        removal
    }

    fn take(&mut self, path: PathBuf, outcome: Result<bool, Fault>) {
        match outcome {
            Ok(true) => self.removed.push(path.display().to_string()),
            Ok(false) => {}
            Err(fault) => self.failed.push(fault.to_string()),
        }
    }
}

fn finish(failed: Vec<String>) -> Result<Exit, Error> {
    if failed.is_empty() { Ok(Exit::Done) } else { Err(Error::NotRemoved(failed)) }
}
