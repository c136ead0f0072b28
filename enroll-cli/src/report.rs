//! `twinlock report`: of every account, whether a code is required and how it stands. Read-only. The policy is read once,
//! each group once, and each home is looked at as its user.

mod forms;
mod gather;

use std::collections::BTreeMap;

use serde::Serialize;
use twinlock_policy::TrialState;
use twinlock_system::policy_files;
use twinlock_system::{Ledger, Paths, User, accounts, clock};

use crate::caller::Caller;
use crate::cli::{self, Format};
use crate::error::{Error, Exit};
use crate::terminal::Progress;
use crate::{in_force, terminal, texts};
use gather::Gathering;

/// The whole report.
#[derive(Debug, Serialize)]
pub struct Report {
    pub host: String,
    pub at: String,
    /// Unix seconds of it.
    #[serde(skip)]
    pub now: i64,
    pub service: String,
    pub from: Option<String>,
    pub policy: PolicyState,
    pub accounts: Vec<Account>,
    pub ledgers_without_account: Vec<Stray>,
}

/// What the report was decided by.
#[derive(Debug, Serialize)]
pub struct PolicyState {
    pub valid: bool,
    pub hash: String,
    pub on_trial: bool,
}

/// One account.
#[derive(Debug, Serialize)]
pub struct Account {
    pub user: String,
    pub uid: u32,
    /// "required", "user-driven", "exempt".
    pub requirement: &'static str,
    /// Under `require_mfa = "report"`: what `true` would make of it.
    pub would_be: Option<&'static str>,
    /// "yes", "no", "off" (by the user's own switch), "trouble".
    pub enrolled: &'static str,
    /// Why a login would be refused whatever is typed.
    pub trouble: Option<String>,
    /// "home" or "system".
    pub place: Option<&'static str>,
    /// Whom it may be put off for until then; None where it may not, or need not.
    pub grace_until: Option<String>,
    /// Days that have not begun yet: they run from the first login.
    pub grace_days: Option<u32>,
    pub authenticators: usize,
    pub recovery_codes_left: Option<u32>,
    pub last_used: Option<String>,
    pub last_service: Option<String>,
    pub failures: u32,
    /// Until when no code is looked at, from anywhere or from some address.
    pub throttled_until: Option<String>,
    pub disabled: bool,
    /// The last day of the exemption.
    pub exempt_until: Option<String>,
    /// What decided.
    pub reason: String,
}

/// A record whose UID no source of users knows.
#[derive(Debug, Serialize)]
pub struct Stray {
    pub uid: u32,
    /// Whom it is of.
    pub record_of: Option<String>,
    /// Why it cannot be told whether there is such a user, or what is in the record.
    pub fault: Option<String>,
}

/// Prints the report.
///
/// # Errors
/// [`Error`] where nothing can be reported; what is wrong with single accounts is in the report.
pub fn run(options: &cli::Report, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    if !caller.is_root {
        return Err(Error::AdministratorsOnly);
    }
    let read = in_force::parse(&policy_files::read(paths));
    let ledger = Ledger::new(paths);
    let (users, strays) = everybody(&ledger)?;
    let from = options.from.map(|address| address.to_string());
    let now = clock::now();
    let mut gathering = Gathering::new(&read.policy, paths, &ledger, &options.service, from.as_deref(), now);
    let mut progress = Progress::begin(users.len());
    let mut found = Vec::with_capacity(users.len());
    for user in &users {
        found.push(gathering.account(user));
        progress.step();
    }
    drop(progress);
    let report = Report {
        host: twinlock_system::host_name(),
        at: texts::instant(now),
        now,
        service: options.service.clone(),
        from: from.clone(),
        policy: PolicyState {
            valid: read.faults.is_empty(),
            hash: read.policy.hash_hex(),
            on_trial: matches!(read.trial, TrialState::Holds { .. }),
        },
        accounts: found,
        ledgers_without_account: strays,
    };
    match options.format {
        Format::Json => terminal::print_json(&report)?,
        Format::Table => terminal::print(&texts::report(&report)).map_err(Error::Output)?,
        Format::Csv => terminal::print(&forms::csv(&report)).map_err(Error::Output)?,
        Format::Prometheus => terminal::print(&forms::prometheus(&report)).map_err(Error::Output)?,
    }
    Ok(if report.policy.valid { Exit::Done } else { Exit::PolicyInvalid })
}

/// Everybody who can log in, everybody whom the ledger knows, and the records that are nobody's.
fn everybody(ledger: &Ledger) -> Result<(Vec<User>, Vec<Stray>), Error> {
    let mut uids = ledger.uids()?;
    let listed = accounts::all()?;
    let mut users = BTreeMap::new();
    for user in listed {
        let recorded = uids.binary_search(&user.uid).is_ok();
        if recorded || accounts::can_log_in(&user) {
            users.insert((user.uid, user.name.clone()), user);
        }
    }
    uids.retain(|uid| users.range((*uid, String::new())..).next().is_none_or(|((other, _), _)| other != uid));
    let mut strays = Vec::new();
    for uid in uids {
        // Directories that do not list their users know them one by one.
        let fault = match User::by_uid(uid) {
            Ok(Some(user)) => {
                users.insert((uid, user.name.clone()), user);
                continue;
            }
            Ok(None) => None,
            Err(fault) => Some(fault),
        };
        let record = ledger.look_at(uid);
        let fault = fault.or_else(|| record.as_ref().err().cloned());
        let record_of = record.ok().flatten().map(|record| record.user);
        strays.push(Stray { uid, record_of, fault: fault.map(|fault| fault.to_string()) });
    }
    Ok((users.into_values().collect(), strays))
}
