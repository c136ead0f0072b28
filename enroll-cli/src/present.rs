//! What a user has already: the credential as it is found, told apart into none, a good one and a damaged one.

use std::path::PathBuf;

use twinlock_system::credential::{self, Found, Place};
use twinlock_system::{Fault, Paths, User};
use twinlock_verifier::{Credential, CredentialFault};

/// A user's credential as it was found.
pub enum Present {
    /// None.
    Absent,
    /// One that can be used.
    Valid(Credential, Place),
    /// One that cannot.
    Damaged(CredentialFault, Place),
}

/// Looks for a user's credential.
///
/// # Errors
/// A [`Fault`] when it cannot be told whether there is one, or it is not safe to read.
pub fn find(paths: &Paths, user: &User) -> Result<Present, Fault> {
    Ok(match credential::read(paths, user)? {
        Found::Absent => Present::Absent,
        Found::Bytes(bytes, place) => match Credential::parse(&bytes) {
            Ok(credential) => Present::Valid(credential, place),
            Err(fault) => Present::Damaged(fault, place),
        },
    })
}

/// The path of a credential.
pub fn path(paths: &Paths, user: &User, place: Place) -> PathBuf {
    match place {
        Place::Home => credential::home_path(user),
        Place::System => credential::system_path(paths, user.uid),
    }
}
