//! `twinlock authenticators`: the phones of a user, or of all who share a login, by name. Every change is one edit of the
//! credential, which takes a code or is root's; the last authenticator is never removed.

mod add;

use serde::Serialize;
use twinlock_system::Paths;
use twinlock_verifier::{Authenticator, Credential};

use crate::caller::Caller;
use crate::change::{self, Edit};
use crate::cli::{Authenticators, Own};
use crate::error::{Error, Exit};
use crate::status::AuthenticatorState;
use crate::terminal::{self, Held};
use crate::whose::{self, Whose};
use crate::{in_force, status, texts};

pub use add::{Addition, Replaces, add};

/// What `list` reports, and what a change leaves.
#[derive(Debug, Serialize)]
pub struct List {
    pub user: String,
    pub changed: bool,
    pub authenticators: Vec<AuthenticatorState>,
}

/// Does one of the subcommands.
///
/// # Errors
/// [`Error`]; then everything is as it was, but for a code that was used up.
pub fn run(command: &Authenticators, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    match command {
        Authenticators::List(own) => list(own, caller, paths),
        Authenticators::Add(options) => add::run(options, caller, paths),
        Authenticators::Rename { old, new, own } => {
            let notes = [("change", "renamed"), ("authenticator", old.as_str()), ("new_name", new)];
            whose::on("admin_authenticators", &notes, own.user.as_deref(), caller, paths, |whose| {
                edit(whose, own, &|current| renamed(current, old, new))
            })
        }
        Authenticators::Remove { name, own } => {
            let notes = [("change", "removed"), ("authenticator", name.as_str())];
            whose::on("admin_authenticators", &notes, own.user.as_deref(), caller, paths, |whose| {
                edit(whose, own, &|current| without(current, name, whose.other()))
            })
        }
    }
}

fn list(own: &Own, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    let status = status::of(own.user.as_deref(), caller, paths)?;
    match (status.credential.state, status.is_sound()) {
        ("absent", true) if own.user.is_some() => return Err(Error::NoCredentialOf(status.user)),
        ("absent", true) => return Err(Error::NoCredential),
        ("sealed", _) => return Err(Error::Sealed),
        ("valid", _) => {}
        // What is wrong is `status`'s to tell, whole.
        _ => return Err(Error::NotListed),
    }
    let list = List { user: status.user, changed: false, authenticators: status.credential.authenticators };
    tell(&list, own.json)
}

fn tell(list: &List, json: bool) -> Result<Exit, Error> {
    if json {
        terminal::print_json(list)?;
    } else {
        terminal::print(&texts::authenticators(list)).map_err(Error::Output)?;
    }
    Ok(Exit::Done)
}

fn edit(
    whose: &Whose<'_>,
    own: &Own,
    make: &dyn Fn(&Credential) -> Result<Credential, Error>,
) -> Result<Exit, Error> {
    // What cannot be done is said before a code is asked for.
    make(&whose.credential()?.0)?;
    let make = |current: Option<&Credential>| make(current.ok_or(Error::Sealed)?);
    let held = Held::begin()?;
    let changed = change::make(whose, Edit { make: &make, added: None, replaces_all: false }, &held)?;
    let list = List {
        user: whose.user.name.clone(),
        changed: true,
        authenticators: status::authenticators(&changed, None),
    };
    tell(&list, own.json)
}

fn renamed(current: &Credential, old: &str, new: &str) -> Result<Credential, Error> {
    let mut next = current.clone();
    if old != new && current.authenticators.iter().any(|one| one.label == new) {
        return Err(Error::LabelTaken(new.to_owned()));
    }
    find(&mut next.authenticators, old)?.label = new.to_owned();
    Ok(next)
}

fn without(current: &Credential, name: &str, other: Option<&str>) -> Result<Credential, Error> {
    let mut next = current.clone();
    let id = find(&mut next.authenticators, name)?.id;
    next.authenticators.retain(|one| one.id != id);
    if next.authenticators.is_empty() {
        return Err(Error::LastAuthenticator { label: name.to_owned(), user: other.map(str::to_owned) });
    }
    Ok(next)
}

fn find<'a>(all: &'a mut [Authenticator], name: &str) -> Result<&'a mut Authenticator, Error> {
    let labels = all.iter().map(|one| one.label.clone()).collect();
    let found = all.iter_mut().find(|one| one.label == name);
    found.ok_or_else(|| Error::NoSuchAuthenticator { label: name.to_owned(), labels })
}

/// The policy's help and faults are told once, where a phone is set up.
fn policy_for_setting_up(paths: &Paths) -> twinlock_policy::Policy {
    let read = in_force::read(paths);
    if !read.faults.is_empty() {
        terminal::complain(&texts::policy_is_broken_meanwhile());
    }
    read.policy
}
