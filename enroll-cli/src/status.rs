//! `twinlock status`: what is set up, and for root what the ledger knows. Read-only, and no line of it holds a secret
//! or anything that a login would take.

use serde::Serialize;
use twinlock_system::credential::Place;
use twinlock_system::ruling::limits;
use twinlock_system::{Ledger, Paths, User, clock};
use twinlock_verifier::{Credential, Limits, Record, Source};

use crate::caller::Caller;
use crate::cli;
use crate::error::{Error, Exit};
use crate::helper::{self, Standing};
use crate::present::{self, Present};
use crate::{in_force, terminal, texts, whose};

/// The whole report.
#[derive(Debug, Serialize)]
pub struct Status {
    pub user: String,
    pub uid: u32,
    /// A code is required of them at one of the usual services; None where only the check helper could tell.
    pub required: Option<bool>,
    pub credential: CredentialState,
    /// None for callers who may not read the ledger, where no check helper is installed either.
    pub ledger: Option<LedgerState>,
}

/// The credential's part.
#[derive(Debug, Serialize)]
pub struct CredentialState {
    /// "absent", "valid", "damaged", "unreadable"; "sealed" where only root can read it.
    pub state: &'static str,
    /// "home" or "system".
    pub place: Option<&'static str>,
    pub path: Option<String>,
    /// What is wrong with it.
    pub fault: Option<String>,
    pub authenticators: Vec<AuthenticatorState>,
    /// Recovery codes in the credential, used or not.
    pub recovery_codes: usize,
}

/// One authenticator.
#[derive(Debug, Serialize)]
pub struct AuthenticatorState {
    pub label: String,
    pub algorithm: &'static str,
    pub digits: u8,
    pub period: u16,
    pub enrolled: String,
    /// Whether the ledger knows it; None where that cannot be told.
    pub registered: Option<bool>,
}

/// The ledger's part.
#[derive(Debug, Serialize)]
pub struct LedgerState {
    /// What is wrong with it; the rest is empty then.
    pub fault: Option<String>,
    pub enrolled: bool,
    pub switched_off: bool,
    /// Authenticators that count; the check helper does not tell.
    pub registered: Option<usize>,
    /// Whether everything in the credential counts; None where there is nothing to compare.
    pub knows_credential: Option<bool>,
    pub last_accepted: Option<LastAccepted>,
    pub recovery_codes_left: Option<u32>,
    pub failures: u32,
    pub failing_since: Option<String>,
    /// No code from this host, or none at all, is looked at before then.
    pub throttled_until: Option<String>,
    /// Addresses whose codes are not looked at for now.
    pub throttled_sources: usize,
    pub disabled: bool,
}

/// The last accepted code.
#[derive(Debug, Serialize)]
pub struct LastAccepted {
    pub at: String,
    pub service: String,
}

/// Prints what is set up.
///
/// # Errors
/// [`Error`] where nothing can be reported; troubles that can be are in the report, with [`Exit::Failed`].
pub fn run(options: &cli::Status, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    let status = of(options.user.as_deref(), caller, paths)?;
    if options.json {
        terminal::print_json(&status)?;
    } else {
        terminal::print(&texts::status(&status)).map_err(Error::Output)?;
    }
    Ok(if status.is_sound() { Exit::Done } else { Exit::Failed })
}

/// How the caller stands, or whom root names.
///
/// # Errors
/// As for [`run`].
pub fn of(name: Option<&str>, caller: &Caller, paths: &Paths) -> Result<Status, Error> {
    let looked_up;
    let user = match name {
        None => &caller.user,
        Some(name) if name == caller.user.name => &caller.user,
        Some(_) if !caller.is_root => return Err(Error::RootOnly),
        Some(name) => {
            looked_up = User::by_name(name)?.ok_or_else(|| Error::NoSuchUser(name.to_owned()))?;
            &looked_up
        }
    };
    let found = present::find(paths, user);
    if !caller.is_root && helper::is_installed() {
        return Ok(by_helper(found, user, paths));
    }
    let record = caller.is_root.then(|| Ledger::new(paths).read(user));
    Ok(Status {
        user: user.name.clone(),
        uid: user.uid,
        required: caller.is_root.then(|| whose::is_required(&in_force::read(paths).policy, user)),
        ledger: record.as_ref().map(|record| match record {
            Ok(record) => ledger(record.as_ref(), found.as_ref().ok(), paths),
            Err(fault) => LedgerState { fault: Some(fault.to_string()), ..LedgerState::empty() },
        }),
        credential: credential(found, record.and_then(Result::ok).flatten().as_ref(), user, paths),
    })
}

/// What the caller sees of their credential, and of the ledger what the helper tells.
fn by_helper(found: Result<Present, twinlock_system::Fault>, user: &User, paths: &Paths) -> Status {
    let has_none = matches!(found, Ok(Present::Absent));
    let mut credential = credential(found, None, user, paths);
    let standing = helper::standing();
    let required = standing.as_ref().ok().map(|standing| standing.required);
    let ledger = match standing {
        Err(error) => LedgerState { fault: Some(texts::what(&error)), ..LedgerState::empty() },
        Ok(standing) => {
            if has_none && standing.enrolled && standing.trouble.is_none() {
                credential.state = "sealed";
                credential.place = Some("system");
                credential.path = Some(present::path(paths, user, Place::System).display().to_string());
            }
            if standing.registered && standing.trouble.is_none() {
                credential.authenticators.iter_mut().for_each(|one| one.registered = Some(true));
            }
            of_helper(standing, credential.state)
        }
    };
    Status { user: user.name.clone(), uid: user.uid, required, credential, ledger: Some(ledger) }
}

fn of_helper(standing: Standing, credential: &str) -> LedgerState {
    let knows = standing.registered.then_some(standing.trouble.is_none());
    // A credential that is gone, damaged or not known is told as such.
    let told = matches!(standing.trouble.as_deref(), Some("credential_missing" | "credential_unregistered"))
        || credential == "damaged";
    LedgerState {
        fault: standing.trouble.filter(|_| !told).map(|trouble| texts::helper_trouble(&trouble)),
        enrolled: standing.registered,
        switched_off: standing.switched_off,
        registered: None,
        knows_credential: knows.filter(|_| credential != "absent"),
        last_accepted: standing.last.map(|(at, service)| LastAccepted { at: texts::instant(at), service }),
        recovery_codes_left: standing.recovery_left,
        failures: standing.failures,
        failing_since: (standing.failures > 0).then(|| texts::instant(standing.failing_since)),
        throttled_until: standing.wait_until.map(texts::instant),
        throttled_sources: 0,
        disabled: standing.disabled,
    }
}

impl Status {
    /// Whether a login would find everything as it must be.
    pub fn is_sound(&self) -> bool {
        let credential = matches!(self.credential.state, "valid" | "absent" | "sealed");
        let ledger = self.ledger.as_ref().is_none_or(|ledger| {
            let agrees = ledger.knows_credential.unwrap_or(self.credential.state != "absent");
            ledger.fault.is_none() && (!ledger.enrolled || agrees) && !ledger.disabled
        });
        credential && ledger
    }
}

fn credential(
    found: Result<Present, twinlock_system::Fault>,
    record: Option<&Record>,
    user: &User,
    paths: &Paths,
) -> CredentialState {
    let at = |place| Some(present::path(paths, user, place).display().to_string());
    let state = |state, place: Option<Place>| CredentialState {
        state,
        place: place.map(|place| if place == Place::Home { "home" } else { "system" }),
        path: place.and_then(at),
        fault: None,
        authenticators: Vec::new(),
        recovery_codes: 0,
    };
    match found {
        Err(fault) => CredentialState { fault: Some(fault.to_string()), ..state("unreadable", None) },
        Ok(Present::Absent) => state("absent", None),
        Ok(Present::Damaged(fault, place)) => {
            CredentialState { fault: Some(fault.to_string()), ..state("damaged", Some(place)) }
        }
        Ok(Present::Valid(credential, place)) => CredentialState {
            authenticators: authenticators(&credential, record.filter(|record| record.enrolled)),
            recovery_codes: credential.recovery.map_or(0, |set| set.hashes.len()),
            ..state("valid", Some(place))
        },
    }
}

/// The authenticators of a credential, and which of them a record knows.
pub fn authenticators(credential: &Credential, record: Option<&Record>) -> Vec<AuthenticatorState> {
    let state = |one: &twinlock_verifier::Authenticator| AuthenticatorState {
        label: one.label.clone(),
        algorithm: one.algorithm.name(),
        digits: one.digits,
        period: one.period,
        enrolled: texts::instant(one.enrolled),
        registered: record.map(|record| record.registered(one).is_some()),
    };
    credential.authenticators.iter().map(state).collect()
}

fn ledger(record: Option<&Record>, found: Option<&Present>, paths: &Paths) -> LedgerState {
    let Some(record) = record else { return LedgerState { registered: Some(0), ..LedgerState::empty() } };
    let limits = limits(&in_force::read(paths).policy);
    let now = clock::now();
    let waits = |until: i64| until > now;
    let knows = match found {
        Some(Present::Valid(credential, _)) if record.enrolled => {
            Some(record.knows(&credential.clone().into()))
        }
        _ => None,
    };
    LedgerState {
        fault: None,
        enrolled: record.enrolled,
        switched_off: record.switched_off,
        registered: Some(record.authenticators.len()),
        knows_credential: knows,
        last_accepted: record
            .last
            .as_ref()
            .map(|last| LastAccepted { at: texts::instant(last.at), service: last.service.clone() }),
        recovery_codes_left: record.recovery.map(|set| set.left()),
        failures: record.failures,
        failing_since: (record.failures > 0).then(|| texts::instant(record.failing_since)),
        throttled_until: throttled_until(record, &limits, now).map(texts::instant),
        throttled_sources: record.sources.iter().filter(|wait| waits(wait.until)).count(),
        disabled: record.is_disabled(&limits),
    }
}

fn throttled_until(record: &Record, limits: &Limits, now: i64) -> Option<i64> {
    match record.wait_left(limits, Source::Local, now) {
        0 => None,
        wait => Some(now.saturating_add_unsigned(wait)),
    }
}

impl LedgerState {
    fn empty() -> LedgerState {
        LedgerState {
            fault: None,
            enrolled: false,
            switched_off: false,
            registered: None,
            knows_credential: None,
            last_accepted: None,
            recovery_codes_left: None,
            failures: 0,
            failing_since: None,
            throttled_until: None,
            throttled_sources: 0,
            disabled: false,
        }
    }
}
