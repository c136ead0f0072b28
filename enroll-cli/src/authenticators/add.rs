//! `twinlock authenticators add`, and what `twinlock enroll` does for somebody who has one already: a new authenticator
//! beside the others, in the place of one, or in the place of all.

use serde::Serialize;
use twinlock_enrollment::Account;
use twinlock_policy::Policy;
use twinlock_system::{Paths, clock, host_name};
use twinlock_verifier::credential::MAX_AUTHENTICATORS;
use twinlock_verifier::{Authenticator, Credential};
use zeroize::Zeroizing;

use crate::caller::Caller;
use crate::change::{self, Added, Edit};
use crate::cli::{Add, NewKey};
use crate::enroll::{self, Fresh, PictureFile};
use crate::error::{Error, Exit};
use crate::present;
use crate::terminal::{self, Held, Window};
use crate::texts;
use crate::whose::{self, Way, Whose};

/// What the new authenticator takes the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaces {
    /// It comes beside the others.
    Nothing,
    /// The authenticator of this number; recovery codes stay.
    One(u32),
    /// Everything, recovery codes too.
    All,
}

/// A new authenticator for somebody who has one.
pub struct Addition<'a> {
    pub label: &'a str,
    pub replaces: Replaces,
    pub key: &'a NewKey,
    pub unattended: bool,
    pub json: bool,
    pub whose: &'a Whose<'a>,
}

/// What `--unattended --json` prints.
#[derive(Serialize)]
struct Report<'a> {
    user: &'a str,
    label: &'a str,
    uri: &'a str,
    secret: &'a str,
    path: String,
}

/// `twinlock authenticators add`.
///
/// # Errors
/// [`Error`]; then everything is as it was, but for a code that was used up.
pub fn run(options: &Add, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    enroll::check_usage(&options.key, options.json)?;
    let notes = [("change", "added"), ("authenticator", options.name.as_str())];
    whose::on("admin_authenticators", &notes, options.user.as_deref(), caller, paths, |whose| {
        let unattended = options.unattended || whose.is_other;
        if !unattended && !terminal::is_interactive() {
            return Err(Error::NoTerminal);
        }
        let addition = Addition {
            label: &options.name,
            replaces: Replaces::Nothing,
            key: &options.key,
            unattended,
            json: options.json,
            whose,
        };
        // What cannot be done is said before anybody takes out a phone.
        addition.with(&whose.credential()?.0, None)?;
        let policy = super::policy_for_setting_up(paths);
        add(&addition, &policy, &Held::begin()?)
    })
}

/// Sets it up: shows the key, asks for its code and for one of what is there, and changes the credential.
///
/// # Errors
/// [`Error`]; then everything is as it was, but for a code that was used up.
pub fn add(addition: &Addition<'_>, policy: &Policy, held: &Held) -> Result<Exit, Error> {
    if clock::now() < clock::BUILT {
        return Err(Error::Clock(clock::now()));
    }
    let host = host_name();
    let name = format!("{}@{host}", addition.whose.user.name);
    let account = Account { issuer: policy.issuer().unwrap_or(&host), account: &name };
    let fresh = Fresh::draw(addition.key, addition.label, &account)?;
    let file = PictureFile::create(addition.key, &fresh)?;
    let outcome = addition.set_up(&fresh, &account, policy.help(), held);
    enroll::settle(file, &outcome, addition.json);
    outcome
}

impl Addition<'_> {
    fn set_up(
        &self,
        fresh: &Fresh,
        account: &Account<'_>,
        help: Option<&str>,
        held: &Held,
    ) -> Result<Exit, Error> {
        let code = if !self.unattended {
            let introduction =
                texts::add_introduction(self.label, self.whose.way == Way::Helper, self.key, help);
            terminal::print(&introduction).map_err(Error::Output)?;
            let shown = enroll::beside_words(self.key, fresh, account, &Window::current());
            terminal::print(&shown).map_err(Error::Output)?;
            Some(change::confirm_with(&fresh.authenticator, held)?)
        } else {
            (self.whose.way == Way::Helper).then(|| enroll::code_of_before(fresh))
        };
        // Slow, so before a code is asked for that is only right for a while.
        let whole = (self.replaces == Replaces::All).then(|| {
            terminal::complain(texts::HASHING);
            fresh.credential(clock::now())
        });
        let make = |current: Option<&Credential>| match (&whole, current) {
            (Some(whole), _) => Ok(whole.clone()),
            (None, Some(current)) => self.with(current, Some(&fresh.authenticator)),
            (None, None) => Err(Error::Sealed),
        };
        let added = Added { authenticator: &fresh.authenticator, code, can_ask: !self.unattended };
        let edit = Edit { make: &make, added: Some(added), replaces_all: whole.is_some() };
        if self.unattended {
            // A key that nobody has seen would be set up for nobody.
            self.show(fresh, account)?;
            change::make(self.whose, edit, held).map_err(|error| Error::Void(Box::new(error)))?;
            return Ok(Exit::Done);
        }
        let changed = change::make(self.whose, edit, held)?;
        let text = match whole {
            Some(_) => texts::all_replaced(&fresh.recovery_codes.printable()),
            None => Zeroizing::new(texts::added(self.label, self.replaces, &changed)),
        };
        terminal::print(&text).map_err(Error::NotShownAfterwards)?;
        Ok(Exit::Done)
    }

    fn show(&self, fresh: &Fresh, account: &Account<'_>) -> Result<(), Error> {
        let user = &self.whose.user;
        let path = match present::find(self.whose.paths, user)? {
            present::Present::Valid(_, place) => present::path(self.whose.paths, user, place),
            _ => return Err(Error::CredentialChanged),
        };
        let path = path.display().to_string();
        if self.json {
            return terminal::print_json(&Report {
                user: &user.name,
                label: self.label,
                uri: &fresh.uri,
                secret: &fresh.secret_text,
                path,
            });
        }
        let picture = enroll::alone(self.key, fresh, self.whose.is_other);
        let text =
            texts::added_unattended(self.label, account, fresh.words(), &picture, &path, self.whose.other());
        terminal::print(&text).map_err(Error::NotShown)
    }

    /// The credential with the new authenticator, or only whether that would do.
    fn with(&self, current: &Credential, new: Option<&Authenticator>) -> Result<Credential, Error> {
        let mut next = current.clone();
        let old = match self.replaces {
            Replaces::One(id) => {
                let old = next.authenticators.iter().position(|one| one.id == id);
                Some(old.ok_or(Error::CredentialChanged)?)
            }
            Replaces::Nothing | Replaces::All => None,
        };
        let mut others = next.authenticators.iter().enumerate().filter(|(place, _)| Some(*place) != old);
        if others.any(|(_, one)| one.label == self.label) {
            return Err(Error::LabelTaken(self.label.to_owned()));
        }
        if old.is_none() && next.authenticators.len() >= MAX_AUTHENTICATORS {
            return Err(Error::TooManyAuthenticators);
        }
        let Some(new) = new else { return Ok(next) };
        let new = Authenticator { id: free_id(current), enrolled: clock::now(), ..new.clone() };
        match old.and_then(|place| next.authenticators.get_mut(place)) {
            Some(old) => *old = new,
            None => next.authenticators.push(new),
        }
        Ok(next)
    }
}

/// A number that no authenticator has, so that logs can tell a new one from an old one of the same name.
fn free_id(current: &Credential) -> u32 {
    let last = current.authenticators.iter().map(|one| one.id).max().unwrap_or(0);
    let is_free = |id: &u32| current.authenticators.iter().all(|one| one.id != *id);
    last.checked_add(1).or_else(|| (1..=u32::MAX).find(is_free)).unwrap_or(1)
}
