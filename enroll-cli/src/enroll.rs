//! `twinlock enroll`: a first credential for the caller, or by root for a user who is handed what is printed; and for
//! whoever has one already, another authenticator or one in the place of an old one. Its recovery codes are shown before a
//! first credential counts, so that nobody is left with one whose codes were never seen; file and registration then come
//! together, or not at all.
//!
//! What root sets up for somebody is registered at once, so that it works where nobody may enrol by themselves; no login
//! of theirs goes without a code from then on. That the phone has the key only their first accepted code shows: until
//! then `report` has it as never used.

mod again;
mod fresh;
mod picture;

use serde::Serialize;
use twinlock_enrollment::Account;
use twinlock_policy::{Policy, Requirement, Store, Unenrolled};
use twinlock_system::credential::{self, Place};
use twinlock_system::{Ledger, Paths, User, clock, host_name};
use twinlock_verifier::steps;

use crate::caller::Caller;
use crate::change::{self, Code};
use crate::cli::{Enroll, NewKey, Qr};
use crate::error::{Error, Exit};
use crate::present::{self, Present};
use crate::terminal::{self, Held, Window};
use crate::texts::Registrar;
use crate::whose::{self, Way, Whose};
use crate::{audit, helper, in_force, texts};

pub use again::Known;
pub use fresh::Fresh;
pub use picture::{PictureFile, alone, beside_words};

/// The name of an authenticator that was given none.
const LABEL: &str = "phone";

/// Enrols the caller, or whom root names.
///
/// # Errors
/// [`Error`]; then there is no new credential.
pub fn run(options: &Enroll, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    match options.user.as_deref().filter(|name| *name != caller.user.name) {
        None => Enrolling { options, user: &caller.user, handed_over: false, caller, paths }.run(),
        Some(name) => audit::act("admin_enroll", caller, |act| {
            let user = User::by_name(name)?.ok_or_else(|| Error::NoSuchUser(name.to_owned()))?;
            act.on(&user.name).note("authenticator", options.label.as_deref().unwrap_or(LABEL));
            Enrolling { options, user: &user, handed_over: true, caller, paths }.run()
        }),
    }
}

/// Whose login, and by whom.
struct Enrolling<'a> {
    options: &'a Enroll,
    user: &'a User,
    /// It is another one's: nothing can be confirmed here.
    handed_over: bool,
    caller: &'a Caller,
    paths: &'a Paths,
}

/// What a user has before.
enum Before {
    /// Nothing.
    Nothing,
    /// A credential that this process can read.
    Credential(Vec<Known>),
    /// One that only root can read.
    Sealed,
}

impl Enrolling<'_> {
    fn run(&self) -> Result<Exit, Error> {
        let Enrolling { options, paths, .. } = *self;
        check_usage(&options.key, options.json)?;
        let asks = !options.unattended && !self.handed_over;
        if asks && !terminal::is_interactive() {
            return Err(Error::NoTerminal);
        }
        let policy = in_force::read(paths);
        let is_broken = !policy.faults.is_empty();
        if is_broken {
            terminal::complain(&texts::policy_is_broken_meanwhile());
        }
        let by = match self.caller.is_root {
            true => Registrar::Root,
            false if helper::is_installed() => Registrar::Helper,
            false => Registrar::FirstCode,
        };
        let policy = policy.policy;
        let place = self.place(policy.credential_store(), by)?;
        match self.before(by)? {
            Before::Nothing => {}
            before if asks && by != Registrar::FirstCode => return self.again(before, &policy),
            before => return Err(self.already(before)),
        }
        if by == Registrar::Helper && !is_broken && only_admin_enrols(&policy, self.user) {
            return Err(Error::HelperRefused("enrollment_not_allowed".to_owned()));
        }
        self.ready_to_write(place, by)?;

        let host = host_name();
        let name = format!("{}@{host}", self.user.name);
        let account = Account { issuer: policy.issuer().unwrap_or(&host), account: &name };
        let label = options.label.as_deref().unwrap_or(LABEL);
        let fresh = Fresh::draw(&options.key, label, &account)?;
        let held = Held::begin()?;
        let file = PictureFile::create(&options.key, &fresh)?;

        let enrolment = Enrolment { of: self, place, by, fresh: &fresh, held: &held };
        let outcome = if asks {
            enrolment.interactive(&account, policy.help())
        } else {
            enrolment.unattended(&account)
        };
        settle(file, &outcome, options.json);
        outcome
    }

    /// Where the credential will be, if it can be written there.
    fn place(&self, store: Store, by: Registrar) -> Result<Place, Error> {
        match store {
            Store::Home if credential::has_home(self.user) => Ok(Place::Home),
            // As a first login would do it.
            Store::Home if self.handed_over || by == Registrar::Helper => Ok(Place::System),
            Store::Home => Err(Error::NoHome(self.user.home.clone())),
            Store::System if by != Registrar::FirstCode => Ok(Place::System),
            Store::System => Err(Error::StoreIsRoots),
        }
    }

    fn before(&self, by: Registrar) -> Result<Before, Error> {
        match present::find(self.paths, self.user)? {
            Present::Valid(credential, place) => Ok(Before::Credential(Known::all(&credential, place))),
            Present::Damaged(fault, place) => {
                Err(Error::Damaged { path: present::path(self.paths, self.user, place), fault })
            }
            Present::Absent if by == Registrar::Helper => {
                let standing = helper::standing()?;
                match standing.trouble {
                    Some(trouble) => Err(Error::HelperUnavailable(trouble)),
                    None if standing.enrolled => Ok(Before::Sealed),
                    None => Ok(Before::Nothing),
                }
            }
            Present::Absent => Ok(Before::Nothing),
        }
    }

    fn again(&self, before: Before, policy: &Policy) -> Result<Exit, Error> {
        let way = if self.caller.is_root { Way::Directly } else { Way::Helper };
        let whose = Whose { user: self.user.clone(), way, is_other: false, paths: self.paths };
        let (known, sealed) = match before {
            Before::Credential(known) => (known, false),
            Before::Sealed | Before::Nothing => (Vec::new(), true),
        };
        again::Again { options: self.options, whose: &whose, known, sealed, policy }.run()
    }

    fn already(&self, before: Before) -> Error {
        let Before::Credential(known) = before else { return Error::Sealed };
        let user = self.handed_over.then(|| self.user.name.clone());
        let path =
            known.first().map(|one| present::path(self.paths, self.user, one.place)).unwrap_or_default();
        Error::AlreadyEnrolled { path, labels: known.into_iter().map(|one| one.label).collect(), user }
    }

    /// Finds out before anybody takes out a phone what would fail afterwards.
    fn ready_to_write(&self, place: Place, by: Registrar) -> Result<(), Error> {
        if clock::now() < clock::BUILT {
            return Err(Error::Clock(clock::now()));
        }
        if by == Registrar::Root
            && Ledger::new(self.paths).read(self.user)?.is_some_and(|record| record.enrolled)
        {
            return Err(Error::CredentialMissing(self.user.name.clone()));
        }
        if place == Place::System {
            // Reading goes through the same folder and the same checks as writing.
            credential::read(self.paths, self.user)?;
        }
        Ok(())
    }
}

/// Whether, at some service where a code is required, nobody may enrol by themselves. The helper decides; this asks before
/// anybody takes out a phone.
fn only_admin_enrols(policy: &Policy, user: &User) -> bool {
    whose::decisions(policy, user).iter().any(|decision| {
        decision.requirement == Requirement::Required && decision.unenrolled == Unenrolled::Deny
    })
}

/// Whether the forms that are asked for go together.
///
/// # Errors
/// An [`Error`] of wrong usage.
pub fn check_usage(options: &NewKey, json: bool) -> Result<(), Error> {
    let to_file = matches!(options.qr, Some(Qr::Svg | Qr::Png));
    match (to_file, &options.output) {
        (true, None) => Err(Error::OutputMissing),
        (false, Some(_)) => Err(Error::OutputUnused),
        _ if json && matches!(options.qr, Some(Qr::Ansi | Qr::Utf8 | Qr::Ascii)) => Err(Error::PictureInJson),
        _ => Ok(()),
    }
}

/// Keeps the picture's file after a success, and says what it is; takes it back otherwise.
pub fn settle<T>(file: Option<PictureFile>, outcome: &Result<T, Error>, json: bool) {
    match (outcome, file) {
        (Ok(_), Some(file)) if !json => terminal::complain(&texts::picture_is_a_secret(file.path())),
        (Err(_), Some(file)) => file.remove(),
        _ => {}
    }
}

/// A code of the step before now, so that the app's present one can still be used: for what is set up with nobody at the
/// phone.
pub fn code_of_before(fresh: &Fresh) -> Code {
    let now = clock::now().saturating_sub(i64::from(fresh.authenticator.period)).max(0);
    let digits = steps::code_at(&fresh.authenticator, now.unsigned_abs()).into();
    Code { digits, step: steps::step_at(now, fresh.authenticator.period).unwrap_or(0) }
}

/// One enrolment under way.
struct Enrolment<'a> {
    of: &'a Enrolling<'a>,
    place: Place,
    by: Registrar,
    fresh: &'a Fresh,
    held: &'a Held,
}

/// What `--unattended --json` prints.
#[derive(Serialize)]
struct Report<'a> {
    uri: &'a str,
    secret: &'a str,
    recovery_codes: Vec<&'a str>,
    path: String,
}

impl Enrolment<'_> {
    fn interactive(&self, account: &Account<'_>, help: Option<&str>) -> Result<Exit, Error> {
        let options = &self.of.options.key;
        let window = Window::current();
        terminal::print(&texts::enroll_introduction(options, help)).map_err(Error::Output)?;
        let shown = beside_words(options, self.fresh, account, &window);
        terminal::print(&shown).map_err(Error::Output)?;
        let code = change::confirm_with(&self.fresh.authenticator, self.held)?;
        terminal::print(texts::HASHING).map_err(Error::Output)?;
        let codes = self.fresh.recovery_codes.printable();
        let text = texts::enrolled(&codes, &self.path(), &self.registration());
        self.commit(Some(code), || terminal::print(&text))?;
        if self.by == Registrar::Helper {
            terminal::print(texts::REGISTERED).map_err(Error::Output)?;
        }
        Ok(Exit::Done)
    }

    fn unattended(&self, account: &Account<'_>) -> Result<Exit, Error> {
        if self.of.options.json {
            let codes: Vec<_> = self.fresh.recovery_codes.texts().collect();
            let report = Report {
                uri: &self.fresh.uri,
                secret: &self.fresh.secret_text,
                recovery_codes: codes.iter().map(|code| code.as_str()).collect(),
                path: self.path(),
            };
            return self.commit(None, || match terminal::print_json(&report) {
                Err(Error::Output(error)) => Err(error),
                _ => Ok(()),
            });
        }
        let picture = alone(&self.of.options.key, self.fresh, self.of.handed_over);
        let codes = self.fresh.recovery_codes.printable();
        let text = texts::unattended(
            account,
            self.fresh.words(),
            &picture,
            &codes,
            &self.path(),
            &self.registration(),
        );
        self.commit(None, || terminal::print(&text))
    }

    /// Shows the recovery codes, then writes and registers the credential: all of it or nothing.
    fn commit(&self, code: Option<Code>, show: impl FnOnce() -> std::io::Result<()>) -> Result<Exit, Error> {
        let credential = self.fresh.credential(clock::now());
        self.held.check()?;
        show().map_err(Error::NotShown)?;
        let Enrolling { paths, user, handed_over, .. } = *self.of;
        let written = match self.by {
            Registrar::Root => {
                let whose = Whose { user: user.clone(), way: Way::Directly, is_other: handed_over, paths };
                change::first_by_root(&whose, self.place, &credential, code.map(|code| code.step))
            }
            Registrar::Helper => {
                let code = code.unwrap_or_else(|| code_of_before(self.fresh));
                change::first_by_helper(&credential, &code.digits)
            }
            Registrar::FirstCode => self.write_only(credential.to_text().as_bytes()),
        };
        written.map(|()| Exit::Done).map_err(|error| Error::Void(Box::new(error)))
    }

    /// Without ledger and helper. Somebody may have been quicker while this one looked for their phone.
    fn write_only(&self, text: &[u8]) -> Result<(), Error> {
        match self.of.before(self.by)? {
            Before::Nothing => {}
            before => return Err(self.of.already(before)),
        }
        credential::write(self.of.paths, self.of.user, self.place, text)?;
        Ok(())
    }

    fn path(&self) -> String {
        present::path(self.of.paths, self.of.user, self.place).display().to_string()
    }

    fn registration(&self) -> String {
        if self.of.handed_over {
            return texts::handed_over(&self.of.user.name);
        }
        texts::registration(self.by, &self.of.user.name)
    }
}
