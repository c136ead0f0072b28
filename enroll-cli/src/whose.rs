//! Whose credential a command is about, and by which way it is changed: the caller's own through the check helper, which
//! wants a code; anybody's by root, who needs none, and is written down for it.

use twinlock_policy::{Decision, Policy, Requirement, Subject};
use twinlock_system::credential::Place;
use twinlock_system::ruling::Nss;
use twinlock_system::{Ledger, Paths, User, clock};
use twinlock_verifier::{Credential, Record};

use crate::caller::Caller;
use crate::error::{Error, Exit};
use crate::present::{self, Present};
use crate::{audit, helper};

/// The services that count where something is loosened, as the check helper has them.
const SERVICES: [&str; 5] = [helper::SERVICE, "sshd", "login", "su", "sudo"];

/// The way that a change takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By the check helper, after a code.
    Helper,
    /// By root's own hand.
    Directly,
}

/// A user, and the way.
pub struct Whose<'a> {
    /// The user.
    pub user: User,
    /// How their credential is changed.
    pub way: Way,
    /// It is not the caller.
    pub is_other: bool,
    /// Where everything is.
    pub paths: &'a Paths,
}

/// Does something to the credential of the caller, or of whom root names. What root does is written down as `event`.
///
/// # Errors
/// [`Error::AdministratorsOnly`], [`Error::NoHelper`], and whatever the act itself says.
pub fn on(
    event: &str,
    notes: &[(&str, &str)],
    name: Option<&str>,
    caller: &Caller,
    paths: &Paths,
    act: impl FnOnce(&Whose<'_>) -> Result<Exit, Error>,
) -> Result<Exit, Error> {
    let other = name.filter(|name| *name != caller.user.name);
    if other.is_none() && !caller.is_root {
        if !helper::is_installed() {
            return Err(Error::NoHelper);
        }
        return act(&Whose { user: caller.user.clone(), way: Way::Helper, is_other: false, paths });
    }
    audit::act(event, caller, |line| {
        let user = match other {
            Some(name) => User::by_name(name)?.ok_or_else(|| Error::NoSuchUser(name.to_owned()))?,
            None => caller.user.clone(),
        };
        line.on(&user.name);
        for (key, value) in notes {
            line.note(key, value);
        }
        act(&Whose { user, way: Way::Directly, is_other: other.is_some(), paths })
    })
}

impl Whose<'_> {
    /// The credential that counts, and where it is.
    ///
    /// # Errors
    /// [`Error`] when there is none, or none that this process can read and use.
    pub fn credential(&self) -> Result<(Credential, Place), Error> {
        match present::find(self.paths, &self.user)? {
            Present::Valid(credential, place) => Ok((credential, place)),
            Present::Damaged(fault, place) => {
                Err(Error::Damaged { path: present::path(self.paths, &self.user, place), fault })
            }
            Present::Absent => Err(self.absence()?),
        }
    }

    /// Why this process finds no credential.
    fn absence(&self) -> Result<Error, Error> {
        Ok(match self.way {
            Way::Directly if self.record()?.is_some_and(|record| record.enrolled) => {
                Error::CredentialMissing(self.user.name.clone())
            }
            Way::Directly if self.is_other => Error::NoCredentialOf(self.user.name.clone()),
            Way::Directly => Error::NoCredential,
            Way::Helper if !helper::is_installed() => Error::NoCredential,
            Way::Helper => {
                let standing = helper::standing()?;
                match standing.trouble {
                    Some(trouble) => Error::HelperUnavailable(trouble),
                    None if standing.enrolled => Error::Sealed,
                    None => Error::NoCredential,
                }
            }
        })
    }

    /// The user's record, which root can read.
    ///
    /// # Errors
    /// [`Error::System`].
    pub fn record(&self) -> Result<Option<Record>, Error> {
        Ok(Ledger::new(self.paths).read(&self.user)?)
    }

    /// The name to mention where it is not the caller's.
    pub fn other(&self) -> Option<&str> {
        self.is_other.then_some(self.user.name.as_str())
    }
}

/// What the policy says about the user at each of the services that count.
pub fn decisions(policy: &Policy, user: &User) -> Vec<Decision> {
    let now = clock::now();
    let decide = |service| {
        let subject = Subject {
            user: &user.name,
            uid: user.uid,
            gid: user.gid,
            service,
            rhost: None,
            now,
            clock_is_behind: now < clock::BUILT,
        };
        policy.decide(&subject, &mut Nss { user })
    };
    SERVICES.into_iter().map(decide).collect()
}

/// Whether a code is required of the user at any of them.
pub fn is_required(policy: &Policy, user: &User) -> bool {
    decisions(policy, user).iter().any(|decision| decision.requirement == Requirement::Required)
}
