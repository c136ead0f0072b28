//! How a user stands: enrolled, not enrolled, or not to be known just now. Absent is not unreadable, and what
//! the ledger says is believed before what a home says.

use std::fmt;
use std::path::PathBuf;

use twinlock_verifier::{Credential, CredentialFault, Identified, Record};
use zeroize::Zeroizing;

use crate::credential::{Found, Place, home_path, read, system_path};
use crate::{Fault, Paths, User};

/// How a user stands.
#[derive(Debug)]
pub enum Standing {
    /// There is a credential, and the ledger has nothing against it.
    Enrolled(Box<Identified>),
    /// There is neither a credential nor a record of one.
    NotEnrolled,
    /// The user turned it off; it counts only where a code is required.
    SwitchedOff(Box<Identified>),
}

/// Why it cannot be known.
#[derive(Debug)]
pub enum Trouble {
    /// A file or a look-up.
    Fault(Fault),
    /// The credential cannot be used.
    Credential(CredentialFault, PathBuf),
    /// The ledger knows an enrolled user, and there is no credential.
    CredentialMissing(PathBuf),
    /// The credential holds something that was never registered.
    Unregistered(PathBuf),
}

impl Trouble {
    /// A word for the log's `reason=`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Fault(fault) => fault.reason(),
            Self::Credential(..) => "credential_damaged",
            Self::CredentialMissing(_) => "credential_missing",
            Self::Unregistered(_) => "credential_unregistered",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Credential(fault, path) => {
                write!(f, "{}: {fault}; `twinlock reset` starts it anew", path.display())
            }
            Self::CredentialMissing(path) => write!(
                f,
                "{} is gone, and the ledger knows that there was one; bring it back or `twinlock reset` the user",
                path.display()
            ),
            Self::Unregistered(path) => write!(
                f,
                "{} holds an authenticator or recovery codes that were never registered; bring the old file \
                 back or `twinlock reset` the user",
                path.display()
            ),
        }
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Standing {
    /// Reads the credential and compares it with the record.
    ///
    /// # Errors
    /// [`Trouble`]: then nobody is let in, whatever the policy says.
    pub fn of(paths: &Paths, user: &User, record: &Result<Option<Record>, Fault>) -> Result<Self, Trouble> {
        let record = record.as_ref().map_err(|fault| Trouble::Fault(fault.clone()))?.as_ref();
        let enrolled = record.filter(|record| record.enrolled);
        let (bytes, place) = match (read(paths, user)?, enrolled) {
            (Found::Bytes(bytes, place), _) => (bytes, place),
            (Found::Absent, None) => return Ok(Self::NotEnrolled),
            (Found::Absent, Some(_)) => return Err(Trouble::CredentialMissing(home_path(user))),
        };
        let path = || match place {
            Place::Home => home_path(user),
            Place::System => system_path(paths, user.uid),
        };
        let parsed = Credential::parse(&bytes);
        wipe(bytes);
        let credential = parsed.map_err(|fault| Trouble::Credential(fault, path()))?;
        let credential = Identified::from(credential);
        match enrolled {
            Some(record) if !record.knows(&credential) => Err(Trouble::Unregistered(path())),
            Some(record) if record.switched_off => Ok(Self::SwitchedOff(Box::new(credential))),
            _ => Ok(Self::Enrolled(Box::new(credential))),
        }
    }
}

/// Wipes the credential's text as `Zeroizing` would, but in one go: byte by byte it costs as much as half the parsing.
fn wipe(mut bytes: Zeroizing<Vec<u8>>) {
    let mut bytes = std::mem::take(&mut *bytes);
    bytes.fill(0);
    // Nobody reads these zeros, and yet they are written.
    zeroize::optimization_barrier(bytes.as_slice());
}
