//! `twinlock enroll`: a new credential for the caller. Until the credential is written nothing is changed, and once it
//! is, its recovery codes have been shown: whatever goes wrong between the two takes it back.

mod fresh;
mod picture;

use serde::Serialize;
use twinlock_enrollment::Account;
use twinlock_policy::Store;
use twinlock_system::credential::{self, Place};
use twinlock_system::ledger::Keep;
use twinlock_system::{Ledger, Paths, clock, host_name};
use twinlock_verifier::steps::{self, Match};
use twinlock_verifier::{Credential, Typed};

use crate::caller::Caller;
use crate::cli::{Enroll, Qr};
use crate::error::{Error, Exit};
use crate::present::{self, Present};
use crate::terminal::{self, Echo, Held, Window};
use crate::{in_force, texts};
use fresh::Fresh;
use picture::PictureFile;

/// Enrols the caller.
///
/// # Errors
/// [`Error`]; then there is no new credential.
pub fn run(options: &Enroll, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    check_usage(options)?;
    if !options.unattended && !terminal::is_interactive() {
        return Err(Error::NoTerminal);
    }
    let policy = in_force::read(paths);
    if !policy.faults.is_empty() {
        terminal::complain(&texts::policy_is_broken_meanwhile());
    }
    let place = place(policy.policy.credential_store(), caller)?;
    nothing_is_there(caller, paths)?;
    ready_to_write(place, caller, paths)?;

    let host = host_name();
    let name = format!("{}@{host}", caller.user.name);
    let account = Account { issuer: policy.policy.issuer().unwrap_or(&host), account: &name };
    let fresh = Fresh::draw(options, &account)?;
    let held = Held::begin()?;
    let file = PictureFile::create(options, &fresh)?;

    let enrolment = Enrolment { options, caller, paths, place, fresh: &fresh, held: &held };
    let outcome = if options.unattended {
        enrolment.unattended(&account)
    } else {
        enrolment.interactive(&account, policy.policy.help())
    };
    match (&outcome, file) {
        (Ok(_), Some(file)) if !options.json => terminal::complain(&texts::picture_is_a_secret(file.path())),
        (Err(_), Some(file)) => file.remove(),
        _ => {}
    }
    outcome
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

/// Where the policy wants new credentials, if the caller can write there.
fn place(store: Store, caller: &Caller) -> Result<Place, Error> {
    match store {
        Store::Home if credential::has_home(&caller.user) => Ok(Place::Home),
        Store::Home => Err(Error::NoHome(caller.user.home.clone())),
        Store::System if caller.is_root => Ok(Place::System),
        Store::System => Err(Error::StoreIsRoots),
    }
}

fn nothing_is_there(caller: &Caller, paths: &Paths) -> Result<(), Error> {
    let path = |place| present::path(paths, &caller.user, place);
    match present::find(paths, &caller.user)? {
        Present::Absent => Ok(()),
        Present::Valid(credential, place) => {
            let labels = credential.authenticators.into_iter().map(|one| one.label).collect();
            Err(Error::AlreadyEnrolled { path: path(place), labels })
        }
        Present::Damaged(fault, place) => Err(Error::Damaged { path: path(place), fault }),
    }
}

/// Finds out before anybody takes out a phone what would fail afterwards.
fn ready_to_write(place: Place, caller: &Caller, paths: &Paths) -> Result<(), Error> {
    if clock::now() < clock::BUILT {
        return Err(Error::Clock(clock::now()));
    }
    if caller.is_root {
        Ledger::new(paths).read(&caller.user)?;
    }
    if place == Place::System {
        // Reading goes through the same folder and the same checks as writing.
        credential::read(paths, &caller.user)?;
    }
    Ok(())
}

/// One enrolment under way.
struct Enrolment<'a> {
    options: &'a Enroll,
    caller: &'a Caller,
    paths: &'a Paths,
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
        terminal::print(&texts::enroll_introduction(self.options, help)).map_err(Error::Output)?;
        let shown = picture::beside_words(self.options, self.fresh, account, &window);
        terminal::print(&shown).map_err(Error::Output)?;
        let step = self.confirm()?;
        terminal::print(texts::HASHING).map_err(Error::Output)?;
        let text =
            texts::enrolled(&self.fresh.recovery_codes.printable(), &self.path(), &self.registration());
        self.commit(Some(step), || terminal::print(&text))
    }

    fn unattended(&self, account: &Account<'_>) -> Result<Exit, Error> {
        if self.options.json {
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
        let picture = picture::alone(self.options, self.fresh, &Window::current());
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
        nothing_is_there(self.caller, self.paths)?;
        self.held.check()?;
        credential::write(self.paths, &self.caller.user, self.place, credential.to_text().as_bytes())?;
        let finished = show().map_err(Error::NotShown).and_then(|()| self.register(&credential, step));
        if finished.is_err() {
            credential::remove(self.paths, &self.caller.user, self.place)?;
        }
        finished.map(|()| Exit::Done)
    }

    /// As root: makes the ledger know the credential, and the code just typed as used up.
    fn register(&self, credential: &Credential, step: Option<u64>) -> Result<(), Error> {
        if !self.caller.is_root {
            return Ok(());
        }
        let now = clock::now();
        let registered = Ledger::new(self.paths).change(&self.caller.user, now, |change| {
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
        present::path(self.paths, &self.caller.user, self.place).display().to_string()
    }

    fn registration(&self) -> String {
        texts::registration(self.caller.is_root, &self.caller.user.name)
    }
}
