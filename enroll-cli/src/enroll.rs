//! `twinlock enroll`: a new credential for the caller, or by root for a user who is handed what is printed. Until the
//! credential is written nothing is changed, and once it is, its recovery codes have been shown: whatever goes wrong
//! between the two takes it back.
//!
//! What root sets up for somebody is registered at once, so that it works where nobody may enrol by themselves; no login
//! of theirs goes without a code from then on. That the phone has the key only their first accepted code shows: until
//! then `report` has it as never used.

mod fresh;
mod picture;

use serde::Serialize;
use twinlock_enrollment::Account;
use twinlock_policy::Store;
use twinlock_system::credential::{self, Place};
use twinlock_system::ledger::Keep;
use twinlock_system::{Ledger, Paths, User, clock, host_name};
use twinlock_verifier::steps::{self, Match};
use twinlock_verifier::{Credential, Typed};

use crate::caller::Caller;
use crate::cli::{Enroll, Qr};
use crate::error::{Error, Exit};
use crate::present::{self, Present};
use crate::terminal::{self, Echo, Held, Window};
use crate::{audit, in_force, texts};
use fresh::Fresh;
use picture::PictureFile;

/// Enrols the caller, or whom root names.
///
/// # Errors
/// [`Error`]; then there is no new credential.
pub fn run(options: &Enroll, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    match options.user.as_deref().filter(|name| *name != caller.user.name) {
        None => Enrolling { options, user: &caller.user, handed_over: false, caller, paths }.run(),
        Some(name) => audit::act("admin_enroll", caller, |act| {
            let user = User::by_name(name)?.ok_or_else(|| Error::NoSuchUser(name.to_owned()))?;
            act.on(&user.name).note("authenticator", &options.label);
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

impl Enrolling<'_> {
    fn run(&self) -> Result<Exit, Error> {
        let Enrolling { options, paths, .. } = *self;
        check_usage(options)?;
        let asks = !options.unattended && !self.handed_over;
        if asks && !terminal::is_interactive() {
            return Err(Error::NoTerminal);
        }
        let policy = in_force::read(paths);
        if !policy.faults.is_empty() {
            terminal::complain(&texts::policy_is_broken_meanwhile());
        }
        let place = self.place(policy.policy.credential_store())?;
        self.nothing_is_there()?;
        self.ready_to_write(place)?;

        let host = host_name();
        let name = format!("{}@{host}", self.user.name);
        let account = Account { issuer: policy.policy.issuer().unwrap_or(&host), account: &name };
        let fresh = Fresh::draw(options, &account)?;
        let held = Held::begin()?;
        let file = PictureFile::create(options, &fresh)?;

        let enrolment = Enrolment { of: self, place, fresh: &fresh, held: &held };
        let outcome = if asks {
            enrolment.interactive(&account, policy.policy.help())
        } else {
            enrolment.unattended(&account)
        };
        match (&outcome, file) {
            (Ok(_), Some(file)) if !options.json => {
                terminal::complain(&texts::picture_is_a_secret(file.path()));
            }
            (Err(_), Some(file)) => file.remove(),
            _ => {}
        }
        outcome
    }

    /// Where the policy wants new credentials, if they can be written there.
    fn place(&self, store: Store) -> Result<Place, Error> {
        match store {
            Store::Home if credential::has_home(self.user) => Ok(Place::Home),
            // As a first login would do it.
            Store::Home if self.handed_over => Ok(Place::System),
            Store::Home => Err(Error::NoHome(self.user.home.clone())),
            Store::System if self.caller.is_root => Ok(Place::System),
            Store::System => Err(Error::StoreIsRoots),
        }
    }

    fn nothing_is_there(&self) -> Result<(), Error> {
        let path = |place| present::path(self.paths, self.user, place);
        match present::find(self.paths, self.user)? {
            Present::Absent => Ok(()),
            Present::Valid(credential, place) => {
                let labels = credential.authenticators.into_iter().map(|one| one.label).collect();
                let user = self.handed_over.then(|| self.user.name.clone());
                Err(Error::AlreadyEnrolled { path: path(place), labels, user })
            }
            Present::Damaged(fault, place) => Err(Error::Damaged { path: path(place), fault }),
        }
    }

    /// Finds out before anybody takes out a phone what would fail afterwards.
    fn ready_to_write(&self, place: Place) -> Result<(), Error> {
        if clock::now() < clock::BUILT {
            return Err(Error::Clock(clock::now()));
        }
        if self.caller.is_root {
            Ledger::new(self.paths).read(self.user)?;
        }
        if place == Place::System {
            // Reading goes through the same folder and the same checks as writing.
            credential::read(self.paths, self.user)?;
        }
        Ok(())
    }
}

fn check_usage(options: &Enroll) -> Result<(), Error> {
    let to_file = matches!(options.qr, Some(Qr::Svg | Qr::Png));
    match (to_file, &options.output) {
        (true, None) => Err(Error::OutputMissing),
        (false, Some(_)) => Err(Error::OutputUnused),
        _ if options.json && matches!(options.qr, Some(Qr::Ansi | Qr::Utf8 | Qr::Ascii)) => {
            Err(Error::PictureInJson)
        }
        _ => Ok(()),
    }
}

/// One enrolment under way.
struct Enrolment<'a> {
    of: &'a Enrolling<'a>,
    place: Place,
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
        let window = Window::current();
        terminal::print(&texts::enroll_introduction(self.of.options, help)).map_err(Error::Output)?;
        let shown = picture::beside_words(self.of.options, self.fresh, account, &window);
        terminal::print(&shown).map_err(Error::Output)?;
        let step = self.confirm()?;
        terminal::print(texts::HASHING).map_err(Error::Output)?;
        let text =
            texts::enrolled(&self.fresh.recovery_codes.printable(), &self.path(), &self.registration());
        self.commit(Some(step), || terminal::print(&text))
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
        let picture = picture::alone(self.of.options, self.fresh, self.of.handed_over);
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

    /// Asks until a code is right, and returns its step.
    fn confirm(&self) -> Result<u64, Error> {
        let mut prompt = texts::VERIFICATION_CODE.to_owned();
        loop {
            let answer = terminal::ask(&prompt, Echo::On, self.held)?.ok_or(Error::Cancelled)?;
            let typed = Typed::from_bytes(&answer);
            let wrong = match &typed {
                Typed::Empty => return Err(Error::Cancelled),
                Typed::Code(code) => match steps::find(&self.fresh.authenticator, code, clock::now(), 0, 0) {
                    Match::Fresh { step, .. } => return Ok(step),
                    Match::Replayed | Match::None => texts::code_was_not_right(&self.fresh.authenticator),
                },
                Typed::Recovery(_) | Typed::Unshaped => {
                    texts::not_shaped_like_a_code(&self.fresh.authenticator)
                }
            };
            prompt = format!("{wrong}{}", texts::VERIFICATION_CODE);
        }
    }

    /// Writes the credential, shows its recovery codes and, as root, registers it: all of it or nothing.
    fn commit(&self, step: Option<u64>, show: impl FnOnce() -> std::io::Result<()>) -> Result<Exit, Error> {
        let credential = self.fresh.credential(clock::now());
        // Somebody may have been quicker while this one looked for their phone.
        self.of.nothing_is_there()?;
        self.held.check()?;
        let (paths, user) = (self.of.paths, self.of.user);
        credential::write(paths, user, self.place, credential.to_text().as_bytes())?;
        let finished = show().map_err(Error::NotShown).and_then(|()| self.register(&credential, step));
        if finished.is_err() {
            credential::remove(paths, user, self.place)?;
        }
        finished.map(|()| Exit::Done)
    }

    /// As root: makes the ledger know the credential, and the code just typed as used up.
    fn register(&self, credential: &Credential, step: Option<u64>) -> Result<(), Error> {
        if !self.of.caller.is_root {
            return Ok(());
        }
        let now = clock::now();
        let registered = Ledger::new(self.of.paths).change(self.of.user, now, |change| {
            change.record.register(credential);
            change.record.switched_off = false;
            for entry in &mut change.record.authenticators {
                entry.last_step = entry.last_step.max(step.unwrap_or(0));
            }
            ((), Keep::Record)
        });
        registered.map_err(Error::NotRegistered)
    }

    fn path(&self) -> String {
        present::path(self.of.paths, self.of.user, self.place).display().to_string()
    }

    fn registration(&self) -> String {
        if self.of.handed_over {
            return texts::handed_over(&self.of.user.name);
        }
        texts::registration(self.of.caller.is_root, &self.of.user.name)
    }
}
