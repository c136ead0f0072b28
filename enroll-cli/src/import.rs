//! `twinlock import`: the tokens of another module become authenticators here, and what was used there is used here too.
//! What that module would not take is not taken either; what it would take and this one cannot is told, line by line.
//! The old file stays, unless `--remove` is given and all of it was carried over.

mod google;
mod oath;
mod token;

use serde::Serialize;
use twinlock_policy::Store;
use twinlock_system::credential::{self, Place};
use twinlock_system::ledger::Keep;
use twinlock_system::{Fault, Ledger, Paths, User, clock};
use twinlock_verifier::{Credential, CredentialFault, Record};

pub use token::What;
use token::{Remark, Token};

use crate::audit;
use crate::caller::Caller;
use crate::cli::{Import, ImportFlags};
use crate::error::{Error, Exit};
use crate::present::{self, Present};
use crate::{in_force, terminal, texts};

/// What came of one user.
#[derive(Debug, Serialize)]
pub struct Carried {
    pub user: String,
    pub uid: Option<u32>,
    /// "imported", "would be imported", "unchanged", "nothing to import", "refused".
    pub outcome: &'static str,
    pub authenticators: usize,
    /// Why it was refused.
    pub why: Option<String>,
    pub remarks: Vec<Told>,
    /// The old file was removed.
    pub removed: bool,
}

/// A remark in words.
#[derive(Debug, Serialize)]
pub struct Told {
    pub line: Option<usize>,
    pub text: String,
    /// Something that its user could log in with was not carried over.
    pub lost: bool,
}

/// The report.
#[derive(Debug, Serialize)]
pub struct Imported {
    pub dry_run: bool,
    pub users: Vec<Carried>,
    /// Of lines that belong to no user.
    pub remarks: Vec<Told>,
    /// The old file of all users was removed.
    pub removed: bool,
}

impl Imported {
    /// The outcome of a user who was carried over, or would be.
    pub fn done(&self) -> &'static str {
        if self.dry_run { "would be imported" } else { "imported" }
    }
}

/// Imports.
///
/// # Errors
/// [`Error`] where nothing could be begun; what was wrong with single users and lines is in the report, with
/// [`Exit::Failed`].
pub fn run(source: &Import, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    if !caller.is_root {
        return audit::act("admin_import", caller, |_| Err(Error::AdministratorsOnly));
    }
    if clock::now() < clock::BUILT {
        return Err(Error::Clock(clock::now()));
    }
    let store = in_force::read(paths).policy.credential_store();
    let (flags, name) = match source {
        Import::GoogleAuthenticator { flags, .. } => (flags, "google-authenticator"),
        Import::Oath { flags, .. } => (flags, "oath"),
    };
    let importing = Importing { name, flags, store, caller, paths };
    let report = match source {
        Import::GoogleAuthenticator { user, .. } => google::import(&importing, user.as_deref())?,
        Import::Oath { file, .. } => oath::import(&importing, file)?,
    };
    if flags.json {
        terminal::print_json(&report)?;
    } else {
        terminal::print(&texts::imported(&report)).map_err(Error::Output)?;
    }
    let lost = |told: &Told| told.lost;
    let failed = report.remarks.iter().any(lost)
        || report.users.iter().any(|one| one.outcome == "refused" || one.remarks.iter().any(lost));
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

/// What all users of one import share.
struct Importing<'a> {
    name: &'static str,
    flags: &'a ImportFlags,
    store: Store,
    caller: &'a Caller,
    paths: &'a Paths,
}

/// Why a user's tokens were not taken.
enum Refusal {
    /// There is another credential.
    OtherCredential,
    /// There is one that cannot be used.
    Damaged(CredentialFault),
    /// The ledger knows them as enrolled, and the credential is gone.
    CredentialGone,
    /// The tokens cannot stand in one credential.
    Together(CredentialFault),
    Fault(Fault),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Refusal::Fault(fault)
    }
}

impl Importing<'_> {
    /// Carries a user's tokens over and writes it down.
    fn carry(&self, user: &User, tokens: &[Token], remarks: Vec<Remark>) -> Carried {
        let mut carried = Carried {
            user: user.name.clone(),
            uid: Some(user.uid),
            outcome: "nothing to import",
            authenticators: tokens.len(),
            why: None,
            remarks: told(remarks),
            removed: false,
        };
        if tokens.is_empty() {
            return carried;
        }
        if self.flags.dry_run {
            self.settle(
                self.prepare(user, tokens).map(|new| match new {
                    Some(_) => "would be imported",
                    None => "unchanged",
                }),
                &mut carried,
            );
            return carried;
        }
        let logged = audit::act("admin_import", self.caller, |act| {
            act.on(&user.name).note("source", self.name).note("authenticators", &tokens.len().to_string());
            let outcome = self.take_over(user, tokens);
            if matches!(outcome, Ok("unchanged")) {
                act.unchanged();
            }
            Ok(if self.settle(outcome, &mut carried) { Exit::Done } else { Exit::Failed })
        });
        debug_assert!(logged.is_ok(), "the caller is root");
        carried
    }

    /// A user who cannot be imported at all.
    fn refused(&self, user: &str, uid: Option<u32>, why: String) -> Carried {
        let (outcome, remarks) = ("refused", Vec::new());
        Carried {
            user: user.to_owned(),
            uid,
            outcome,
            authenticators: 0,
            why: Some(why),
            remarks,
            removed: false,
        }
    }

    fn settle(&self, outcome: Result<&'static str, Refusal>, carried: &mut Carried) -> bool {
        match outcome {
            Ok(outcome) => carried.outcome = outcome,
            Err(refusal) => {
                carried.outcome = "refused";
                carried.why = Some(match refusal {
                    Refusal::OtherCredential => texts::import_other_credential(&carried.user),
                    Refusal::Damaged(fault) => texts::import_damaged(&fault.to_string(), &carried.user),
                    Refusal::CredentialGone => texts::import_credential_gone(&carried.user),
                    Refusal::Together(fault) => fault.to_string(),
                    Refusal::Fault(fault) => fault.to_string(),
                });
            }
        }
        carried.why.is_none()
    }

    /// The credential that the tokens make, and where it goes unless it is there; None when nothing is to be done.
    fn prepare(&self, user: &User, tokens: &[Token]) -> Result<Option<(Credential, Option<Place>)>, Refusal> {
        let record = Ledger::new(self.paths).read(user)?;
        let enrolled = record.as_ref().is_some_and(|record| record.enrolled);
        match present::find(self.paths, user)? {
            Present::Damaged(fault, _) => return Err(Refusal::Damaged(fault)),
            Present::Valid(credential, _) => {
                let has = |token: &Token| credential.authenticators.iter().any(|one| token.is(one));
                if !tokens.iter().all(has) {
                    return Err(Refusal::OtherCredential);
                }
                if enrolled {
                    return Ok(None);
                }
                // An import that was cut off before the ledger knew of it: anything else in the file is not ours.
                if credential.authenticators.len() != tokens.len() || credential.recovery.is_some() {
                    return Err(Refusal::OtherCredential);
                }
                return Ok(Some((credential, None)));
            }
            Present::Absent if enrolled => return Err(Refusal::CredentialGone),
            Present::Absent => {}
        }
        let now = clock::now();
        let label =
            |number: u32| if number == 1 { self.name.to_owned() } else { format!("{} {number}", self.name) };
        let numbered = (1u32..).zip(tokens);
        let authenticators = numbered.map(|(id, token)| token.authenticator(id, label(id), now)).collect();
        let credential = Credential { authenticators, recovery: None };
        Credential::parse(credential.to_text().as_bytes()).map_err(Refusal::Together)?;
        let place = match self.store {
            Store::Home if credential::has_home(user) => Place::Home,
            Store::Home | Store::System => Place::System,
        };
        Ok(Some((credential, Some(place))))
    }

    fn take_over(&self, user: &User, tokens: &[Token]) -> Result<&'static str, Refusal> {
        let Some((new, place)) = self.prepare(user, tokens)? else { return Ok("unchanged") };
        if let Some(place) = place {
            credential::write(self.paths, user, place, new.to_text().as_bytes())?;
        }
        let registered = Ledger::new(self.paths).change(user, |change| {
            register(change.record, &new, tokens);
            ((), Keep::Record)
        });
        if let (Err(_), Some(place)) = (&registered, place) {
            credential::remove(self.paths, user, place)?;
        }
        registered?;
        Ok("imported")
    }
}

fn register(record: &mut Record, credential: &Credential, tokens: &[Token]) {
    record.register(credential);
    record.switched_off = false;
    for one in &credential.authenticators {
        let Some(token) = tokens.iter().find(|token| token.is(one)) else { continue };
        let fingerprint = one.fingerprint();
        if let Some(entry) = record.authenticators.iter_mut().find(|entry| entry.fingerprint == fingerprint) {
            entry.last_step = entry.last_step.max(token.last_step);
            entry.drift = token.drift;
        }
    }
}

fn told(remarks: Vec<Remark>) -> Vec<Told> {
    let tell = |remark: Remark| Told {
        line: remark.line,
        lost: remark.what.loses_a_token(),
        text: texts::import_remark(&remark.what),
    };
    remarks.into_iter().map(tell).collect()
}
